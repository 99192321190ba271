#include "sparseloom/plan/costs.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "sparseloom/plan/search/infinity.h"

namespace sparseloom::plan {

namespace {

/// Seconds to move what stage i-1 hands to stage i between two processors; -1 if the profile does not know its size.
double transfer_seconds(const soc::Soc& soc, const profile::Profile& profile, zoo::TaskId task, std::size_t i,
                        soc::ProcessorId from, soc::ProcessorId to) {
  if (soc.processor(from).memory_domain == soc.processor(to).memory_domain) return 0;
  double bytes = 0;
  if (profile.transfer_seconds_per_byte > 0) {
    if (task.index() >= profile.boundary.size() || i - 1 >= profile.boundary[task.index()].size()) return -1;
    bytes = static_cast<double>(profile.boundary[task.index()][i - 1].count);
  }
  return profile.transfer_latency.count() + bytes * profile.transfer_seconds_per_byte;
}

/// Of σ by its position: measured, else estimated, else none.
std::optional<double> known_accuracy(const profile::Profile& profile, zoo::TaskId task, std::size_t sigma) {
  const profile::Accuracy& accuracy = profile.task(task).accuracy(sigma);
  if (accuracy.samples > 0) return accuracy.fraction();
  const auto& estimate = profile.task(task).accuracy_estimate(sigma);
  if (!estimate) return std::nullopt;
  return profile.use_estimates == profile::EstimateUse::kLower ? estimate->lower : estimate->value;
}

Status no_accuracy(const zoo::Task& task, const zoo::Sigma& sigma) {
  return error(Code::kFailedPrecondition,
               "profile: task '{}', variant {}: accuracy neither measured nor estimated (run: sparseloom profile)",
               task.name, zoo::describe(task, sigma));
}

/// The processors of a pool and what they offer to run one subgraph with.
struct Offer {
  const std::vector<soc::ProcessorId>& members;
  const std::vector<backend::Provider>& providers;
};

/// The provider with the least mean over the members; of those within a tie of it the first. None if none runs it.
std::optional<backend::Provider> fastest(const Offer& offer, const profile::TaskProfile& measured, zoo::VariantId v,
                                         zoo::StageId i) {
  const auto sum = [&](backend::Provider b) {
    double seconds = 0;
    for (const soc::ProcessorId p : offer.members) {
      const profile::Latency& latency = measured.latency(v, i, p, b);
      if (latency.left_out != profile::LeftOut::kNo) return kInfinity;
      seconds += latency.median.count();
    }
    return seconds;
  };
  double least = kInfinity;
  for (const backend::Provider b : offer.providers) least = std::min(least, sum(b));
  if (least == kInfinity) return std::nullopt;
  return *std::find_if(offer.providers.begin(), offer.providers.end(),
                       [&](backend::Provider b) { return within(sum(b), least * (1 + kTie)); });
}

/// kFailedPrecondition if a latency of the subgraph is missing.
Status check_measured(const soc::Soc& soc, const Offer& offer, const zoo::Task& task,
                      const profile::TaskProfile& measured, zoo::VariantId v, zoo::StageId i) {
  for (const backend::Provider b : offer.providers) {
    for (const soc::ProcessorId p : offer.members) {
      if (measured.latency(v, i, p, b).settled()) continue;
      return error(
          Code::kFailedPrecondition,
          "profile: task '{}', variant '{}', stage {}, processor '{}', provider {}: latency not measured (run: "
          "sparseloom profile)",
          task.name, task.variants[v.index()].name, i.index(), soc.processor(p).name, backend::provider_name(b));
    }
  }
  return {};
}

/// What is said of a stage that runs on no processor: why each provider was left out for the dense variant.
Status runs_nowhere(const soc::Soc& soc, const zoo::Task& task, const profile::TaskProfile& measured, zoo::StageId i) {
  const zoo::VariantId v(0);
  std::vector<std::string> left_out;
  for (std::size_t p = 0; p < soc.processors.size(); ++p) {
    for (const backend::Provider b : soc.processors[p].providers) {
      const profile::LeftOut why = measured.latency(v, i, soc::ProcessorId(p), b).left_out;
      left_out.push_back(
          fmt::format("{} on {} ({})", backend::provider_name(b), soc.processors[p].name, to_string(why)));
    }
  }
  return error(Code::kFailedPrecondition,
               "profile: task '{}', stage {}: nothing that a processor offers runs it, of no variant; of '{}': {}",
               task.name, i.index(), task.variants[v.index()].name, fmt::join(left_out, ", "));
}

/// Of what runs nowhere: more than any budget, and no sum of a few of them overflows.
constexpr Bytes kTooMany{std::uint64_t{1} << 56};

}  // namespace

Status TaskCosts::choose_providers(const zoo::Task& task, const soc::Soc& soc, const profile::TaskProfile& measured) {
  run_.assign(variants_ * stages_ * places(), kInfinity);
  provider_.resize(run_.size());
  bytes_.assign(run_.size(), kTooMany);
  for (const auto& members : soc.pools().members) {
    if (members.front().index() >= places()) continue;
    const Offer offer{members, soc.processor(members.front()).providers};
    for (std::size_t v = 0; v < variants_; ++v) {
      for (std::size_t i = 0; i < stages_; ++i) {
        const zoo::VariantId variant(v);
        const zoo::StageId stage(i);
        SL_RETURN_IF_ERROR(check_measured(soc, offer, task, measured, variant, stage));
        const std::optional<backend::Provider> chosen = fastest(offer, measured, variant, stage);
        if (!chosen) continue;
        Bytes most;
        for (const soc::ProcessorId p : members) {
          most = std::max(most, measured.latency(variant, stage, p, *chosen).resident);
        }
        for (const soc::ProcessorId p : members) {
          const std::size_t entry = (v * stages_ + i) * places() + p.index();
          run_[entry] = measured.latency(variant, stage, p, *chosen).median.count();
          provider_[entry] = *chosen;
          bytes_[entry] = most;
        }
      }
    }
  }
  for (std::size_t i = 0; i < stages_; ++i) {
    bool any = false;
    for (std::size_t v = 0; v < variants_; ++v) any = any || runs(v, i);
    if (!any) return runs_nowhere(soc, task, measured, zoo::StageId(i));
  }
  return {};
}

bool TaskCosts::runs(std::size_t v, std::size_t i) const {
  for (std::size_t p = 0; p < processors_; ++p) {
    if (run(v, i, p) < kInfinity) return true;
  }
  return false;
}

bool TaskCosts::runs(const zoo::Sigma& sigma) const {
  for (std::size_t i = 0; i < stages_; ++i) {
    if (!runs(sigma[i].index(), i)) return false;
  }
  return true;
}

Result<TaskCosts> TaskCosts::read(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile,
                                  zoo::TaskId task, Gangs gangs) {
  const zoo::Task& t = zoo.task(task);
  const profile::TaskProfile& measured = profile.task(task);
  if (measured.variants() != t.variants.size() || measured.stages() != t.stages() ||
      measured.places() < soc.processors.places()) {
    return error(Code::kFailedPrecondition,
                 "profile of task '{}': has {} variants, {} stages, {} processors and gangs; zoo and SoC have {}, {}, "
                 "{}",
                 t.name, measured.variants(), measured.stages(), measured.places(), t.variants.size(), t.stages(),
                 soc.processors.places());
  }
  TaskCosts costs;
  costs.variants_ = measured.variants();
  costs.stages_ = measured.stages();
  costs.processors_ = soc.processors.size();
  costs.taken_.resize(gangs == Gangs::kWith ? soc.processors.places() : soc.processors.size());
  for (std::size_t p = 0; p < costs.places(); ++p) {
    soc.pools().each_taken(soc::ProcessorId(p), [&](soc::ProcessorId q) { costs.taken_[p].push_back({q.index(), 1}); });
  }
  SL_RETURN_IF_ERROR(costs.choose_providers(t, soc, measured));
  for (std::size_t i = 1; i < costs.stages_; ++i) {
    for (std::size_t from = 0; from < costs.places(); ++from) {
      for (std::size_t to = 0; to < costs.places(); ++to) {
        const double seconds = transfer_seconds(soc, profile, task, i, soc::ProcessorId(from), soc::ProcessorId(to));
        if (seconds < 0) {
          return error(Code::kFailedPrecondition,
                       "profile: task '{}', stage {}: size of its inputs unknown; moving them from '{}' to '{}' takes "
                       "time by it",
                       t.name, i, soc.processors[from].name, soc.processors[to].name);
        }
        costs.transfer_.push_back(seconds);
      }
    }
  }
  return costs;
}

TaskCosts TaskCosts::pooled(const soc::Pools& pools) const {
  const auto mean = [](const std::vector<soc::ProcessorId>& members, const auto& value) {
    double sum = 0;
    for (const soc::ProcessorId p : members) sum += value(p.index());
    return sum / static_cast<double>(members.size());
  };
  TaskCosts result;
  result.variants_ = variants_;
  result.stages_ = stages_;
  result.processors_ = pools.of_processors();
  for (const auto& members : pools.members) {
    std::vector<Taken>& taken = result.taken_.emplace_back();
    pools.each_taken(members.front(), [&](soc::ProcessorId p) {
      const std::size_t pool = pools.of[p.index()];
      taken.push_back({pool, 1 / static_cast<double>(pools.members[pool].size())});
    });
  }
  for (std::size_t v = 0; v < variants_; ++v) {
    for (std::size_t i = 0; i < stages_; ++i) {
      for (const auto& members : pools.members) {
        result.run_.push_back(mean(members, [&](std::size_t p) { return run(v, i, p); }));
        result.provider_.push_back(provider(v, i, members.front().index()));
        result.bytes_.push_back(bytes(v, i, members.front().index()));
      }
    }
  }
  for (std::size_t i = 1; i < stages_; ++i) {
    for (const auto& from : pools.members) {
      for (const auto& to : pools.members) {
        result.transfer_.push_back(
            mean(from, [&](std::size_t f) { return mean(to, [&](std::size_t t) { return transfer(i, f, t); }); }));
      }
    }
  }
  return result;
}

TaskCosts TaskCosts::of_members(const soc::Pools& pools) const {
  TaskCosts result;
  result.variants_ = variants_;
  result.stages_ = stages_;
  result.processors_ = pools.processors();
  result.taken_.resize(pools.places());
  for (std::size_t p = 0; p < pools.places(); ++p) {
    pools.each_taken(soc::ProcessorId(p), [&](soc::ProcessorId q) { result.taken_[p].push_back({q.index(), 1}); });
  }
  for (std::size_t v = 0; v < variants_; ++v) {
    for (std::size_t i = 0; i < stages_; ++i) {
      for (const std::size_t pool : pools.of) {
        result.run_.push_back(run(v, i, pool));
        result.provider_.push_back(provider(v, i, pool));
        result.bytes_.push_back(bytes(v, i, pool));
      }
    }
  }
  for (std::size_t i = 1; i < stages_; ++i) {
    for (const std::size_t from : pools.of) {
      for (const std::size_t to : pools.of) result.transfer_.push_back(transfer(i, from, to));
    }
  }
  return result;
}

TaskCosts TaskCosts::on_processors() const {
  TaskCosts result;
  result.variants_ = variants_;
  result.stages_ = stages_;
  result.processors_ = processors_;
  result.taken_.assign(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(processors_));
  for (std::size_t v = 0; v < variants_; ++v) {
    for (std::size_t i = 0; i < stages_; ++i) {
      for (std::size_t p = 0; p < processors_; ++p) {
        result.run_.push_back(run(v, i, p));
        result.provider_.push_back(provider(v, i, p));
        result.bytes_.push_back(bytes(v, i, p));
      }
    }
  }
  for (std::size_t i = 1; i < stages_; ++i) {
    for (std::size_t from = 0; from < processors_; ++from) {
      for (std::size_t to = 0; to < processors_; ++to) result.transfer_.push_back(transfer(i, from, to));
    }
  }
  return result;
}

double TaskCosts::stage(const zoo::Sigma& sigma, const Placement& placement, std::size_t i) const {
  const double moved = i == 0 ? 0 : transfer(i, placement[i - 1].index(), placement[i].index());
  return moved + run(sigma[i].index(), i, placement[i].index());
}

double TaskCosts::latency(const zoo::Sigma& sigma, const Placement& placement) const {
  double sum = 0;
  for (std::size_t i = 0; i < stages_; ++i) sum += stage(sigma, placement, i);
  return sum;
}

std::vector<double> TaskCosts::busy(const zoo::Sigma& sigma, const Placement& placement) const {
  std::vector<double> busy(processors_, 0.0);
  for (std::size_t i = 0; i < stages_; ++i) {
    const double seconds = stage(sigma, placement, i);
    for (const Taken& taken : taken_[placement[i].index()]) busy[taken.processor] += seconds * taken.share;
  }
  return busy;
}

Bytes TaskCosts::bytes(const zoo::Sigma& sigma, const Placement& placement) const {
  Bytes sum;
  for (std::size_t i = 0; i < stages_; ++i) sum += bytes(sigma[i].index(), i, placement[i].index());
  return sum;
}

Placement TaskCosts::best_placement(const zoo::Sigma& sigma) const {
  // Shortest path: best[p] is the least time to have stages 0..i done with stage i on p.
  std::vector<double> best(places());
  for (std::size_t p = 0; p < places(); ++p) best[p] = run(sigma[0].index(), 0, p);
  std::vector<std::vector<std::size_t>> came_from(stages_, std::vector<std::size_t>(places(), 0));
  for (std::size_t i = 1; i < stages_; ++i) {
    std::vector<double> next(places(), kInfinity);
    for (std::size_t to = 0; to < places(); ++to) {
      for (std::size_t from = 0; from < places(); ++from) {
        const double through = best[from] + transfer(i, from, to) + run(sigma[i].index(), i, to);
        if (through < next[to]) {
          next[to] = through;
          came_from[i][to] = from;
        }
      }
    }
    best = std::move(next);
  }
  Placement placement(stages_);
  auto p = static_cast<std::size_t>(std::min_element(best.begin(), best.end()) - best.begin());
  for (std::size_t i = stages_; i-- > 0;) {
    placement[i] = soc::ProcessorId(p);
    p = came_from[i][p];
  }
  return placement;
}

zoo::Sigma original(std::size_t variant, std::size_t stages) { return zoo::Sigma(stages, zoo::VariantId(variant)); }

Result<std::vector<TaskCosts>> read_costs(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile,
                                          Gangs gangs) {
  if (soc.processors.empty()) return error(Code::kFailedPrecondition, "soc '{}': has no processors", soc.name);
  if (profile.tasks.size() != zoo.tasks.size()) {
    return error(Code::kFailedPrecondition, "profile: has {} tasks; zoo '{}' has {}", profile.tasks.size(), zoo.name,
                 zoo.tasks.size());
  }
  std::vector<TaskCosts> all;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    SL_ASSIGN_OR_RETURN(TaskCosts costs, TaskCosts::read(zoo, soc, profile, zoo::TaskId(t), gangs));
    all.push_back(std::move(costs));
  }
  return all;
}

