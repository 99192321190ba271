#include "sparseloom/plan/bottleneck.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

namespace sparseloom::plan {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double peak(const std::vector<double>& busy) { return *std::max_element(busy.begin(), busy.end()); }
double total(const std::vector<double>& busy) { return std::accumulate(busy.begin(), busy.end(), 0.0); }

/// A choice for the first tasks of the order.
struct Partial {
  std::vector<double> busy;
  double tie = 0;
  std::size_t parent = 0;  ///< among the previous task's partial choices
  std::size_t option = 0;
};

bool no_worse(const Partial& a, const Partial& b) {
  for (std::size_t p = 0; p < a.busy.size(); ++p) {
    if (a.busy[p] > b.busy[p]) return false;
  }
  return a.busy != b.busy || a.tie <= b.tie;
}

/// Drops what another partial choice is no worse than. Sorted by busy times, only an earlier one can be no worse.
std::vector<Partial> non_dominated(std::vector<Partial> all) {
  std::sort(all.begin(), all.end(),
            [](const Partial& a, const Partial& b) { return a.busy != b.busy ? a.busy < b.busy : a.tie < b.tie; });
  std::vector<Partial> kept;
  double least_second = kInfinity;  // two processors: a sweep suffices
  for (Partial& candidate : all) {
    bool dominated = false;
    if (candidate.busy.size() == 2) {
      dominated = candidate.busy[1] >= least_second;
      least_second = std::min(least_second, candidate.busy[1]);
    } else {
      dominated = std::any_of(kept.begin(), kept.end(), [&](const Partial& k) { return no_worse(k, candidate); });
    }
    if (!dominated) kept.push_back(std::move(candidate));
  }
  return kept;
}

/// One task's options worth considering, as the choices for that task alone.
std::vector<Partial> worth_considering(const std::vector<BusyOption>& options) {
  std::vector<Partial> all;
  for (std::size_t o = 0; o < options.size(); ++o) all.push_back({options[o].busy, options[o].tie, 0, o});
  return non_dominated(std::move(all));
}

/// The search over tasks in an order that places the heaviest first.
class Search {
 public:
  Search(const std::vector<std::vector<BusyOption>>& tasks, const BottleneckLimits& limits)
      : limits_(limits), processors_(tasks.front().front().busy.size()) {
    for (const auto& options : tasks) tasks_.push_back(worth_considering(options));
    for (const auto& options : tasks_) {
      double least = kInfinity;
      double least_peak = kInfinity;
      for (const Partial& option : options) {
        least = std::min(least, total(option.busy));
        least_peak = std::min(least_peak, peak(option.busy));
      }
      least_total_.push_back(least);
      least_peak_.push_back(least_peak);
    }
    order_.resize(tasks_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return least_total_[a] > least_total_[b]; });
  }

  BottleneckResult run() {
    BottleneckResult result = greedy();
    improve(result);
    double dropped_bound = kInfinity;  // least bound among partial choices that max_partial made us forget
    std::vector<std::vector<Partial>> levels{{Partial{std::vector<double>(processors_, 0.0), 0, 0, 0}}};
    for (std::size_t depth = 0; depth < order_.size(); ++depth) {
      levels.push_back(extend(levels.back(), depth, result.bottleneck, dropped_bound));
    }
    const Partial* best = nullptr;
    for (const Partial& last : levels.back()) {
      if (best == nullptr || better(last, *best)) best = &last;
    }
    if (best != nullptr && peak(best->busy) <= result.bottleneck) {
      result.bottleneck = peak(best->busy);
      result.choice = trace(levels, *best);
    }
    result.lower_bound = std::min(result.bottleneck, dropped_bound);
    for (std::size_t t = 0; t < tasks_.size(); ++t) result.choice[t] = tasks_[t][result.choice[t]].option;
    return result;
  }

 private:
  static bool better(const Partial& a, const Partial& b) {
    const double pa = peak(a.busy);
    const double pb = peak(b.busy);
    return pa != pb ? pa < pb : a.tie < b.tie;
  }

