#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sparseloom/profile/estimate/estimate.h"

namespace sparseloom::eval {

/// One run of the estimator on the first variants of a task.
struct EstimatorTrial {
  std::string task;
  std::size_t variants = 0;
  profile::EstimatorReport report;
};
Json to_json(const EstimatorTrial& trial);
/// kMalformed, with `where`.
Result<EstimatorTrial> trial_from_json(const Json& json, const std::string& where);

/// With what probability the lower bounds of trials shall hold; their budget is profile::estimation_budget().
inline constexpr double kTrialLevel = 0.9;

/// The zoo on the machine that runs its models. All must outlive the call.
struct TrialInput {
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  const profile::Profile& profile;
  const backend::Runtime& runtime;
  zoo::PieceStore& pieces;
  profile::MeasureOptions measuring;  ///< threads, compile cache, control
};

/// Runs the estimator on the first `variants` variants of `task` (≤ those it has) and compares with all accuracies
/// known. Keeps nothing. None: so few variants leave nothing to estimate. Errors: those of profile::try_estimator().
Result<std::optional<EstimatorTrial>> try_estimator(const TrialInput& input, zoo::TaskId task, std::size_t variants);

/// What knowing the accuracies of a task's stitched variants takes on one machine if it has so many variants.
struct ProfilingRow {
  std::string soc;
  bool modelled = false;
  std::string task;                   ///< empty: all of them
  std::size_t variants = 0;           ///< the first ones; a task that has fewer counts with all
  std::size_t latencies = 0;          ///< to be measured, whichever way accuracies are found
  profile::ProfilingCost exhaustive;  ///< projected
  /// The most that the estimator takes (projected). So few variants that nothing is left to be estimated: the
  /// exhaustive cost.
  profile::ProfilingCost most;
  profile::ProfilingCost estimated;  ///< with a trial what it took, else `most`
  std::optional<profile::EstimatorReport> trial;

  bool estimable() const { return most.stitched < exhaustive.stitched; }
};

/// For 2, 3, ... variants of every task, to as many as the task with most of them has. `trials` are of this machine.
std::vector<ProfilingRow> profiling_rows(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile,
                                         const std::vector<EstimatorTrial>& trials);

/// Sums over tasks, by number of variants. With a trial if all tasks that can be estimated were tried.
std::vector<ProfilingRow> over_tasks(const std::vector<ProfilingRow>& rows);

/// One line per row, a header first; numbers read back exactly, what is not known is empty.
std::string to_csv(const std::vector<ProfilingRow>& rows);

}  // namespace sparseloom::eval