Result<double> read_accuracy(const zoo::Zoo& zoo, const profile::Profile& profile, zoo::TaskId task,
                             const zoo::Sigma& sigma) {
  const std::optional<double> known = known_accuracy(profile, task, profile.task(task).index_of(sigma));
  if (known) return *known;
  return no_accuracy(zoo.task(task), sigma);
}

Result<std::vector<OriginalVariant>> read_originals(const zoo::Zoo& zoo, const profile::Profile& profile,
                                                    zoo::TaskId task, const TaskCosts& costs) {
  std::vector<OriginalVariant> originals;
  for (std::size_t v = 0; v < costs.variants(); ++v) {
    const zoo::Sigma sigma = original(v, costs.stages());
    if (!costs.runs(sigma)) continue;
    SL_ASSIGN_OR_RETURN(const double accuracy, read_accuracy(zoo, profile, task, sigma));
    originals.push_back({v, costs.latency(sigma, costs.best_placement(sigma)), accuracy});
  }
  if (!originals.empty()) return originals;
  return error(Code::kFailedPrecondition,
               "profile: task '{}': no variant runs from its first stage to its last by what "
               "processors offer",
               zoo.task(task).name);
}

Result<std::vector<double>> read_accuracies(const zoo::Zoo& zoo, const profile::Profile& profile, zoo::TaskId task,
                                            const TaskCosts& costs) {
  const profile::TaskProfile& measured = profile.task(task);
  std::vector<double> accuracies(measured.stitched(), kRunsNowhere);
  for (std::size_t s = 0; s < accuracies.size(); ++s) {
    if (!costs.runs(measured.sigma_at(s))) continue;
    const std::optional<double> known = known_accuracy(profile, task, s);
    if (!known) return no_accuracy(zoo.task(task), measured.sigma_at(s));
    accuracies[s] = *known;
  }
  return accuracies;
}

