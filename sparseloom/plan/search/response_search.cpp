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
/// A gang makes one task faster and all of them together slower: good where everything is nearly late, bad if the
/// machine then is faster than planned for and nothing would have been. So plans with gangs are compared with the best
/// without at these speeds as well, and must be better by so much of the requests on average.
constexpr double kFaster = 0.85, kSlower = 1.15, kGangWorth = 0.02;

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

bool on_gangs(const soc::Pools& pools, const StitchedOption& option) {
  return std::any_of(option.placement.begin(), option.placement.end(),
                     [&](soc::ProcessorId place) { return pools.is_gang(place); });
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
      stages_(tasks.size()) {
  all_.tried.resize(tasks.size());
  all_.fastest.resize(tasks.size());
  on_processors_ = all_;
  if (!pools_.gangs.empty() && !problem.soc.modelled) {  // what a modelled machine takes is no guess
    for (const double speed : {kFaster, kSlower}) {
      PredictOptions other = predict;
      other.slowdown *= speed;
      other_speeds_.emplace_back(problem.slo.slos, costs.pools, arrivals_of(problem), other);
    }
  }
  const TimesByPool idle = idle_between(problem, costs.pools, first_options(costs, tasks));
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const TaskOptions& options = tasks[t];
    std::size_t rank = 0;  // within its placement; options of one placement stand together, the fastest first
    for (std::size_t o = 0; o < options.count(); ++o) {
      stages_[t].push_back(
          stages_of(problem.profile.contention, costs, t, options.at(o), options.meets_accuracy, idle[t]));
      rank = o > 0 && placed_alike(options.at(o - 1), options.at(o)) ? rank + 1 : 0;
      if (rank >= kTriedPerPlacement) continue;
      const auto add = [&](Options& to) {
        if (rank == 0) to.fastest[t].push_back(o);
        to.tried[t].push_back(o);
      };
      add(all_);
      if (!on_gangs(pools_, options.at(o))) add(on_processors_);
    }
  }
}

Choice ResponseSearch::run(const Choice& start, double tie) {
  // Gangs for one task change what is best for the others: a search that has them from the start may never come by the
  // best plan without them.
  if (!pools_.gangs.empty()) {
    search(on_processors_, std::nullopt);
    const auto best =
        std::min_element(seen_.begin(), seen_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best != seen_.end()) descend(all_, Choice(best->first));
  }
  search(all_, start);
  std::erase_if(seen_, [](const auto& entry) { return entry.second.bytes_over_budget > 0; });
  const Choice& best = *best_seen(tie, [](const Choice&) { return true; });
  const auto on_processors = [this](const Choice& choice) {
    for (std::size_t t = 0; t < choice.size(); ++t) {
      if (on_gangs(pools_, tasks_[t].at(choice[t]))) return false;
    }
    return true;
  };
  if (on_processors(best)) return best;
  const Choice* const without = best_seen(tie, on_processors);
  if (without == nullptr) return best;
  return at_all_speeds(best) + kGangWorth <= at_all_speeds(*without) ? best : *without;
}

/// Of the choices seen that are `wanted` and whose shortfall is within `tie` of the least of these, the one with the
/// least bottleneck; nullptr if there is none.
template <typename Wanted>
const Choice* ResponseSearch::best_seen(double tie, const Wanted& wanted) const {
  double least = kInfinity;
  for (const auto& [choice, seen] : seen_) {
    if (wanted(choice)) least = std::min(least, seen.shortfall);
  }
  const auto better = [&](const auto& a, const auto& b) {
    return std::pair(a.second.bottleneck, a.second.shortfall) < std::pair(b.second.bottleneck, b.second.shortfall);
  };
  auto best = seen_.end();
  for (auto it = seen_.begin(); it != seen_.end(); ++it) {
    if (it->second.shortfall > least + tie || !wanted(it->first)) continue;
    if (best == seen_.end() || better(*it, *best)) best = it;
  }
  return best == seen_.end() ? nullptr : &best->first;
}

double ResponseSearch::at_all_speeds(const Choice& choice) const {
  double sum = shortfall(model_.predict(stages_of_choice(choice)));
  for (const ResponseModel& other : other_speeds_) sum += shortfall(other.predict(stages_of_choice(choice)));
  return sum / static_cast<double>(1 + other_speeds_.size());
}

std::vector<const ResponseModel::Stages*> ResponseSearch::stages_of_choice(const Choice& choice) const {
  std::vector<const ResponseModel::Stages*> stages;
  for (std::size_t t = 0; t < choice.size(); ++t) stages.push_back(&stages_[t][choice[t]]);
  return stages;
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
    known->second = {bytes_over_budget(choice), shortfall(model_.predict(stages_of_choice(choice))),
                     bottleneck(choice)};
  }
  return known->second;
}

void ResponseSearch::search(const Options& among, const std::optional<Choice>& start) {
  if (start) descend(among, *start);
  if (std::any_of(among.fastest.begin(), among.fastest.end(), [](const auto& options) { return options.empty(); }))
    return;
  std::mt19937_64 random(20260309);  // any fixed number
  for (std::size_t n = 0; n < kRandomStarts && predictions_left_ > 0; ++n) {
    Choice choice;
    for (const auto& fastest : among.fastest) choice.push_back(fastest[random() % fastest.size()]);
    descend(among, std::move(choice));
  }
}

/// Until no change helps or the budget is spent.
void ResponseSearch::descend(const Options& among, Choice choice) {
  Score best = score(choice);
  for (bool improved = true; improved;) {
    improved = false;
    for (std::size_t t = 0; t < tasks_.size(); ++t) improved = improve_task(among, t, choice, best) || improved;
  }
}

bool ResponseSearch::improve_task(const Options& among, std::size_t task, Choice& choice, Score& best) {
  Choice trial = choice;
  bool improved = false;
  for (const std::size_t option : among.tried[task]) {
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
