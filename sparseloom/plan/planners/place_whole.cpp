#include "sparseloom/plan/planners/baseline.h"
#include "sparseloom/plan/search/bottleneck.h"

namespace sparseloom::plan {

// NP: each task whole on one processor, the assignment that minimises the largest busy time; of equals the one with the
// least sum of latencies.
std::vector<Placement> place_whole(const std::vector<TaskCosts>& costs, const std::vector<zoo::Sigma>& sigmas) {
  std::vector<std::vector<BusyOption>> options;
  for (std::size_t t = 0; t < costs.size(); ++t) {
    options.emplace_back();
    for (std::size_t p = 0; p < costs[t].processors(); ++p) {
      const Placement whole(costs[t].stages(), soc::ProcessorId(p));
      options.back().push_back({costs[t].busy(sigmas[t], whole), costs[t].latency(sigmas[t], whole)});
    }
  }
  std::vector<Placement> placements;
  const BottleneckResult best = min_bottleneck(options);
  for (std::size_t t = 0; t < costs.size(); ++t) {
    placements.emplace_back(costs[t].stages(), soc::ProcessorId(best.choice[t]));
  }
  return placements;
}

}  // namespace sparseloom::plan