Status check_slos(const Problem& problem) {
  const SloConfig& config = problem.slo;
  if (config.slos.size() != problem.zoo.tasks.size()) {
    return error(Code::kInvalidArgument, "SLO configuration '{}': has {} entries; zoo '{}' has {} tasks", config.name,
                 config.slos.size(), problem.zoo.name, problem.zoo.tasks.size());
  }
  for (std::size_t t = 0; t < config.slos.size(); ++t) {
    const Slo& slo = config.slos[t];
    const std::string& task = problem.zoo.tasks[t].name;
    if (!(slo.accuracy >= 0 && slo.accuracy <= 1)) {
      return error(Code::kInvalidArgument, "SLO configuration '{}', task '{}': accuracy bound {}; 0 to 1 is allowed",
                   config.name, task, slo.accuracy);
    }
    if (!(slo.latency > Seconds(0) && std::isfinite(slo.latency.count()))) {
      return error(Code::kInvalidArgument,
                   "SLO configuration '{}', task '{}': latency bound {} ms; more than 0 and finite is allowed",
                   config.name, task, to_ms(slo.latency));
    }
  }
  return {};
}

namespace {

// Where all that was seen were zeros: a scheduler divides by the rest.
constexpr double kMostSparsity = 0.999;

StageEstimate estimate(const TaskCosts& costs, const profile::TaskProfile& measured, const zoo::Sigma& sigma,
                       const Placement& placement, std::size_t i) {
  const double own = costs.stage(sigma, placement, i);
  const std::size_t place = placement[i].index();
  double sum = 0, count = 0;
  for (std::size_t v = 0; v < costs.variants(); ++v) {
    const double run = costs.run(v, i, place);
    if (run == kInfinity) continue;  // of no use on this gang
    sum += run;
    ++count;
  }
  const double transfer = own - costs.run(sigma[i].index(), i, place);
  return {.latency = Seconds(own),
          .model_latency = Seconds(transfer + sum / count),
          .sparsity = std::min(measured.sparsity(sigma[i], zoo::StageId(i)).mean, kMostSparsity)};
}

}  // namespace

