#include "sparseloom/plan/planners/baseline.h"

namespace sparseloom::plan {

// P: stage i on processor i mod P, in the SoC's order.
std::vector<Placement> place_pipelined(const std::vector<TaskCosts>& costs, const std::vector<zoo::Sigma>&) {
  std::vector<Placement> placements;
  for (const TaskCosts& task : costs) {
    placements.emplace_back();
    for (std::size_t i = 0; i < task.stages(); ++i) placements.back().emplace_back(i % task.processors());
  }
  return placements;
}

}  // namespace sparseloom::plan
