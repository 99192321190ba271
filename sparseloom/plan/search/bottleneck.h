#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "sparseloom/plan/search/option_source.h"

namespace sparseloom::plan {

struct BottleneckResult {
  std::vector<std::size_t> choice;  ///< by task: index into its options; empty if none keeps the budget
  double bottleneck = std::numeric_limits<double>::infinity();
  double lower_bound = 0;  ///< no choice has a smaller bottleneck; equals `bottleneck` when that is proven least
};

struct BottleneckLimits {
  /// Partial choices kept per task. Beyond it the search goes on with the most promising ones and the proof is lost.
  std::size_t max_partial = 20'000;
  /// The options' bytes must add up to no more.
  double budget_bytes = std::numeric_limits<double>::infinity();
  /// If given, a choice that is known already and keeps the budget: the result is no worse.
  std::vector<std::size_t> start{};
  /// If given, Σ per_second = 1: what a partial choice can still lead to is also bounded by what it costs. Good ones
  /// (those that a joint search ends with) make the search much shorter.
  Prices prices{};
};

/// One option per task such that the busiest processor's time is least. Exact: partial choices over the first tasks are
/// merged with the next task's options, and of partial choices whose busy times (and bytes, if there is a budget) are
/// all no smaller than another's only the other is kept, as are those that cannot beat the best known one. What
/// max_partial drops, changing two tasks' options at a time may still find. Every task needs at least one option, all
/// with the same number of processors. Deterministic.
BottleneckResult min_bottleneck(const std::vector<std::vector<BusyOption>>& tasks, const BottleneckLimits& limits = {});

}  // namespace sparseloom::plan
