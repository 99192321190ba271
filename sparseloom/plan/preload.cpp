#include "sparseloom/plan/preload.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "sparseloom/base/names.h"
#include "sparseloom/plan/search/infinity.h"

namespace sparseloom::plan {
namespace {

using PreloadChoice = PreloadProblem::Choice;

// Gives each subgraph an index when it is first used.
class SubgraphIndex {
 public:
  std::size_t of(const soc::SubgraphKey& key, const profile::Profile& profile, PreloadProblem& problem) {
    const auto [entry, fresh] = index_.try_emplace(key, problem.subgraphs.size());
    if (fresh) problem.subgraphs.push_back({key, profile.latency(key).resident});
    return entry->second;
  }

 private:
  std::map<soc::SubgraphKey, std::size_t> index_;
};

// Reads one task's choices.
class ProblemReader {
 public:
  ProblemReader(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile,
                const std::vector<SloConfig>& configurations)
      : zoo_(zoo), profile_(profile), configurations_(configurations), pools_(soc.pools()) {}

  Status read(const TaskCosts& costs, zoo::TaskId task, PreloadProblem& problem) {
    std::vector<PreloadChoice>& choices = problem.tasks.emplace_back();
    const profile::TaskProfile& measured = profile_.task(task);
    for (std::size_t k = 0; k < measured.stitched(); ++k) {
      const zoo::Sigma sigma = measured.sigma_at(k);
      if (!costs.runs(sigma)) continue;
      const Placement placement = costs.best_placement(sigma);
      SL_ASSIGN_OR_RETURN(PreloadChoice choice, meets(costs, task, sigma, placement));
      if (choice.configurations.empty()) continue;
      for (std::size_t i = 0; i < sigma.size(); ++i) {
        const soc::ProcessorId first = pools_.pool(placement[i]).front();
        const backend::Provider provider = costs.provider(sigma[i].index(), i, first.index());
        choice.subgraphs.push_back(index_.of({task, sigma[i], zoo::StageId(i), first, provider}, profile_, problem));
      }
      choices.push_back(std::move(choice));
    }
    return {};
  }

 private:
  Result<PreloadChoice> meets(const TaskCosts& costs, zoo::TaskId task, const zoo::Sigma& sigma,
                              const Placement& placement) const {
    SL_ASSIGN_OR_RETURN(const double accuracy, read_accuracy(zoo_, profile_, task, sigma));
    const double latency = costs.latency(sigma, placement);
    PreloadChoice choice;
    for (std::size_t c = 0; c < configurations_.size(); ++c) {
      const Slo& slo = configurations_[c].slos[task.index()];
      if (within(slo.accuracy, accuracy) && within(latency, slo.latency.count())) choice.configurations.push_back(c);
    }
    return choice;
  }

  const zoo::Zoo& zoo_;
  const profile::Profile& profile_;
  const std::vector<SloConfig>& configurations_;
  const soc::Pools& pools_;
  SubgraphIndex index_;
};

// A set of kept subgraphs under a budget, and the pairs of task and configuration that it serves.
class Kept {
 public:
  Kept(const PreloadProblem& problem, Bytes budget)
      : problem_(&problem), left_(budget.count), kept_(problem.subgraphs.size(), false), forbidden_(kept_) {
    served_.assign(problem.tasks.size(), std::vector<bool>(problem.configurations, false));
  }

  void forbid(std::size_t subgraph) { forbidden_[subgraph] = true; }
  bool has(std::size_t subgraph) const { return kept_[subgraph]; }
  std::size_t pairs() const { return pairs_; }
  std::uint64_t left() const { return left_; }
  bool better_than(const Kept& other) const {
    return std::tuple(pairs_, left_) > std::tuple(other.pairs_, other.left_);
  }

  // Takes whole choices until none that fits serves another pair.
  void fill() {
    while (const PreloadChoice* best = best_choice()) take(*best);
  }

  // The kept set without `subgraph` and without what only served together with it.
  Kept without(std::size_t subgraph, Bytes budget) const {
    Kept result(*problem_, budget);
    result.forbidden_ = forbidden_;
    result.forbid(subgraph);
    for (const std::size_t s : order_) {
      const bool other_task = problem_->subgraphs[s].key.task != problem_->subgraphs[subgraph].key.task;
      if (other_task || (s != subgraph && useful_without(s, subgraph))) result.add(s);
    }
    result.update();
    return result;
  }

  void keep(const std::vector<std::size_t>& subgraphs) {
    for (const std::size_t s : subgraphs) add(s);
    update();
  }

  Preload preload() const {
    Preload result;
    result.subgraphs = order_;
    for (const std::size_t s : order_) result.bytes += problem_->subgraphs[s].bytes;
    result.attainment = attainment(*problem_, kept_);
    return result;
  }

 private:
  bool whole(const PreloadChoice& choice) const {
    return std::all_of(choice.subgraphs.begin(), choice.subgraphs.end(), [&](std::size_t s) { return kept_[s]; });
  }