Result<TaskPlan> make_task_plan(const Problem& problem, const TaskCosts& costs, zoo::TaskId task, zoo::Sigma sigma,
                                Placement placement) {
  for (std::size_t i = 0; i < sigma.size(); ++i) {
    if (costs.run(sigma[i].index(), i, placement[i].index()) < kInfinity) continue;
    return error(Code::kFailedPrecondition, "task '{}', variant '{}', stage {}: placed on '{}', where nothing runs it",
                 problem.zoo.task(task).name, problem.zoo.task(task).variants[sigma[i].index()].name, i,
                 problem.soc.processor(placement[i]).name);
  }
  SL_ASSIGN_OR_RETURN(const double accuracy, read_accuracy(problem.zoo, problem.profile, task, sigma));
  const Slo& slo = problem.slo.slos[task.index()];
  TaskPlan plan;
  plan.latency = Seconds(costs.latency(sigma, placement));
  plan.accuracy = accuracy;
  plan.meets_latency = within(plan.latency.count(), slo.latency.count());
  plan.meets_accuracy = within(slo.accuracy, accuracy);
  for (std::size_t i = 0; i < sigma.size(); ++i) {
    plan.providers.push_back(costs.provider(sigma[i].index(), i, placement[i].index()));
    plan.estimates.push_back(estimate(costs, problem.profile.task(task), sigma, placement, i));
  }
  plan.sigma = std::move(sigma);
  plan.placement = std::move(placement);
  return plan;
}

