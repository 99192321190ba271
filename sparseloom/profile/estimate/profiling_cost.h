#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// What it takes to evaluate stitched variants of one task on a split.
struct ProfilingCost {
  std::size_t stitched = 0;  ///< stitched variants whose accuracy is evaluated, originals included
  double stage_passes = 0;   ///< of the split through one stage of one variant
  Seconds projected{0};      ///< those passes one after another, each sample taking what StageTimes says

  ProfilingCost& operator+=(const ProfilingCost& other);
};

/// What one sample takes in a stage of a variant, [variant][stage].
using StageTimes = std::vector<std::vector<Seconds>>;

/// Medians, each subgraph alone where it is fastest. Infinite where nothing was measured.
StageTimes fastest_stage_times(const TaskProfile& profile, const soc::Soc& soc);

/// Latencies that plans need of a task: variants x stages x providers of all processors.
std::size_t latency_measurements(const soc::Soc& soc, std::size_t variants, std::size_t stages);

/// All V^S stitched variants on `samples` samples by the tree of prefixes: V + V² + ... + V^S stage passes.
ProfilingCost exhaustive_cost(const StageTimes& times, std::size_t samples);

/// One walk of the tree of prefixes over `sigmas`, which are distinct.
ProfilingCost walk_cost(const StageTimes& times, const std::vector<zoo::Sigma>& sigmas, std::size_t samples);

/// The distances that an estimator looks at first (measure_distances()) on `samples` of the split's `of_samples`.
ProfilingCost distance_cost(const StageTimes& times, std::size_t samples, std::size_t of_samples);

/// The most stage passes that estimating with `budget` stitched variants takes (estimate.h), known before anything is
/// run: as if no two of those that one walk runs shared more prefixes than they must, each prefix run once (of several
/// workers each may run a few of its own). `projected` takes every stage at its mean over variants. Errors: those of
/// the budget.
Result<ProfilingCost> most_estimation_cost(const StageTimes& times, std::size_t budget, double level,
                                           std::size_t samples);

}  // namespace sparseloom::profile
