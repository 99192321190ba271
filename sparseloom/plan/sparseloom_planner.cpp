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

/// What the planner places on: processors, or pools of them.
soc::Pools places(const soc::Soc& soc, bool late_binding) {
  if (late_binding) return soc::find_pools(soc);
  soc::Pools alone;
  for (std::size_t p = 0; p < soc.processors.size(); ++p) {
    alone.members.push_back({soc::ProcessorId(p)});
    alone.of.push_back(p);
  }
  return alone;
}

/// Turns placements on pools into placements on members. A task keeps to one member of each pool, so that its stages
/// find their inputs in that processor's caches; tasks take the members in turn.
void place_on_members(const soc::Pools& pools, std::vector<TaskPlan>& tasks) {
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    for (soc::ProcessorId& p : tasks[t].placement) {
      const auto& members = pools.members[p.index()];
      p = members[t % members.size()];
    }
  }
}

}  // namespace

Result<Plan> SparseloomPlanner::plan(const Problem& problem) const {
  SL_RETURN_IF_ERROR(check_slos(problem));
  SL_ASSIGN_OR_RETURN(std::vector<TaskCosts> costs, read_costs(problem.zoo, problem.soc, problem.profile));
  const soc::Pools pools = places(problem.soc, options_.late_binding);
  std::vector<std::size_t> sizes;
  for (const auto& members : pools.members) sizes.push_back(members.size());
  for (TaskCosts& task : costs) task = task.pooled(pools);
  std::vector<TaskOptions> tasks;
  for (std::size_t t = 0; t < costs.size(); ++t) {
    SL_ASSIGN_OR_RETURN(TaskOptions options, stitched_options(problem, costs[t], zoo::TaskId(t)));
    tasks.push_back(std::move(options));
  }
  const bool responses = options_.objective == SparseloomOptions::Objective::kResponses;
  const BottleneckResult least = min_bottleneck(busy_options(tasks));
  Choice choice = least.choice;
  if (responses && !tasks.empty()) {
    choice = EpisodeSearch(problem.slo.slos, sizes, costs, tasks, options_.predict, options_.max_predictions)
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
  plan.late_binding = options_.late_binding;
  plan.bottleneck = bottleneck_of(costs, plan.tasks);
  plan.optimal = within(plan.bottleneck.count(), least.lower_bound);
  plan.gap = plan.optimal ? 0 : 1 - least.lower_bound / plan.bottleneck.count();
  place_on_members(pools, plan.tasks);
  return plan;
}

}  // namespace sparseloom::plan