  /// Least bottleneck that a partial choice with these busy times can still lead to.
  double bound(const std::vector<double>& busy, std::size_t placed) const {
    double work = total(busy);
    double least = peak(busy);
    for (std::size_t k = placed; k < order_.size(); ++k) {
      work += least_total_[order_[k]];
      least = std::max(least, least_peak_[order_[k]]);
    }
    return std::max(least, work / static_cast<double>(processors_));
  }

  std::vector<Partial> extend(const std::vector<Partial>& level, std::size_t depth, double incumbent,
                              double& dropped_bound) const {
    const std::vector<Partial>& options = tasks_[order_[depth]];
    std::vector<Partial> next;
    std::vector<double> busy(processors_);
    for (std::size_t parent = 0; parent < level.size(); ++parent) {
      for (std::size_t option = 0; option < options.size(); ++option) {
        for (std::size_t p = 0; p < processors_; ++p) busy[p] = level[parent].busy[p] + options[option].busy[p];
        if (bound(busy, depth + 1) > incumbent) continue;
        next.push_back({busy, level[parent].tie + options[option].tie, parent, option});
      }
    }
    next = non_dominated(std::move(next));
    if (next.size() > limits_.max_partial) {
      std::stable_sort(next.begin(), next.end(), [&](const Partial& a, const Partial& b) {
        return bound(a.busy, depth + 1) < bound(b.busy, depth + 1);
      });
      dropped_bound = std::min(dropped_bound, bound(next[limits_.max_partial].busy, depth + 1));
      next.resize(limits_.max_partial);
    }
    return next;
  }

  /// A first choice: task by task, the option that raises the peak least.
  BottleneckResult greedy() const {
    BottleneckResult result;
    result.choice.assign(tasks_.size(), 0);
    std::vector<double> busy(processors_, 0.0);
    for (const std::size_t task : order_) place(task, busy, result.choice[task]);
    result.bottleneck = peak(busy);
    return result;
  }

  /// Adds the option of `task` that leaves `busy` with the least peak (then least total).
  void place(std::size_t task, std::vector<double>& busy, std::size_t& choice) const {
    std::optional<std::pair<double, double>> best;
    std::vector<double> best_busy;
    for (std::size_t o = 0; o < tasks_[task].size(); ++o) {
      std::vector<double> trial = busy;
      for (std::size_t p = 0; p < processors_; ++p) trial[p] += tasks_[task][o].busy[p];
      const std::pair value(peak(trial), total(trial));
      if (!best || value < *best) {
        best = value;
        best_busy = trial;
        choice = o;
      }
    }
    busy = best_busy;
  }

  /// Replaces one task's option at a time while that lowers the peak.
  void improve(BottleneckResult& result) const {
    for (bool improved = true; improved;) {
      improved = false;
      for (std::size_t task = 0; task < tasks_.size(); ++task) {
        std::vector<double> others(processors_, 0.0);
        for (std::size_t t = 0; t < tasks_.size(); ++t) {
          if (t == task) continue;
          for (std::size_t p = 0; p < processors_; ++p) others[p] += tasks_[t][result.choice[t]].busy[p];
        }
        std::size_t choice = result.choice[task];
        place(task, others, choice);
        if (peak(others) < result.bottleneck) {
          result.bottleneck = peak(others);
          result.choice[task] = choice;
          improved = true;
        }
      }
    }
  }

  std::vector<std::size_t> trace(const std::vector<std::vector<Partial>>& levels, const Partial& last) const {
    std::vector<std::size_t> choice(tasks_.size());
    const Partial* partial = &last;
    for (std::size_t depth = order_.size(); depth-- > 0;) {
      choice[order_[depth]] = partial->option;
      partial = &levels[depth][partial->parent];
    }
    return choice;
  }

  std::vector<std::vector<Partial>> tasks_;  ///< by task: its options, by index into this list while searching
  BottleneckLimits limits_;
  std::size_t processors_;
  std::vector<double> least_total_, least_peak_;
  std::vector<std::size_t> order_;
};

}  // namespace

BottleneckResult min_bottleneck(const std::vector<std::vector<BusyOption>>& tasks, const BottleneckLimits& limits) {
  if (tasks.empty()) return {};
  return Search(tasks, limits).run();
}

}  // namespace sparseloom::plan
