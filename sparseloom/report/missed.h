#pragma once

#include <string>
#include <vector>

#include "sparseloom/plan/planner.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::report {

/// Which of its bounds a task's plan misses: "accuracy", "latency", "accuracy and latency" or nothing.
std::string missed_bounds(const plan::TaskPlan& chosen);

/// What people are told before a plan is served: a line per task that misses a bound, with the figures of each missed
/// one. Empty if every bound is met.
std::string describe_missed(const zoo::Zoo& zoo, const plan::Plan& plan, const std::vector<plan::Slo>& slos);

}  // namespace sparseloom::report
