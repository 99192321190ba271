#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sparseloom/simulate/finish_table.h"
#include "sparseloom/simulate/metrics.h"

namespace sparseloom::simulate {

/// Requests in order of arrival, each with its truth; ids count from 0.
class RequestSource {
 public:
  virtual ~RequestSource() = default;
  /// Nothing: there are no more.
  virtual Result<std::optional<Query>> next() = 0;
};

/// What policies are compared on.
struct Stage {
  std::shared_ptr<const plan::Plan> plan;
  soc::Pools pools;
  Admission admission = Admission::kStandard;
  World& world;
};

struct CompareOptions {
  FinishTable* finish_table = nullptr;      ///< not owned; gets every finish time
  Observer* observer = nullptr;             ///< not owned; hears of the first policy
  const std::atomic<bool>* stop = nullptr;  ///< set from outside: kCancelled
};

/// Plays the same requests under every policy, all side by side, so that the source is read once and nothing is kept of
/// it. Results in the order of `policies`. kInvalidArgument: an unknown policy, or what Simulation::make says;
/// kMalformed if there are no requests; what the source and the table say.
Result<std::vector<Metrics>> compare_policies(const Stage& stage, const std::vector<std::string_view>& policies,
                                              RequestSource& requests, const CompareOptions& options);

}  // namespace sparseloom::simulate
