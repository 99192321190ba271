#pragma once

#include <cstddef>
#include <vector>

namespace sparseloom::plan {

/// What one choice for one task costs: seconds of busy time it adds to each processor, and a number that breaks ties.
struct BusyOption {
  std::vector<double> busy;
  double tie = 0;  ///< of equal busy times the smaller wins (the latency)
};

struct BottleneckResult {
  std::vector<std::size_t> choice;  ///< by task: index into its options
  double bottleneck = 0;
  double lower_bound = 0;  ///< no choice has a smaller bottleneck; equals `bottleneck` when that is proven least
};

struct BottleneckLimits {
  /// Partial choices kept per task. Beyond it the search goes on with the most promising ones and the proof is lost.
  std::size_t max_partial = 20'000;
};

/// One option per task such that the busiest processor's time is least. Exact: partial choices over the first tasks are
/// merged with the next task's options, and of partial choices whose busy times are all no smaller than another's only
/// the other is kept, as are those that cannot beat the best known one. Every task needs at least one option, all with
/// the same number of processors. Deterministic.
BottleneckResult min_bottleneck(const std::vector<std::vector<BusyOption>>& tasks, const BottleneckLimits& limits = {});

}  // namespace sparseloom::plan
