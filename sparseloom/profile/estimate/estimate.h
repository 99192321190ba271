#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/profile/estimate/estimator.h"
#include "sparseloom/profile/estimate/estimator_report.h"
#include "sparseloom/profile/measure/measure.h"

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

/// What the estimates of one task cost and are worth.
struct TaskEstimate {
  zoo::TaskId task;
  EstimatorReport report;
};

struct Estimated {
  Measured measured;  ///< the profile holds the estimates
  std::vector<TaskEstimate> tasks;
  EstimatorReport total() const;  ///< over tasks
};

/// Measures what latencies are missing, then for each task: output distances, the originals and a few stitched
/// variants; estimates all others with lower bounds, and keeps both in the database. kInvalidArgument: the budget;
/// errors of measure(); kCancelled (what tasks were finished is kept).
Result<Estimated> estimate(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                           zoo::PieceStore& pieces, const EstimateOptions& options);

/// What estimate() would cost and be worth for one task whose latencies `profile` holds, with whatever accuracies it
/// holds for the truth. Runs the models and keeps nothing. `zoo` and `profile` may be of the first variants of every
/// task (first_variants.h), whatever `pieces` has. Errors: those of estimate().
Result<EstimatorReport> try_estimator(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                                      zoo::PieceStore& pieces, const TaskProfile& profile, zoo::TaskId task,
                                      const EstimateOptions& options);

/// A budget for `variants` variants cut into `stages`: 5 stitched variants for each, but not fewer than estimating
/// takes. None: there are not enough stitched variants to leave any to be estimated.
std::optional<std::size_t> estimation_budget(std::size_t variants, std::size_t stages, double level);

}  // namespace sparseloom::profile