  bool useful_without(std::size_t subgraph, std::size_t gone) const {
    const auto& choices = problem_->tasks[problem_->subgraphs[subgraph].key.task.index()];
    return std::any_of(choices.begin(), choices.end(), [&](const PreloadChoice& choice) {
      const auto contains = [&](std::size_t s) {
        return std::find(choice.subgraphs.begin(), choice.subgraphs.end(), s) != choice.subgraphs.end();
      };
      return contains(subgraph) && !contains(gone) && whole(choice);
    });
  }

  const PreloadChoice* best_choice() const {
    const PreloadChoice* best = nullptr;
    double most = 0;
    for (std::size_t t = 0; t < problem_->tasks.size(); ++t) {
      for (const PreloadChoice& choice : problem_->tasks[t]) {
        std::uint64_t bytes = 0;
        bool allowed = true;
        for (const std::size_t s : choice.subgraphs) {
          if (kept_[s]) continue;
          bytes += problem_->subgraphs[s].bytes.count;
          allowed = allowed && !forbidden_[s];
        }
        if (!allowed || bytes > left_) continue;
        const auto gain = static_cast<double>(std::count_if(choice.configurations.begin(), choice.configurations.end(),
                                                            [&](std::size_t c) { return !served_[t][c]; }));
        const double ratio = gain / static_cast<double>(bytes + 1);  // + 1: what costs nothing comes first
        if (gain > 0 && ratio > most) most = ratio, best = &choice;
      }
    }
    return best;
  }

  void add(std::size_t subgraph) {
    kept_[subgraph] = true;
    order_.push_back(subgraph);
    left_ -= problem_->subgraphs[subgraph].bytes.count;
  }

  void take(const PreloadChoice& choice) {
    for (const std::size_t s : choice.subgraphs) {
      if (!kept_[s]) add(s);
    }
    update();
  }

  void update() {
    for (std::size_t t = 0; t < problem_->tasks.size(); ++t) {
      for (const PreloadChoice& choice : problem_->tasks[t]) {
        if (!whole(choice)) continue;
        for (const std::size_t c : choice.configurations) {
          if (!served_[t][c]) served_[t][c] = true, ++pairs_;
        }
      }
    }
  }

  const PreloadProblem* problem_;
  std::uint64_t left_;
  std::vector<bool> kept_, forbidden_;
  std::vector<std::size_t> order_;
  std::vector<std::vector<bool>> served_;  // [task][configuration]
  std::size_t pairs_ = 0;
};

struct NamedPreloader {
  std::string_view name;
  Preload (*preload)(const PreloadProblem& problem, Bytes budget);
};
constexpr NamedPreloader kPreloaders[] = {{"hotness", preload_hotness}, {"knapsack", preload_knapsack}};

}  // namespace

Result<PreloadProblem> preload_problem(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile,
                                       const std::vector<SloConfig>& configurations) {
  for (const SloConfig& c : configurations) SL_RETURN_IF_ERROR(check_slos({zoo, soc, profile, c}));
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> costs, read_costs(zoo, soc, profile, Gangs::kWithout));
  PreloadProblem problem;
  problem.configurations = configurations.size();
  ProblemReader reader(zoo, soc, profile, configurations);
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    SL_RETURN_IF_ERROR(reader.read(costs[t], zoo::TaskId(t), problem));
  }
  return problem;
}

PreloadProblem preload_problem(const soc::Soc& soc, const profile::Profile& profile, const std::vector<Plan>& plans) {
  PreloadProblem problem;
  problem.configurations = plans.size();
  problem.tasks.resize(profile.tasks.size());
  SubgraphIndex index;
  for (std::size_t c = 0; c < plans.size(); ++c) {
    for (std::size_t t = 0; t < plans[c].tasks.size(); ++t) {
      const TaskPlan& plan = plans[c].tasks[t];
      PreloadChoice& choice = problem.tasks[t].emplace_back();
      choice.configurations = {c};
      for (std::size_t i = 0; i < plan.sigma.size(); ++i) {
        soc::SubgraphKey key = subgraph_of(zoo::TaskId(t), plan, zoo::StageId(i));
        key.processor = soc.pools().pool(key.processor).front();
        choice.subgraphs.push_back(index.of(key, profile, problem));
      }
    }
  }
  return problem;
}

double attainment(const PreloadProblem& problem, const std::vector<bool>& kept) {
  std::size_t possible = 0, served = 0;
  for (const std::vector<PreloadChoice>& choices : problem.tasks) {
    std::vector<int> state(problem.configurations, 0);  // 1: some choice serves it, 2: one that is kept
    for (const PreloadChoice& choice : choices) {
      const bool whole =
          std::all_of(choice.subgraphs.begin(), choice.subgraphs.end(), [&](std::size_t s) { return kept[s]; });
      for (const std::size_t c : choice.configurations) state[c] = std::max(state[c], whole ? 2 : 1);
    }
    for (const int s : state) possible += s > 0 ? 1 : 0, served += s > 1 ? 1 : 0;
  }
  return possible == 0 ? 1 : static_cast<double>(served) / static_cast<double>(possible);
}

