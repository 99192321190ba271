#pragma once

#include <vector>

#include "sparseloom/place/evaluate.h"
#include "sparseloom/place/search/frontier.h"

namespace sparseloom::place {

/// The additive cost model (evaluate.h) as labels: the sum so far, and for every tensor that is alive what it costs
/// until it has arrived: by processor, by share for readers that go along (0 or never), and at the host.
class AdditiveLabels final : public LabelModel {
 public:
  AdditiveLabels(const CostTable& table, const std::vector<Share>& shares);

  std::size_t width(std::size_t groups) const override { return offsets_[groups].back(); }
  void extend(const double* from, std::size_t group, std::size_t share, double* to) const override;
  double bound(const double* label, std::size_t groups) const override { return label[0] + rest_[groups]; }
  double total(const double* label) const override;
  bool dominates(const double* a, const double* b, std::size_t groups) const override;
  void merge(double* into, const double* other, std::size_t groups) const override;
  double rank(const double* label) const override { return label[0]; }

 private:
  std::size_t size_of(std::size_t tensor) const;
  double slowest(std::size_t group, const Share& share) const;
  void write(std::size_t group, std::size_t share, double* at) const;

  const CostTable& table_;
  const std::vector<Share>& shares_;
  Frontiers frontiers_;
  std::size_t processors_, splits_;
  std::vector<std::vector<std::size_t>> offsets_;  // by number of groups and tensor alive; last: the width
  std::vector<double> rest_;                       // by number of groups: what the others take at least
  mutable std::vector<double> scratch_;
};

}  // namespace sparseloom::place
