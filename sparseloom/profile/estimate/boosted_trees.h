// Private to profile: gradient-boosted regression trees by XGBoost, whose types appear here alone.
#pragma once

#include <memory>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom::profile {

/// Rows of equally many numbers.
using Rows = std::vector<std::vector<float>>;

/// Least-squares boosted trees (Chen and Guestrin 2016), depth 3, 200 rounds at rate 0.1 on one thread: deterministic.
class BoostedTrees {
 public:
  /// kInternal carries what XGBoost says.
  static Result<BoostedTrees> fit(const Rows& features, const std::vector<float>& targets);
  Result<std::vector<float>> predict(const Rows& features) const;

  BoostedTrees(BoostedTrees&&) noexcept;
  BoostedTrees& operator=(BoostedTrees&&) noexcept;
  ~BoostedTrees();

 private:
  struct Booster;
  explicit BoostedTrees(std::unique_ptr<Booster> booster);
  std::unique_ptr<Booster> booster_;
};

}  // namespace sparseloom::profile
