#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/profile/estimator.h"
#include "sparseloom/profile/measure.h"
#include "sparseloom/profile/quality.h"

namespace sparseloom::profile {

/// How to estimate the accuracies of stitched variants from few that are run.
struct EstimateOptions {
  /// Where latencies, measured accuracies and estimates are kept, which tasks, and how many workers. `accuracy` and
  /// `use_shipped` are not looked at: what ships only serves to say how good the estimates are.
  MeasureOptions measuring;
  SplitName split = SplitName::kProfile;  ///< kTest: to try the method on data that plans do not use; nothing is kept
  EstimatorKind estimator = EstimatorKind::kLogits;
  std::size_t budget = 50;    ///< stitched variants run per task, originals included
  double level = 0.9;         ///< with which the lower bound shall hold
  std::size_t held_out = 20;  ///< run on top where the truth is not known, to tell errors by; 0: none
  std::size_t chains = 12;    ///< stitched variants run whole per task, to check the sum of stage latencies
  std::uint64_t seed = 1;
};

/// One task's estimates and what they cost.
struct TaskEstimate {
  zoo::TaskId task;
  std::size_t measurements = 0;  ///< stitched variants whose accuracy was evaluated
  double stage_passes = 0;       ///< of the split through one stage, what measuring distances took included
  Seconds elapsed{0};            ///< loading, measuring and estimating
  double exhaustive_stage_passes = 0;
  Seconds exhaustive{0};     ///< projected: the walk's time, scaled by the stages' latencies
  double value_below = 0;    ///< mean of value - lower over σ not measured, 0..1
  bool truth_known = false;  ///< of every σ; else quality is of the held-out ones
  Quality quality;
  Coverage coverage;                                    ///< trials 0: the truth is not known
  std::vector<double> chain_ms, stages_ms, profile_ms;  ///< by chain: whole, its stages alone, as the profile says
};

struct Estimated {
  Measured measured;  ///< the profile holds the estimates
  std::vector<TaskEstimate> tasks;
  double promised = 0;  ///< probability with which the lower bound of a picked σ holds
};

/// Measures what latencies are missing, then for each task: output distances, the originals and a few stitched
/// variants; estimates all others with lower bounds, and keeps both in the database. kInvalidArgument: the budget;
/// errors of measure(); kCancelled (what tasks were finished is kept).
Result<Estimated> estimate(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                           zoo::PieceStore& pieces, const EstimateOptions& options);

}  // namespace sparseloom::profile
