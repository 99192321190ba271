#include "sparseloom/plan/alternatives.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "sparseloom/plan/search/stitched_options.h"

namespace sparseloom::plan {

namespace {

/// As planning sees them: pools are averaged only where something is left to them.
Result<Costs> costs_of(const Problem& problem, const Plan& plan) {
  if (std::any_of(plan.tasks.begin(), plan.tasks.end(), [](const TaskPlan& t) { return t.pooled; })) {
    return read_all_costs(problem);
  }
  Costs costs;
  costs.pools = problem.soc.pools();
  SL_ASSIGN_OR_RETURN(costs.pinned, read_costs(problem.zoo, problem.soc, problem.profile));
  return costs;
}

class Enumeration {
 public:
  Enumeration(const Problem& problem, const Plan& plan, const Costs& costs, std::size_t task)
      : problem_(problem), planned_(plan.tasks[task]), costs_(costs), task_(task) {}

  Result<Alternatives> run(std::vector<const StitchedOption*> chosen, Bytes others_bytes) {
    Alternatives result;
    result.bottleneck = Seconds(bottleneck_of(costs_.pools, chosen));
    const Slo& slo = problem_.slo.slos[task_];
    const double least_accuracy = std::min(slo.accuracy, planned_.accuracy);
    const Seconds most_latency = std::max(slo.latency, planned_.latency);
    const profile::TaskProfile& measured = problem_.profile.tasks[task_];
    for (std::size_t s = 0; s < measured.stitched(); ++s) {
      const zoo::Sigma sigma = measured.sigma_at(s);
      if (!costs_.pinned[task_].runs(sigma)) continue;
      SL_ASSIGN_OR_RETURN(const double accuracy,
                          read_accuracy(problem_.zoo, problem_.profile, zoo::TaskId(task_), sigma));
      if (!within(least_accuracy, accuracy)) continue;
      Placement placement(sigma.size());
      do {
        const StitchedOption option = option_of(sigma, placement);
        if (!within(option.latency, most_latency.count())) continue;
        chosen[task_] = &option;
        consider({.sigma = sigma,
                  .placement = option.placement,
                  .pooled = option.pooled,
                  .latency = Seconds(option.latency),
                  .accuracy = accuracy,
                  .bytes = others_bytes + option.bytes,
                  .bottleneck = Seconds(bottleneck_of(costs_.pools, chosen))},
                 result);
      } while (advance(placement, planned_.pooled ? costs_.pools.members.size() : costs_.pools.places()));
    }
    return result;
  }

  /// Under a placement on processors, or on pools if the task's plan leaves its stages to them.
  StitchedOption option_of(const zoo::Sigma& sigma, const Placement& placement) const {
    if (!planned_.pooled) {
      const TaskCosts& costs = costs_.pinned[task_];
      return {.sigma = sigma,
              .placement = placement,
              .latency = costs.latency(sigma, placement),
              .busy = costs.busy(sigma, placement),
              .bytes = costs.bytes(sigma, placement)};
    }
    const TaskCosts& costs = costs_.on_pools[task_];
    return on_members(costs_.pools,
                      {.sigma = sigma,
                       .placement = placement,
                       .latency = costs.latency(sigma, placement),
                       .busy = costs.busy(sigma, placement),
                       .bytes = costs.bytes(sigma, placement)},
                      0);
  }

  StitchedOption planned() const {
    Placement placement = planned_.placement;
    if (planned_.pooled) {
      for (soc::ProcessorId& p : placement) p = soc::ProcessorId(costs_.pools.of[p.index()]);
    }
    return option_of(planned_.sigma, placement);
  }

 private:
  void consider(const Alternative& candidate, Alternatives& result) const {
    const bool fits = !problem_.memory_budget || candidate.bytes <= *problem_.memory_budget;
    const auto by_bottleneck = [](const Alternative& a) { return std::tuple(a.bottleneck, a.latency, -a.accuracy); };
    const auto by_latency = [](const Alternative& a) { return std::tuple(a.latency, a.bottleneck, -a.accuracy); };
    const auto keep = [&](std::optional<Alternative>& best, const auto& rank) {
      if (!best || rank(candidate) < rank(*best)) best = candidate;
    };
    if (fits && candidate.sigma != planned_.sigma) keep(result.next, by_bottleneck);
    if (!fits && candidate.bottleneck * (1 + kTie) < result.bottleneck) keep(result.over_budget, by_bottleneck);
    if (fits && candidate.latency * (1 + kTie) < planned_.latency &&
        candidate.bottleneck > result.bottleneck * (1 + kTie)) {
      keep(result.too_busy, by_latency);
    }
  }

  const Problem& problem_;
  const TaskPlan& planned_;
  const Costs& costs_;
  const std::size_t task_;
};

}  // namespace

Result<std::vector<Alternatives>> find_alternatives(const Problem& problem, const Plan& plan) {
  SL_ASSIGN_OR_RETURN(const Costs costs, costs_of(problem, plan));
  std::vector<StitchedOption> planned;
  Bytes bytes;
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    planned.push_back(Enumeration(problem, plan, costs, t).planned());
    bytes += planned.back().bytes;
  }
  std::vector<const StitchedOption*> chosen;
  for (const StitchedOption& option : planned) chosen.push_back(&option);
  std::vector<Alternatives> all;
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    const Bytes others{bytes.count - planned[t].bytes.count};
    SL_ASSIGN_OR_RETURN(Alternatives found, Enumeration(problem, plan, costs, t).run(chosen, others));
    all.push_back(std::move(found));
  }
  return all;
}

}  // namespace sparseloom::plan
