#include "sparseloom/plan/search/response_search.h"

#include <algorithm>
#include <random>
#include <utility>

#include "sparseloom/plan/search/infinity.h"

namespace sparseloom::plan {

namespace {

/// Options of one placement that are tried: the fastest, and a few that shift work between processors.
constexpr std::size_t kTriedPerPlacement = 3;
constexpr std::size_t kRandomStarts = 8;

/// `idle`: by pool, that its processors have behind them when the task's stages run.
ResponseModel::Stages stages_of(const profile::Contention& contention, const Costs& costs, std::size_t task,
                                const StitchedOption& option, bool accurate, const std::vector<Seconds>& idle) {
  ResponseModel::Stages stages;
  for (std::size_t i = 0; i < option.sigma.size(); ++i) {
    const Seconds before = idle[costs.pools.of[option.placement[i].index()]];
    const Seconds cold = contention.cold_penalty({zoo::TaskId(task), zoo::StageId(i), option.placement[i]}, before);
    stages.seconds.push_back(costs.stage(task, option, i) + cold.count());
  }
  stages.processor = option.placement;
  stages.pooled = option.pooled;
  stages.accurate = accurate;
  return stages;
}

/// What a request of each task takes by its first option.
TimesByPool first_options(const Costs& costs, const std::vector<TaskOptions>& tasks) {
  TimesByPool times(tasks.size(), std::vector<Seconds>(costs.pools.members.size()));
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const StitchedOption& first = tasks[t].at(0);
    for (std::size_t i = 0; i < first.sigma.size(); ++i) {
      const Seconds time(costs.stage(t, first, i));
      costs.pools.each_taken(first.placement[i],
                             [&](soc::ProcessorId p) { times[t][costs.pools.of[p.index()]] += time; });
    }
  }
  return times;
}

bool placed_alike(const StitchedOption& a, const StitchedOption& b) {
  return a.placement == b.placement && a.pooled == b.pooled;
}

}  // namespace

ResponseSearch::ResponseSearch(const Problem& problem, const Costs& costs, const std::vector<TaskOptions>& tasks,
                               const PredictOptions& predict, std::size_t max_predictions)
    : tasks_(tasks),
      model_(problem.slo.slos, costs.pools, arrivals_of(problem), predict),
      percentile_(problem.load != nullptr ? problem.load->percentile : std::nullopt),
      pools_(costs.pools),
      memory_budget_(problem.memory_budget),
      predictions_left_(max_predictions),
      stages_(tasks.size()),
      tried_(tasks.size()),
      fastest_(tasks.size()) {
  const TimesByPool idle = idle_between(problem, costs.pools, first_options(costs, tasks));
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const TaskOptions& options = tasks[t];
    std::size_t rank = 0;  // within its placement; options of one placement stand together, the fastest first
    for (std::size_t o = 0; o < options.count(); ++o) {
      stages_[t].push_back(
          stages_of(problem.profile.contention, costs, t, options.at(o), options.meets_accuracy, idle[t]));
      rank = o > 0 && placed_alike(options.at(o - 1), options.at(o)) ? rank + 1 : 0;
      if (rank == 0) fastest_[t].push_back(o);
      if (rank < kTriedPerPlacement) tried_[t].push_back(o);
    }
  }
}

Choice ResponseSearch::run(const Choice& start, double tie) {
  descend(start);
  std::mt19937_64 random(20260309);  // any fixed number
  for (std::size_t n = 0; n < kRandomStarts && predictions_left_ > 0; ++n) {
    Choice choice;
    for (const auto& fastest : fastest_) choice.push_back(fastest[random() % fastest.size()]);
    descend(std::move(choice));
  }
  double least = kInfinity;
  std::erase_if(seen_, [](const auto& entry) { return entry.second.bytes_over_budget > 0; });
  for (const auto& [choice, seen] : seen_) least = std::min(least, seen.shortfall);
  const auto better = [&](const auto& a, const auto& b) {
    return std::pair(a.second.bottleneck, a.second.shortfall) < std::pair(b.second.bottleneck, b.second.shortfall);
  };
  auto best = seen_.end();
  for (auto it = seen_.begin(); it != seen_.end(); ++it) {
    if (it->second.shortfall > least + tie) continue;
    if (best == seen_.end() || better(*it, *best)) best = it;
  }
  return best->first;
}

double ResponseSearch::bottleneck(const Choice& choice) const {
  std::vector<const StitchedOption*> chosen;
  for (std::size_t t = 0; t < choice.size(); ++t) chosen.push_back(&tasks_[t].at(choice[t]));
  return bottleneck_of(pools_, chosen);
}

std::uint64_t ResponseSearch::bytes_over_budget(const Choice& choice) const {
  if (!memory_budget_) return 0;
  Bytes sum;
  for (std::size_t t = 0; t < choice.size(); ++t) sum += tasks_[t].at(choice[t]).bytes;
  return sum > *memory_budget_ ? sum.count - memory_budget_->count : 0;
}

/// Share of requests that are expected to violate their SLOs. With a percentile, those beyond what it allows count ten
/// times as much as the others: few samples tell one plan that seems to keep it from another only roughly.
double ResponseSearch::shortfall(const Prediction& prediction) const {
  if (!percentile_) return prediction.expected_violation_rate;
  double beyond = 0;
  for (const double late : prediction.expected_by_task) beyond += std::max(0.0, late - (1 - *percentile_));
  return beyond / static_cast<double>(prediction.expected_by_task.size()) + prediction.expected_violation_rate / 10;
}

/// Scores are remembered: the search comes by the same choice more than once.
const ResponseSearch::Score& ResponseSearch::score(const Choice& choice) {
  const auto [known, fresh] = seen_.try_emplace(choice);
  if (fresh) {
    if (predictions_left_ > 0) --predictions_left_;
    std::vector<const ResponseModel::Stages*> stages;
    for (std::size_t t = 0; t < choice.size(); ++t) stages.push_back(&stages_[t][choice[t]]);
    known->second = {bytes_over_budget(choice), shortfall(model_.predict(stages)), bottleneck(choice)};
  }
  return known->second;
}

/// Until no change helps or the budget is spent.
void ResponseSearch::descend(Choice choice) {
  Score best = score(choice);
  for (bool improved = true; improved;) {
    improved = false;
    for (std::size_t t = 0; t < tasks_.size(); ++t) improved = improve_task(t, choice, best) || improved;
  }
}

bool ResponseSearch::improve_task(std::size_t task, Choice& choice, Score& best) {
  Choice trial = choice;
  bool improved = false;
  for (const std::size_t option : tried_[task]) {
    if (predictions_left_ == 0) break;
    trial[task] = option;
    const Score& value = score(trial);
    if (value >= best) continue;
    best = value;
    choice[task] = option;
    improved = true;
  }
  return improved;
}

}  // namespace sparseloom::plan
