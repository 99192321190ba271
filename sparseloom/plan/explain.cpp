#include "sparseloom/plan/explain.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/search/infinity.h"

namespace sparseloom::plan {

namespace {

Result<TaskExplanation> count_choices(const Problem& problem, const TaskCosts& costs, zoo::TaskId task) {
  const profile::TaskProfile& measured = problem.profile.task(task);
  const Slo& slo = problem.slo.slos[task.index()];
  TaskExplanation result;
  result.stitched = measured.stitched();
  double least = kInfinity;
  double least_accurate = kInfinity;
  for (std::size_t s = 0; s < measured.stitched(); ++s) {
    const zoo::Sigma sigma = measured.sigma_at(s);
    if (!costs.runs(sigma)) continue;
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

/// What a stage takes by a provider, "0.52 ms": the mean over the pool that it is placed in, as planners see it.
std::string stage_latency(const Problem& problem, zoo::TaskId task, const TaskPlan& plan, std::size_t i,
                          backend::Provider provider) {
  const auto& members = problem.soc.pools().pool(plan.placement[i]);
  Seconds sum{0};
  for (const soc::ProcessorId p : members) {
    const profile::Latency& latency = problem.profile.task(task).latency(plan.sigma[i], zoo::StageId(i), p, provider);
    if (latency.left_out != profile::LeftOut::kNo) return fmt::format("left out, {}", to_string(latency.left_out));
    sum += latency.median;
  }
  return fmt::format("{:.2f} ms", to_ms(sum / static_cast<double>(members.size())));
}

/// The stages that do not run by what their processor offers first.
std::string describe_providers(const Problem& problem, zoo::TaskId task, const TaskPlan& plan) {
  std::vector<std::string> stages;
  for (std::size_t i = 0; i < plan.sigma.size(); ++i) {
    const backend::Provider first = problem.soc.processor(plan.placement[i]).providers.front();
    const backend::Provider chosen = plan.providers[i];
    if (chosen == first) continue;
    stages.push_back(fmt::format("stage {} is {} ({}; {}: {})", i, backend::provider_name(chosen),
                                 stage_latency(problem, task, plan, i, chosen), backend::provider_name(first),
                                 stage_latency(problem, task, plan, i, first)));
  }
  return stages.empty() ? "" : fmt::format(" Where another provider is faster: {}.", fmt::join(stages, ", "));
}

double total(const std::vector<double>& busy) { return std::accumulate(busy.begin(), busy.end(), 0.0); }

/// What gangs bring to the task, or would bring: how much faster it is alone, for how much more work.
std::string describe_gangs(const soc::Soc& soc, const TaskCosts& costs, const TaskPlan& plan) {
  if (soc.pools().gangs.empty()) return "";
  std::vector<std::string> on_gangs;
  for (std::size_t i = 0; i < plan.placement.size(); ++i) {
    if (soc.pools().is_gang(plan.placement[i]))
      on_gangs.push_back(fmt::format("stage {} on {}", i, soc.processor(plan.placement[i]).name));
  }
  // The same variant where it is fastest with gangs, and without.
  const auto fastest = [&](const TaskCosts& of) {
    const Placement placement = of.best_placement(plan.sigma);
    return std::pair(of.latency(plan.sigma, placement), total(of.busy(plan.sigma, placement)));
  };
  const auto [alone, alone_busy] = fastest(costs.on_processors());
  if (!on_gangs.empty()) {
    return fmt::format(" Gangs: {}; alone {:.2f} ms, {:.2f} ms without them, for {:.0f} % more processor time.",
                       fmt::join(on_gangs, ", "), to_ms(Seconds(costs.latency(plan.sigma, plan.placement))),
                       to_ms(Seconds(alone)), 100 * (total(costs.busy(plan.sigma, plan.placement)) / alone_busy - 1));
  }
  const auto [together, together_busy] = fastest(costs);
  if (within(alone, together * (1 + kTie))) return " Gangs: none would make it faster.";
  return fmt::format(
      " Gangs: none is worth it; alone {:.2f} ms instead of {:.2f} ms, for {:.0f} % more processor time.",
      to_ms(Seconds(together)), to_ms(Seconds(alone)), 100 * (together_busy / alone_busy - 1));
}

std::string describe(const Problem& problem, zoo::TaskId task, const Alternative& a) {
  TaskPlan plan;
  plan.placement = a.placement;
  plan.providers.assign(a.placement.size(), backend::Provider::kOpenVino);  // not named: the fastest, as everywhere
  plan.pooled = a.pooled;
  return fmt::format("{} on {} ({:.2f} ms, {:.1f} %)", zoo::describe(problem.zoo.task(task), a.sigma),
                     describe_placement(problem.soc, plan), to_ms(a.latency), 100 * a.accuracy);
}

std::string change(Seconds from, Seconds to) {
  const double percent = 100 * (to / from - 1);
  if (std::abs(percent) < 0.05) return "as busy";
  return fmt::format("{:.1f} % {} busy", std::abs(percent), percent > 0 ? "more" : "less");
}

std::string describe_alternatives(const Problem& problem, zoo::TaskId task, const Alternatives& found) {
  std::string text;
  if (found.over_budget) {
    text += fmt::format(" The memory budget binds: without it {} would leave the busiest processor {}.",
                        describe(problem, task, *found.over_budget),
                        change(found.bottleneck, found.over_budget->bottleneck));
  }
  if (found.too_busy) {
    text += fmt::format(" The bottleneck binds: {} is faster alone, but makes the busiest processor {}.",
                        describe(problem, task, *found.too_busy), change(found.bottleneck, found.too_busy->bottleneck));
  }
  if (!found.next) return text + " No other stitched variant keeps all of its bounds.";
  return text + fmt::format(" Next would be {}: the busiest processor {}.", describe(problem, task, *found.next),
                            change(found.bottleneck, found.next->bottleneck));
}

}  // namespace

std::string describe_placement(const soc::Soc& soc, const TaskPlan& plan) {
  if (plan.shared) return fmt::format("all {}", soc.processor(plan.placement.front()).device);
  std::string text;
  for (std::size_t i = 0; i < plan.placement.size(); ++i) {
    if (i > 0) text += "|";
    text += soc.processor(plan.placement[i]).name;
    if (plan.providers[i] != backend::Provider::kOpenVino)
      text += fmt::format("({})", backend::provider_name(plan.providers[i]));
  }
  return plan.pooled ? text + "*" : text;
}

std::string placement_legend(const std::vector<std::string>& placements) {
  const auto occurs = [&](std::string_view sign) {
    return std::any_of(placements.begin(), placements.end(),
                       [&](const auto& p) { return p.find(sign) != std::string::npos; });
  };
  std::string text;
  if (occurs("(sparse)")) text += "(sparse) pruned layers run in sparse kernels where those are faster\n";
  if (occurs("*")) text += "* or on another processor of the same kind, if that is free first\n";
  return text;
}

Result<std::vector<TaskExplanation>> explain(const Problem& problem, const Plan& plan) {
  SL_RETURN_IF_ERROR(check_slos(problem));
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> costs, read_costs(problem.zoo, problem.soc, problem.profile));
  const bool shared = std::any_of(plan.tasks.begin(), plan.tasks.end(), [](const TaskPlan& t) { return t.shared; });
  std::vector<Alternatives> alternatives(plan.tasks.size());
  if (!shared) {
    SL_ASSIGN_OR_RETURN(alternatives, find_alternatives(problem, plan));
  }
  std::vector<TaskExplanation> all;
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    SL_ASSIGN_OR_RETURN(TaskExplanation e, count_choices(problem, costs[t], zoo::TaskId(t)));
    e.text = describe_choices(e, problem.slo.slos[t], plan.tasks[t]) +
             describe_providers(problem, zoo::TaskId(t), plan.tasks[t]);
    if (!shared) e.text += describe_gangs(problem.soc, costs[t], plan.tasks[t]);
    if (!shared) e.text += describe_alternatives(problem, zoo::TaskId(t), alternatives[t]);
    e.alternatives = std::move(alternatives[t]);
    all.push_back(std::move(e));
  }
  return all;
}

}  // namespace sparseloom::plan