Status check_memory(const Problem& problem, const std::vector<TaskCosts>& costs, const Plan& plan) {
  Bytes needed;
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    needed += costs[t].bytes(plan.tasks[t].sigma, plan.tasks[t].placement);
  }
  if (!problem.memory_budget || needed <= *problem.memory_budget) return {};
  return error(Code::kResourceExhausted,
               "memory budget: {} bytes; planner '{}' takes no account of memory and makes one plan, of {} bytes",
               problem.memory_budget->count, plan.planner, needed.count);
}

Seconds bottleneck_of(const std::vector<Seconds>& busy) {
  return busy.empty() ? Seconds(0) : *std::max_element(busy.begin(), busy.end());
}

Seconds plan_latency(const Problem& problem, zoo::TaskId task, const TaskPlan& plan) {
  Seconds sum{0};
  for (std::size_t i = 0; i < plan.sigma.size(); ++i) sum += stage_time(problem, task, plan, zoo::StageId(i));
  return sum;
}

Seconds stage_time(const Problem& problem, zoo::TaskId task, const TaskPlan& plan, zoo::StageId stage) {
  const std::size_t i = stage.index();
  const Seconds run = problem.profile.latency(subgraph_of(task, plan, stage)).median;
  if (i == 0) return run;
  const double moved =
      transfer_seconds(problem.soc, problem.profile, task, i, plan.placement[i - 1], plan.placement[i]);
  return run + Seconds(std::max(moved, 0.0));
}

