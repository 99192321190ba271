#include "sparseloom/plan/explain.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "sparseloom/plan/costs.h"

namespace sparseloom::plan {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Result<TaskExplanation> count_choices(const Problem& problem, const TaskCosts& costs, zoo::TaskId task) {
  const profile::TaskProfile& measured = problem.profile.task(task);
  const Slo& slo = problem.slo.slos[task.index()];
  TaskExplanation result;
  result.stitched = measured.stitched();
  double least = kInfinity;
  double least_accurate = kInfinity;
  for (std::size_t s = 0; s < measured.stitched(); ++s) {
    const zoo::Sigma sigma = measured.sigma_at(s);
    SL_ASSIGN_OR_RETURN(const double accuracy, read_accuracy(problem.zoo, problem.profile, task, sigma));
    const double latency = costs.latency(sigma, costs.best_placement(sigma));
    const bool accurate = within(slo.accuracy, accuracy);
    const bool fast = within(latency, slo.latency.count());
    const bool is_original = std::all_of(sigma.begin(), sigma.end(), [&](zoo::VariantId v) { return v == sigma[0]; });
    result.accurate += accurate ? 1 : 0;
    result.feasible += accurate && fast ? 1 : 0;
    result.feasible_originals += accurate && fast && is_original ? 1 : 0;
    least = std::min(least, latency);
    if (accurate) least_accurate = std::min(least_accurate, latency);
    result.best_accuracy = std::max(result.best_accuracy, accuracy);
    if (fast) result.best_fast_accuracy = std::max(result.best_fast_accuracy, accuracy);
  }
  result.least_latency = Seconds(least);
  result.least_accurate_latency = Seconds(result.accurate > 0 ? least_accurate : 0);
  result.accuracy_binds = result.accurate == 0 || least * (1 + kTie) < least_accurate;
  result.latency_binds = result.best_fast_accuracy < result.best_accuracy;
  return result;
}

std::string missed_bounds(const TaskExplanation& e, const Slo& slo, const TaskPlan& plan) {
  std::string text;
  if (!plan.meets_accuracy) {
    text += fmt::format(" Misses the accuracy bound of {:.1f} %: this choice has {:.1f} %, the best there is {:.1f} %.",
                        100 * slo.accuracy, 100 * plan.accuracy, 100 * e.best_accuracy);
  }
  if (!plan.meets_latency) {
    text += fmt::format(" Misses the latency bound of {:.2f} ms: this choice takes {:.2f} ms", to_ms(slo.latency),
                        to_ms(plan.latency));
    text +=
        e.accurate > 0 ? fmt::format(", the fastest accurate enough {:.2f} ms.", to_ms(e.least_accurate_latency)) : ".";
  }
  return text;
}

std::string binding(const TaskExplanation& e) {
  if (e.accuracy_binds && e.latency_binds) return "both bounds bind";
  if (e.accuracy_binds) return "the accuracy bound binds";
  if (e.latency_binds) return "the latency bound binds";
  return "neither bound binds";
}

std::string describe_choices(const TaskExplanation& e, const Slo& slo, const TaskPlan& plan) {
  std::string text = fmt::format(
      "{} of {} stitched variants keep the accuracy bound, {} the latency bound too ({} of them original); {}.",
      e.accurate, e.stitched, e.feasible, e.feasible_originals, binding(e));
  if (plan.meets_slo()) {
    return text + fmt::format(" Alone it leaves {:.0f} % of its latency bound and {:.1f} points of accuracy.",
                              100 * (1 - plan.latency / slo.latency), 100 * (plan.accuracy - slo.accuracy));
  }
  return text + missed_bounds(e, slo, plan);
}

}  // namespace

Result<std::vector<TaskExplanation>> explain(const Problem& problem, const Plan& plan) {
  SL_RETURN_IF_ERROR(check_slos(problem));
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> costs, read_costs(problem.zoo, problem.soc, problem.profile));
  std::vector<TaskExplanation> all;
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    SL_ASSIGN_OR_RETURN(TaskExplanation e, count_choices(problem, costs[t], zoo::TaskId(t)));
    e.text = describe_choices(e, problem.slo.slos[t], plan.tasks[t]);
    all.push_back(std::move(e));
  }
  return all;
}

}  // namespace sparseloom::plan
