#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/plan/preload.h"

namespace sparseloom::eval {

/// Violations within a memory budget, by one way of preloading: the paper's "hotness" over all stitched variants that
/// keep a configuration's bounds, or "knapsack" over those that the planner picks; "full" has everything.
struct MemoryPoint {
  std::string preloader;
  double share = 0;  ///< budget over what full preloading takes
  Bytes budget, resident;
  double attainment = 0;      ///< plan::Preload
  double violation_rate = 0;  ///< mean over the configurations
};

/// The referenced objects must outlive the call.
struct MemoryInput {
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  const profile::Profile& profile;
  const std::vector<plan::SloConfig>& configurations;  ///< what is preloaded for, and played
  const plan::Planner& planner;
  std::vector<double> shares;               ///< budgets, 0..1 of full preloading
  std::string policy = "edf";               ///< that the episodes are scheduled by
  const std::atomic<bool>* stop = nullptr;  ///< set from outside: kCancelled; not owned
};

/// For full preloading, and for every preloader and budget: what is kept, and the violation rate of simulated episodes
/// in which whatever is not kept has to be loaded on demand, which takes longer than any bound allows. The planner
/// knows what is kept. Errors: those of planning and of simulating.
Result<std::vector<MemoryPoint>> memory_curve(const MemoryInput& input);

/// Violation rates that differ by no more are the same: planners take such plans for ties.
inline constexpr double kSameRate = 0.005;

/// The least share of full preloading's bytes that `preloader` keeps without violating more than full preloading (by
/// more than kSameRate); none if it always does.
std::optional<double> least_share(const std::vector<MemoryPoint>& points, const std::string& preloader);

}  // namespace sparseloom::eval