Preload preload_all(const PreloadProblem& problem) {
  Preload result;
  for (std::size_t s = 0; s < problem.subgraphs.size(); ++s) {
    result.subgraphs.push_back(s);
    result.bytes += problem.subgraphs[s].bytes;
  }
  result.attainment = attainment(problem, std::vector<bool>(problem.subgraphs.size(), true));
  return result;
}

Result<std::vector<PreloadProblem::Subgraph>> all_subgraphs(const zoo::Zoo& zoo, const soc::Soc& soc,
                                                            const profile::Profile& profile) {
  SL_ASSIGN_OR_RETURN(const auto costs, read_costs(zoo, soc, profile, Gangs::kWithout));
  std::vector<PreloadProblem::Subgraph> all;
  for (std::size_t t = 0; t < costs.size(); ++t) {
    for (std::size_t v = 0; v < costs[t].variants(); ++v) {
      for (std::size_t i = 0; i < costs[t].stages(); ++i) {
        for (std::size_t k = 0; k < soc.pools().of_processors(); ++k) {
          const auto& pool = soc.pools().members[k];
          if (costs[t].run(v, i, pool.front().index()) == kInfinity) continue;
          const backend::Provider provider = costs[t].provider(v, i, pool.front().index());
          const soc::SubgraphKey key{zoo::TaskId(t), zoo::VariantId(v), zoo::StageId(i), pool.front(), provider};
          all.push_back({key, profile.latency(key).resident});
        }
      }
    }
  }
  return all;
}

std::vector<double> hotness(const PreloadProblem& problem) {
  std::vector<double> hotness(problem.subgraphs.size(), 0.0);
  for (const std::vector<PreloadChoice>& choices : problem.tasks) {
    for (std::size_t c = 0; c < problem.configurations; ++c) {
      std::map<std::size_t, std::size_t> occurs;               // by subgraph
      std::map<zoo::StageId, std::set<zoo::VariantId>> offer;  // variants that the configuration has at a stage
      std::size_t feasible = 0;
      for (const PreloadChoice& choice : choices) {
        if (!std::binary_search(choice.configurations.begin(), choice.configurations.end(), c)) continue;
        ++feasible;
        for (const std::size_t s : choice.subgraphs) {
          ++occurs[s];
          offer[problem.subgraphs[s].key.stage].insert(problem.subgraphs[s].key.variant);
        }
      }
      for (const auto& [s, times] : occurs) {
        const double frequency = static_cast<double>(times) / static_cast<double>(feasible);
        hotness[s] += frequency + 1.0 / static_cast<double>(offer[problem.subgraphs[s].key.stage].size());
      }
    }
  }
  return hotness;
}

Preload preload_hotness(const PreloadProblem& problem, Bytes budget) {
  const std::vector<double> heat = hotness(problem);
  std::vector<std::size_t> order(heat.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return heat[a] > heat[b]; });
  Preload result;
  std::vector<bool> kept(heat.size(), false);
  for (const std::size_t s : order) {
    if (result.bytes + problem.subgraphs[s].bytes > budget) continue;
    kept[s] = true;
    result.bytes += problem.subgraphs[s].bytes;
    result.subgraphs.push_back(s);
  }
  result.attainment = attainment(problem, kept);
  return result;
}

Preload preload_knapsack(const PreloadProblem& problem, Bytes budget) {
  Kept best(problem, budget);
  best.fill();
  Kept hottest(problem, budget);
  hottest.keep(preload_hotness(problem, budget).subgraphs);
  hottest.fill();
  if (hottest.better_than(best)) best = std::move(hottest);
  for (bool improved = true; improved;) {
    improved = false;
    for (std::size_t s = 0; s < problem.subgraphs.size(); ++s) {
      if (!best.has(s)) continue;
      Kept other = best.without(s, budget);
      other.fill();
      if (other.better_than(best)) best = std::move(other), improved = true;
    }
  }
  return best.preload();
}

Result<Preloader> find_preloader(std::string_view name) {
  std::vector<std::string_view> names;
  for (const NamedPreloader& p : kPreloaders) {
    if (p.name == name) return Preloader(p.preload);
    names.emplace_back(p.name);
  }
  return unknown_name("preloader", name, names);
}

Bytes smallest_budget(const PreloadProblem& problem) {
  std::vector<std::uint64_t> by_configuration(problem.configurations, 0);
  for (const std::vector<PreloadChoice>& choices : problem.tasks) {
    std::map<std::size_t, std::uint64_t> cheapest;
    for (const PreloadChoice& choice : choices) {
      std::uint64_t bytes = 0;
      for (const std::size_t s : choice.subgraphs) bytes += problem.subgraphs[s].bytes.count;
      for (const std::size_t c : choice.configurations) {
        const auto [entry, fresh] = cheapest.try_emplace(c, bytes);
        if (!fresh) entry->second = std::min(entry->second, bytes);
      }
    }
    for (const auto& [c, bytes] : cheapest) by_configuration[c] += bytes;
  }
  return {by_configuration.empty() ? 0 : *std::max_element(by_configuration.begin(), by_configuration.end())};
}

}  // namespace sparseloom::plan
