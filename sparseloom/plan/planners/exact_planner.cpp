#include "sparseloom/plan/planners/exact_planner.h"

#include <utility>

#include "sparseloom/plan/search/stitched_options.h"

namespace sparseloom::plan {

Result<Plan> ExactPlanner::plan(const Problem& problem) const {
  SL_RETURN_IF_ERROR(check_slos(problem));
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> costs, read_costs(problem.zoo, problem.soc, problem.profile));
  std::vector<TaskOptions> tasks;
  for (std::size_t t = 0; t < costs.size(); ++t) {
    SL_ASSIGN_OR_RETURN(TaskOptions options, pinned_options(problem, costs[t], zoo::TaskId(t)));
    tasks.push_back(std::move(options));
  }
  SL_ASSIGN_OR_RETURN(const BottleneckResult least,
                      least_bottleneck(problem.soc.pools(), tasks, problem.memory_budget));
  Plan plan;
  plan.planner = name();
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    StitchedOption& chosen = tasks[t].options[least.choice[t]];
    SL_ASSIGN_OR_RETURN(TaskPlan task, make_task_plan(problem, costs[t], zoo::TaskId(t), std::move(chosen.sigma),
                                                      std::move(chosen.placement)));
    plan.tasks.push_back(std::move(task));
  }
  plan.bottleneck = Seconds(least.bottleneck);
  plan.optimal = within(least.bottleneck, least.lower_bound);
  plan.gap = plan.optimal ? 0 : 1 - least.lower_bound / least.bottleneck;
  return plan;
}

}  // namespace sparseloom::plan
