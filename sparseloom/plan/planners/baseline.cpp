#include "sparseloom/plan/planners/baseline.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace sparseloom::plan {

std::size_t fastest_of(const std::vector<OriginalVariant>& originals) {
  const auto least = std::min_element(originals.begin(), originals.end(),
                                      [](const auto& a, const auto& b) { return a.latency < b.latency; });
  const OriginalVariant* best = nullptr;
  for (const OriginalVariant& candidate : originals) {
    if (!within(candidate.latency, least->latency * (1 + kTie))) continue;
    if (best == nullptr ||
        std::pair(-candidate.accuracy, candidate.latency) < std::pair(-best->accuracy, best->latency))
      best = &candidate;
  }
  return best->variant;
}

Result<std::vector<zoo::Sigma>> choose_originals(const Problem& problem, const std::vector<TaskCosts>& costs,
                                                 ChooseOriginal choose) {
  std::vector<zoo::Sigma> sigmas;
  for (std::size_t t = 0; t < costs.size(); ++t) {
    SL_ASSIGN_OR_RETURN(const std::vector<OriginalVariant> originals,
                        read_originals(problem.zoo, problem.profile, zoo::TaskId(t), costs[t]));
    sigmas.push_back(original(choose(originals, problem.slo.slos[t]), costs[t].stages()));
  }
  return sigmas;
}

Result<Plan> BaselinePlanner::plan(const Problem& problem) const {
  SL_RETURN_IF_ERROR(check_slos(problem));
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> costs,
                      read_costs(problem.zoo, problem.soc, problem.profile, Gangs::kWithout));
  SL_ASSIGN_OR_RETURN(std::vector<zoo::Sigma> sigmas, choose_originals(problem, costs, choose_));
  std::vector<Placement> placements = place_(costs, sigmas);
  Plan plan;
  plan.planner = name_;
  for (std::size_t t = 0; t < costs.size(); ++t) {
    SL_ASSIGN_OR_RETURN(TaskPlan task, make_task_plan(problem, costs[t], zoo::TaskId(t), std::move(sigmas[t]),
                                                      std::move(placements[t])));
    plan.tasks.push_back(std::move(task));
  }
  plan.bottleneck = bottleneck_of(busy_times(problem, plan.tasks));
  plan.gap = 1;  // a baseline looks for no bound
  SL_RETURN_IF_ERROR(check_memory(problem, costs, plan));
  return plan;
}

}  // namespace sparseloom::plan
