#include "sparseloom/plan/search/stitched_options.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>

#include "sparseloom/base/statistics.h"
#include "sparseloom/plan/search/infinity.h"
#include "sparseloom/plan/search/joint.h"

namespace sparseloom::plan {

namespace {

/// σ as an index: the last stage runs fastest, as TaskProfile::index_of.
class SigmaFilter {
 public:
  /// With `memory`, also as small on every processor.
  SigmaFilter(const TaskCosts& costs, const std::vector<double>& accuracies, double least_accuracy, bool memory)
      : costs_(costs),
        accuracies_(accuracies),
        least_accuracy_(least_accuracy),
        memory_(memory),
        strides_(costs.stages(), 1) {
    for (std::size_t i = costs.stages(); i-- > 1;) strides_[i - 1] = strides_[i] * costs.variants();
    fill_faster_table();
  }

  /// Indices of accurate enough σ that no change of one stage's variant improves: one that is as fast on every
  /// processor (and faster, or more accurate, or earlier) and leaves σ accurate enough. What is dropped is never
  /// needed: following such changes ends at a σ that is kept and is as fast everywhere.
  std::vector<std::size_t> keep() const {
    std::vector<std::size_t> kept;
    for (std::size_t s = 0; s < accuracies_.size(); ++s) {
      if (allowed(s) && !improvable(s)) kept.push_back(s);
    }
    return kept;
  }

 private:
  bool allowed(std::size_t s) const { return within(least_accuracy_, accuracies_[s]); }

  /// For every stage and variant the variants that are no slower on any processor.
  void fill_faster_table() {
    const std::size_t count = costs_.variants();
    faster_.resize(costs_.stages() * count);
    for (std::size_t i = 0; i < costs_.stages(); ++i) {
      for (std::size_t v = 0; v < count; ++v) {
        for (std::size_t w = 0; w < count; ++w) {
          bool no_slower = w != v;
          bool equal = true;
          for (std::size_t p = 0; no_slower && p < costs_.places(); ++p) {
            no_slower = costs_.run(w, i, p) <= costs_.run(v, i, p) &&
                        (!memory_ || costs_.bytes(w, i, p) <= costs_.bytes(v, i, p));
            equal = equal && costs_.run(w, i, p) == costs_.run(v, i, p) &&
                    (!memory_ || costs_.bytes(w, i, p) == costs_.bytes(v, i, p));
          }
          if (no_slower) faster_[i * count + v].push_back({w, equal});
        }
      }
    }
  }

  bool improvable(std::size_t s) const {
    const std::size_t count = costs_.variants();
    for (std::size_t i = 0; i < costs_.stages(); ++i) {
      const std::size_t v = s / strides_[i] % count;
      for (const auto& [w, equal] : faster_[i * count + v]) {
        const std::size_t other = s - v * strides_[i] + w * strides_[i];
        if (!allowed(other)) continue;
        if (!equal || std::pair(-accuracies_[other], other) < std::pair(-accuracies_[s], s)) return true;
      }
    }
    return false;
  }

