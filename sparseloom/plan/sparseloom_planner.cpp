#include "sparseloom/plan/sparseloom_planner.h"

#include <utility>

#include "sparseloom/plan/bottleneck.h"
#include "sparseloom/plan/episode_search.h"
#include "sparseloom/plan/stitched_options.h"

namespace sparseloom::plan {

namespace {

std::vector<std::vector<BusyOption>> busy_options(const std::vector<TaskOptions>& tasks) {
  std::vector<std::vector<BusyOption>> result;
  for (const TaskOptions& task : tasks) {
    result.emplace_back();
    for (const StitchedOption& option : task.options) result.back().push_back({option.busy, option.latency});
  }
  return result;
}

}  // namespace

Result<Plan> SparseloomPlanner::plan(const Problem& problem) const {
  SL_RETURN_IF_ERROR(check_slos(problem));
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> costs, read_costs(problem.zoo, problem.soc, problem.profile));
  std::vector<TaskOptions> tasks;
  for (std::size_t t = 0; t < costs.size(); ++t) {
    SL_ASSIGN_OR_RETURN(TaskOptions options, stitched_options(problem, costs[t], zoo::TaskId(t)));
    tasks.push_back(std::move(options));
  }
  const bool responses = options_.objective == SparseloomOptions::Objective::kResponses;
  const BottleneckResult least = min_bottleneck(busy_options(tasks));
  Choice choice = least.choice;
  if (responses && !tasks.empty()) {
    choice = EpisodeSearch(problem, costs, tasks, options_.predict, options_.max_predictions)
                 .run(least.choice, options_.tie);
  }
  Plan plan;
  plan.planner = name();
  for (std::size_t t = 0; t < costs.size(); ++t) {
    StitchedOption option = tasks[t].options[choice[t]];
    if (responses) {
      SL_ASSIGN_OR_RETURN(option, most_accurate_tie(problem, costs[t], zoo::TaskId(t), option));
    }
    SL_ASSIGN_OR_RETURN(TaskPlan task, make_task_plan(problem, costs[t], zoo::TaskId(t), std::move(option.sigma),
                                                      std::move(option.placement)));
    plan.tasks.push_back(std::move(task));
  }
  plan.bottleneck = bottleneck_of(busy_times(problem, plan.tasks));
  plan.optimal = within(plan.bottleneck.count(), least.lower_bound);
  plan.gap = plan.optimal ? 0 : 1 - least.lower_bound / plan.bottleneck.count();
  return plan;
}

}  // namespace sparseloom::plan
