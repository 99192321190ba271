#pragma once

#include <vector>

#include "sparseloom/base/thread.h"
#include "sparseloom/profile/measure/progress.h"
#include "sparseloom/profile/measure/stages.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::profile {

struct ChainLatencyOptions {
  int rounds = 15;
  std::size_t together = 4;  ///< chains that are run once before they are timed: one per task (time_in_warm_groups())
  std::vector<CpuIndex> cores;  ///< that it is run on
  Control control;
};

/// A stitched variant run whole on one processor, and its stages run alone.
struct ChainLatency {
  zoo::Sigma sigma;
  Seconds chain{0};   ///< median
  Seconds stages{0};  ///< sum of the stages' medians, each run alone in the same rounds
};

/// Runs every σ as a chain and each of its stages by itself, in rounds over all of them in a seeded order, so that a
/// disturbance hits both alike. Stages run on what some chain left in front of them. On a
/// thread of its own. kCancelled.
Result<std::vector<ChainLatency>> measure_chains(const StageTable& stages, const zoo::Dataset& data,
                                                 const std::vector<zoo::Sigma>& sigmas,
                                                 const ChainLatencyOptions& options);

}  // namespace sparseloom::profile