  struct Faster {
    std::size_t variant;
    bool equal;
  };
  const TaskCosts& costs_;
  const std::vector<double>& accuracies_;
  double least_accuracy_;
  bool memory_;
  std::vector<std::size_t> strides_;
  std::vector<std::vector<Faster>> faster_;
};

bool no_busier(const StitchedOption& a, const StitchedOption& b, bool memory) {
  if (memory && a.bytes > b.bytes) return false;
  for (std::size_t p = 0; p < a.busy.size(); ++p) {
    if (a.busy[p] > b.busy[p]) return false;
  }
  return true;
}

/// Moves the options of one placement that no earlier one is no busier than to `out`, the faster first. Without gangs
/// their latency is the sum of their busy times, so only an earlier one can be no busier; a gang's time counts more
/// than once, so of those that are kept some may be of no use.
void keep_non_dominated(std::vector<StitchedOption>& options, bool memory, std::vector<StitchedOption>& out) {
  std::sort(options.begin(), options.end(), [&](const StitchedOption& a, const StitchedOption& b) {
    if (a.latency != b.latency) return a.latency < b.latency;
    return memory && a.bytes != b.bytes ? a.bytes < b.bytes : a.accuracy > b.accuracy;
  });
  const auto first = static_cast<std::ptrdiff_t>(out.size());
  for (StitchedOption& option : options) {
    const bool dominated = std::any_of(out.begin() + first, out.end(),
                                       [&](const StitchedOption& kept) { return no_busier(kept, option, memory); });
    if (!dominated) out.push_back(std::move(option));
  }
}

/// Options under every placement with a latency of at most `bound`, and where there is none the fastest.
void find_options(const TaskCosts& costs, const std::vector<zoo::Sigma>& sigmas, const std::vector<double>& accuracies,
                  double bound, bool memory, TaskOptions& result) {
  Placement placement(costs.stages());
  const auto option = [&](std::size_t s, double latency) -> StitchedOption {
    return {.sigma = sigmas[s],
            .placement = placement,
            .latency = latency,
            .accuracy = accuracies[s],
            .busy = costs.busy(sigmas[s], placement),
            .bytes = costs.bytes(sigmas[s], placement)};
  };
  do {
    std::vector<StitchedOption> here;
    std::size_t fastest = 0;
    double least = kInfinity;
    for (std::size_t s = 0; s < sigmas.size(); ++s) {
      const double latency = costs.latency(sigmas[s], placement);
      if (latency < least) std::tie(fastest, least) = std::pair(s, latency);
      if (within(latency, bound)) here.push_back(option(s, latency));
    }
    if (here.empty() && least < kInfinity) result.aside.push_back(option(fastest, least));
    keep_non_dominated(here, memory, result.options);
  } while (advance(placement, costs.places()));
}

/// The accuracy that σ must have: the bound, or the best there is if none reaches it.
double accuracy_floor(const std::vector<double>& accuracies, double bound) {
  const double best = *std::max_element(accuracies.begin(), accuracies.end());
  return within(bound, best) ? bound : best;
}

}  // namespace

/// Also for pools in the place of places, if `costs` is of those.
Result<TaskOptions> pinned_options(const Problem& problem, const TaskCosts& costs, zoo::TaskId task) {
  const bool memory = problem.memory_budget.has_value();
  SL_ASSIGN_OR_RETURN(const std::vector<double> accuracies, read_accuracies(problem.zoo, problem.profile, task, costs));
  const Slo& slo = problem.slo.slos[task.index()];
  const double floor = accuracy_floor(accuracies, slo.accuracy);

  std::vector<zoo::Sigma> sigmas;
  std::vector<double> sigma_accuracies;
  double least_latency = kInfinity;
  for (const std::size_t s : SigmaFilter(costs, accuracies, floor, memory).keep()) {
    sigmas.push_back(problem.profile.task(task).sigma_at(s));
    sigma_accuracies.push_back(accuracies[s]);
    least_latency = std::min(least_latency, costs.latency(sigmas.back(), costs.best_placement(sigmas.back())));
  }

  TaskOptions result;
  result.meets_accuracy = within(slo.accuracy, floor);
  result.meets_latency = within(least_latency, slo.latency.count());
  // Without the accuracy the request is lost anyway: then as fast as the most accurate can be.
  const bool keep_bound = result.meets_accuracy && result.meets_latency;
  const double bound = keep_bound ? slo.latency.count() : least_latency * (1 + kTie);
  find_options(costs, sigmas, sigma_accuracies, bound, memory, result);
  return result;
}

namespace {

Placement pools_of(const soc::Pools& pools, Placement placement) {
  for (soc::ProcessorId& p : placement) p = soc::ProcessorId(pools.of[p.index()]);
  return placement;
}

/// How much slower one processor is than another: the median over all subgraphs, so that single disturbed measurements
/// do not count.
double slowdown(const std::vector<TaskCosts>& costs, std::size_t p, std::size_t than) {
  std::vector<double> ratios;
  for (const TaskCosts& task : costs) {
    for (std::size_t v = 0; v < task.variants(); ++v) {
      for (std::size_t i = 0; i < task.stages(); ++i) {
        if (task.run(v, i, p) < kInfinity) ratios.push_back(task.run(v, i, p) / task.run(v, i, than));
      }
    }
  }
  if (ratios.empty()) return 1;  // gangs of no use
  return quartiles(std::move(ratios)).median;
}

/// Dissolves pools whose members were measured to be unlike.
soc::Pools measured_alike(const soc::Pools& pools, const std::vector<TaskCosts>& costs) {
  soc::Pools result;
  result.of.resize(pools.places());
  result.gangs = pools.gangs;
  const auto add = [&](const std::vector<soc::ProcessorId>& members) {
    for (const soc::ProcessorId p : members) result.of[p.index()] = result.members.size();
    result.members.push_back(members);
  };
  for (const auto& members : pools.members) {
    std::vector<double> slowdowns;
    for (const soc::ProcessorId p : members) slowdowns.push_back(slowdown(costs, p.index(), members.front().index()));
    const auto [least, most] = std::minmax_element(slowdowns.begin(), slowdowns.end());
    if (within(*most, kAlike * *least)) {
      add(members);
    } else {
      for (const soc::ProcessorId p : members) add({p});
    }
  }
  return result;
}

std::size_t largest(const soc::Pools& pools) {
  std::size_t most = 0;
  for (const auto& members : pools.members) most = std::max(most, members.size());
  return most;
}

/// Of the largest pool in a placement on pools.
std::size_t most_members(const soc::Pools& pools, const Placement& placement) {
  std::size_t most = 0;
  for (const soc::ProcessorId pool : placement) most = std::max(most, pools.members[pool.index()].size());
  return most;
}

}  // namespace

bool advance(Placement& placement, std::size_t places) {
  for (std::size_t i = placement.size(); i-- > 0;) {
    if (placement[i].index() + 1 < places) {
      placement[i] = soc::ProcessorId(placement[i].index() + 1);
      return true;
    }
    placement[i] = soc::ProcessorId(0);
  }
  return false;
}

StitchedOption on_members(const soc::Pools& pools, StitchedOption option, std::size_t preferred) {
  for (soc::ProcessorId& p : option.placement) {
    const auto& members = pools.members[p.index()];
    p = members[preferred % members.size()];
  }
  std::vector<double> busy;
  busy.reserve(pools.processors());
  for (std::size_t p = 0; p < pools.processors(); ++p) busy.push_back(option.busy[pools.of[p]]);
  option.busy = std::move(busy);
  option.pooled = true;
  return option;
}

double Costs::stage(std::size_t task, const StitchedOption& option, std::size_t i) const {
  return option.pooled ? on_pools[task].stage(option.sigma, pools_of(pools, option.placement), i)
                       : pinned[task].stage(option.sigma, option.placement, i);
}

Result<Costs> read_all_costs(const Problem& problem) {
  Costs costs;
  SL_ASSIGN_OR_RETURN(costs.pinned, read_costs(problem.zoo, problem.soc, problem.profile));
  const soc::Pools& served = problem.soc.pools();
  costs.pools = measured_alike(served, costs.pinned);
  costs.may_pool = largest(served) > 1 && costs.pools.members.size() == served.members.size();
  for (TaskCosts& task : costs.pinned) {
    costs.on_pools.push_back(task.pooled(costs.pools));
    task = costs.on_pools.back().of_members(costs.pools);
  }
  return costs;
}

double bottleneck_of(const soc::Pools& pools, const std::vector<const StitchedOption*>& chosen) {
  std::vector<double> pinned(pools.processors(), 0.0);
  std::vector<double> mean(pools.of_processors(), 0.0);
  for (const StitchedOption* option : chosen) {
    for (std::size_t p = 0; p < pinned.size(); ++p) {
      if (!option->pooled) pinned[p] += option->busy[p];
      mean[pools.of[p]] += option->busy[p] / static_cast<double>(pools.members[pools.of[p]].size());
    }
  }
  double most = 0;
  for (const double busy : pinned) most = std::max(most, busy);
  for (const double busy : mean) most = std::max(most, busy);
  return most;
}

Result<TaskOptions> stitched_options(const Problem& problem, const Costs& costs, zoo::TaskId task, bool pooled) {
  SL_ASSIGN_OR_RETURN(TaskOptions pinned, pinned_options(problem, costs.pinned[task.index()], task));
  if (!pooled || !costs.may_pool) return pinned;
  SL_ASSIGN_OR_RETURN(const TaskOptions on_pools, pinned_options(problem, costs.on_pools[task.index()], task));
  const auto with_pools = [&](const std::vector<StitchedOption>& added, std::vector<StitchedOption>& options) {
    std::vector<StitchedOption> all;
    for (std::size_t preferred = 0; preferred < largest(costs.pools); ++preferred) {
      for (const StitchedOption& option : added) {
        if (preferred < most_members(costs.pools, option.placement))
          all.push_back(on_members(costs.pools, option, preferred));
      }
    }
    std::move(options.begin(), options.end(), std::back_inserter(all));
    options = std::move(all);
  };
  with_pools(on_pools.options, pinned.options);
  with_pools(on_pools.aside, pinned.aside);
  return pinned;
}

Result<BottleneckResult> least_bottleneck(const soc::Pools& pools, const std::vector<TaskOptions>& tasks,
                                          const std::optional<Bytes>& memory_budget) {
  if (tasks.empty()) return BottleneckResult{{}, 0, 0};
  std::vector<ListedOptions> lists;
  std::size_t processors = 0;
  for (const TaskOptions& task : tasks) {
    std::vector<BusyOption> list;
    // Leaving stages to pools never raises the bottleneck: where options do, they come first, and only those are looked
    // at, once, with pools of processors in the place of processors.
    const bool late = task.options.front().pooled;
    for (const StitchedOption& from : task.options) {
      if (from.pooled != late) break;
      BusyOption option{from.busy, from.latency, static_cast<double>(from.bytes.count), {}};
      if (late) {
        option.busy.clear();
        for (std::size_t pool = 0; pool < pools.of_processors(); ++pool)
          option.busy.push_back(from.busy[pools.members[pool].front().index()]);
      }
      processors = option.busy.size();
      list.push_back(std::move(option));
    }
    lists.emplace_back(std::move(list));
  }
  std::vector<const OptionSource*> sources;
  for (const ListedOptions& list : lists) sources.push_back(&list);
  JointLimits limits;
  if (memory_budget) limits.budget_bytes = static_cast<double>(memory_budget->count);
  SL_ASSIGN_OR_RETURN(const JointResult joint, least_bottleneck(sources, processors, limits));
  BottleneckResult result{{}, joint.bottleneck, joint.lower_bound};
  for (const BusyOption& chosen : joint.chosen) result.choice.push_back(chosen.choice.front());
  return result;
}

Result<StitchedOption> most_accurate_tie(const Problem& problem, const Costs& costs, zoo::TaskId task,
                                         const StitchedOption& option, Bytes most_bytes) {
  const bool late = option.pooled;
  const TaskCosts& cost = (late ? costs.on_pools : costs.pinned)[task.index()];
  SL_ASSIGN_OR_RETURN(const std::vector<double> accuracies, read_accuracies(problem.zoo, problem.profile, task, cost));
  const Placement placement = late ? pools_of(costs.pools, option.placement) : option.placement;
  const std::vector<double> busy = cost.busy(option.sigma, placement);
  const double bound = problem.slo.slos[task.index()].latency.count();
  StitchedOption best = option;
  for (std::size_t s = 0; s < accuracies.size(); ++s) {
    if (accuracies[s] <= best.accuracy) continue;
    zoo::Sigma sigma = problem.profile.task(task).sigma_at(s);
    const double latency = cost.latency(sigma, placement);
    if (within(option.latency, bound) && !within(latency, bound)) continue;
    const std::vector<double> other = cost.busy(sigma, placement);
    const Bytes bytes = cost.bytes(sigma, placement);
    bool tie = bytes <= most_bytes;
    for (std::size_t p = 0; p < busy.size(); ++p) tie = tie && within(other[p], busy[p] * (1 + kTie));
    if (!tie) continue;
    best.sigma = std::move(sigma);
    best.latency = latency;
    best.accuracy = accuracies[s];
    best.busy = other;
    best.bytes = bytes;
    if (late) {
      best.busy.clear();
      for (std::size_t p = 0; p < costs.pools.processors(); ++p) best.busy.push_back(other[costs.pools.of[p]]);
    }
  }
  return best;
}

}  // namespace sparseloom::plan
