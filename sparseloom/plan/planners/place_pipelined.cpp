#include "sparseloom/plan/planners/baseline.h"
#include "sparseloom/plan/search/infinity.h"

namespace sparseloom::plan {

// P: stage i on processor i mod P, in the SoC's order; where nothing runs it, on the next that does.
std::vector<Placement> place_pipelined(const std::vector<TaskCosts>& costs, const std::vector<zoo::Sigma>& sigmas) {
  std::vector<Placement> placements;
  for (std::size_t t = 0; t < costs.size(); ++t) {
    const TaskCosts& task = costs[t];
    placements.emplace_back();
    for (std::size_t i = 0; i < task.stages(); ++i) {
      std::size_t p = i % task.processors();
      while (task.run(sigmas[t][i].index(), i, p) == kInfinity) p = (p + 1) % task.processors();
      placements.back().emplace_back(p);
    }
  }
  return placements;
}

}  // namespace sparseloom::plan
