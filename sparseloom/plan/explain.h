#pragma once

#include <string>
#include <vector>

#include "sparseloom/plan/alternatives.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// Where the stages run, for people: "cpu0(sparse)|cpu0|cpu1*". A provider is named unless it is OpenVINO; a star means
/// late binding.
std::string describe_placement(const soc::Soc& soc, const TaskPlan& plan);
/// What the signs in such texts mean: a line for each that occurs in `placements`.
std::string placement_legend(const std::vector<std::string>& placements);

/// What stood between a task and a faster or more accurate choice. Latencies are alone, at the best placement.
struct TaskExplanation {
  std::size_t stitched = 0;  ///< V^S
  std::size_t accurate = 0;  ///< of those: keep the accuracy bound
  std::size_t feasible = 0;  ///< of those: keep the latency bound too
  std::size_t feasible_originals = 0;
  Seconds least_latency{0};           ///< of any σ
  Seconds least_accurate_latency{0};  ///< of σ that keep the accuracy bound; 0 if there is none
  double best_accuracy = 0;           ///< of any σ
  double best_fast_accuracy = 0;      ///< of σ that keep the latency bound; 0 if there is none

  /// The accuracy bound excludes something faster (by more than a tie).
  bool accuracy_binds = false;
  /// The latency bound excludes something more accurate.
  bool latency_binds = false;

  /// Others' plans staying as they are; nothing found if the plan is shared.
  Alternatives alternatives;

  /// A few sentences for people.
  std::string text;
};

/// Explains every task of `plan`: what the bounds leave, which of latency, accuracy, memory and bottleneck bind, and
/// which alternative was next. kFailedPrecondition as planning itself. Complexity: that of find_alternatives().
Result<std::vector<TaskExplanation>> explain(const Problem& problem, const Plan& plan);

}  // namespace sparseloom::plan
