#pragma once

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// SparseLoom's own two steps (arXiv 2603.09642), to compare with:
///
/// 1. One processor order for all tasks. An order names different processors; stage i runs on its i-th, and from the
///    start again where there are more stages than processors. A σ is feasible if it keeps both bounds under some
///    order. The order with the lowest latency, in the mean over the feasible σ of all tasks, is taken; of equals the
///    first by the SoC's order of processors.
/// 2. Per task the fastest σ that keeps both bounds under that order; of those within 2 % the most accurate.
///
/// A task without any takes what every planner degrades to (the accuracy kept, least latency) under that order.
/// Thread-safe.
class PaperPlanner : public Planner {
 public:
  std::string_view name() const override { return "paper"; }
  Result<Plan> plan(const Problem& problem) const override;
};

}  // namespace sparseloom::plan
