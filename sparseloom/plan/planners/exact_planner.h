#pragma once

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// Any σ and one processor per stage: the least busy time of the busiest processor under every task's SLO and the
/// memory budget, with proof. Costs are as the profile has them; nothing is averaged. docs/planning.md says what is
/// proven. Thread-safe.
class ExactPlanner : public Planner {
 public:
  std::string_view name() const override { return "exact"; }
  Result<Plan> plan(const Problem& problem) const override;
};

}  // namespace sparseloom::plan
