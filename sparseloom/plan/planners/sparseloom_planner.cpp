#include "sparseloom/plan/planners/sparseloom_planner.h"

#include <limits>
#include <utility>

#include "sparseloom/plan/search/response_search.h"
#include "sparseloom/plan/search/stitched_options.h"

namespace sparseloom::plan {

namespace {

/// Whether a bound is kept is judged by what was planned with: a pool's mean, where the stages are left to pools.
Result<TaskPlan> task_plan(const Problem& problem, const Costs& costs, zoo::TaskId task, StitchedOption option) {
  SL_ASSIGN_OR_RETURN(TaskPlan plan, make_task_plan(problem, costs.pinned[task.index()], task, std::move(option.sigma),
                                                    std::move(option.placement)));
  plan.pooled = option.pooled;
  plan.latency = Seconds(option.latency);
  plan.meets_latency = within(option.latency, problem.slo.slos[task.index()].latency.count());
  return plan;
}

}  // namespace

Result<Plan> SparseloomPlanner::plan(const Problem& problem) const {
  SL_RETURN_IF_ERROR(check_slos(problem));
  SL_ASSIGN_OR_RETURN(const Costs costs, read_all_costs(problem));
  std::vector<TaskOptions> tasks;
  for (std::size_t t = 0; t < problem.zoo.tasks.size(); ++t) {
    SL_ASSIGN_OR_RETURN(TaskOptions options, stitched_options(problem, costs, zoo::TaskId(t), options_.pooled));
    tasks.push_back(std::move(options));
  }
  const bool responses = options_.objective == SparseloomOptions::Objective::kResponses;
  SL_ASSIGN_OR_RETURN(const BottleneckResult least, least_bottleneck(costs.pools, tasks, problem.memory_budget));
  Choice choice = least.choice;
  if (responses && !tasks.empty()) {
    const PredictOptions margins = options_.predict.value_or(margins_of(problem));
    choice = ResponseSearch(problem, costs, tasks, margins, options_.max_predictions)
                 .run(least.choice, problem.load == nullptr ? options_.tie : options_.tie_under_load);
  }
  Bytes unused = problem.memory_budget.value_or(Bytes{std::numeric_limits<std::uint64_t>::max()});
  for (std::size_t t = 0; t < tasks.size(); ++t) unused.count -= tasks[t].at(choice[t]).bytes.count;
  std::vector<StitchedOption> chosen;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    StitchedOption option = tasks[t].at(choice[t]);
    if (responses) {
      const Bytes before = option.bytes;
      SL_ASSIGN_OR_RETURN(option, most_accurate_tie(problem, costs, zoo::TaskId(t), option, unused + before));
      unused.count = unused.count + before.count - option.bytes.count;
    }
    chosen.push_back(std::move(option));
  }
  Plan plan;
  plan.planner = name();
  std::vector<const StitchedOption*> pointers;
  pointers.reserve(chosen.size());
  for (const StitchedOption& option : chosen) pointers.push_back(&option);
  plan.bottleneck = Seconds(bottleneck_of(costs.pools, pointers));
  plan.optimal = within(plan.bottleneck.count(), least.lower_bound);
  plan.gap = plan.optimal ? 0 : 1 - least.lower_bound / plan.bottleneck.count();
  for (std::size_t t = 0; t < chosen.size(); ++t) {
    SL_ASSIGN_OR_RETURN(TaskPlan task, task_plan(problem, costs, zoo::TaskId(t), std::move(chosen[t])));
    plan.tasks.push_back(std::move(task));
  }
  return plan;
}

}  // namespace sparseloom::plan
