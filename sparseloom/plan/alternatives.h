#pragma once

#include <optional>
#include <vector>

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// What one task could be served by instead, all other tasks staying as planned.
struct Alternative {
  zoo::Sigma sigma;
  Placement placement;
  bool pooled = false;  ///< as the task's plan
  Seconds latency{0};   ///< alone
  double accuracy = 0;
  Bytes bytes;            ///< of the whole plan with it
  Seconds bottleneck{0};  ///< of the whole plan with it
};

/// Under any σ and placement. "Bounds" are those of the SLO, or what the plan reaches where it misses them.
struct Alternatives {
  Seconds bottleneck{0};  ///< of the plan, as alternatives are judged
  /// Another σ; keeps both bounds and the memory budget: the least bottleneck, then the least latency.
  std::optional<Alternative> next;
  /// Keeps both bounds, not the budget, and makes the busiest processor less busy by more than a tie: the budget binds.
  std::optional<Alternative> over_budget;
  /// Keeps bounds and budget and is faster alone by more than a tie, but makes the busiest processor busier by more
  /// than a tie: the bottleneck binds. The fastest such.
  std::optional<Alternative> too_busy;
};

/// One per task of `plan`, which must not be shared. O(V^S · P^S · T · P) per task. kFailedPrecondition as planning.
Result<std::vector<Alternatives>> find_alternatives(const Problem& problem, const Plan& plan);

}  // namespace sparseloom::plan