std::vector<Seconds> busy_times(const Problem& problem, const std::vector<TaskPlan>& tasks) {
  std::vector<Seconds> busy(problem.soc.processors.size(), Seconds(0));
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    for (std::size_t i = 0; i < tasks[t].sigma.size(); ++i) {
      const Seconds time = stage_time(problem, zoo::TaskId(t), tasks[t], zoo::StageId(i));
      problem.soc.pools().each_taken(tasks[t].placement[i], [&](soc::ProcessorId p) { busy[p.index()] += time; });
    }
  }
  return busy;
}

soc::SubgraphKey subgraph_of(zoo::TaskId task, const TaskPlan& plan, zoo::StageId stage) {
  const std::size_t i = stage.index();
  return {task, plan.sigma[i], stage, plan.placement[i], plan.providers[i]};
}

std::vector<soc::SubgraphKey> subgraphs_of(const Plan& plan) {
  std::vector<soc::SubgraphKey> all;
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    for (std::size_t i = 0; i < plan.tasks[t].sigma.size(); ++i) {
      all.push_back(subgraph_of(zoo::TaskId(t), plan.tasks[t], zoo::StageId(i)));
    }
  }
  return all;
}

Bytes resident_bytes(const profile::Profile& profile, const Plan& plan) {
  Bytes sum;
  for (const soc::SubgraphKey& subgraph : subgraphs_of(plan)) sum += profile.latency(subgraph).resident;
  return sum;
}

}  // namespace sparseloom::plan
