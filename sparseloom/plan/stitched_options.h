#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/plan/costs.h"

namespace sparseloom::plan {

/// One (σ, π) for one task.
struct StitchedOption {
  zoo::Sigma sigma;
  Placement placement;
  double latency = 0;
  double accuracy = 0;
  std::vector<double> busy;  ///< by processor
};

/// What one task may choose from, and which bound it cannot keep however it chooses.
struct TaskOptions {
  /// Per placement, the σ of which no other allowed σ keeps every processor as little busy. By placement, then latency.
  std::vector<StitchedOption> options;
  bool meets_accuracy = true;
  bool meets_latency = true;
};

/// Allowed are σ that keep both bounds. If no σ is accurate enough, the most accurate ones; if no accurate one is fast
/// enough, those within 2 % of the least latency (design: keep accuracy, least latency).
/// O(V^S · S·V) to filter σ, then O(P^S) times those that are left. kFailedPrecondition if an accuracy is missing.
Result<TaskOptions> stitched_options(const Problem& problem, const TaskCosts& costs, zoo::TaskId task);

/// The most accurate allowed σ under `option`'s placement that keeps every processor no more than 2 % busier than
/// `option` does and meets the latency bound if `option` does. May be `option` itself. O(V^S · S).
Result<StitchedOption> most_accurate_tie(const Problem& problem, const TaskCosts& costs, zoo::TaskId task,
                                         const StitchedOption& option);

}  // namespace sparseloom::plan
