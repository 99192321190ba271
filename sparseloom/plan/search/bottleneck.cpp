#include "sparseloom/plan/search/bottleneck.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "sparseloom/plan/search/infinity.h"
#include "sparseloom/plan/search/non_dominated.h"

namespace sparseloom::plan {

namespace {

/// More candidates than this many times max_partial are thinned out before they are compared with each other.
constexpr std::size_t kCandidates = 4;
/// Comparing all with all is quadratic where there are more than three numbers to compare: only for short lists.
constexpr std::size_t kMaxCompared = 2000;

double peak(std::span<const double> busy) { return *std::max_element(busy.begin(), busy.end()); }
double total(std::span<const double> busy) { return std::accumulate(busy.begin(), busy.end(), 0.0); }

/// A choice for the first tasks of the order.
struct Partial {
  double bound = 0;  ///< least bottleneck that it can lead to
  double cost = 0;   ///< under the prices, if there are some
  double tie = 0;
  std::size_t parent = 0;  ///< among the previous task's partial choices
  std::size_t option = 0;
};

/// The choices for the first tasks that are kept, with what they take: the busy times, then the bytes.
struct Level {
  std::vector<Partial> partials;
  Rows loads;
};

/// One task's options worth considering, the cheapest first.
struct Task {
  std::vector<std::size_t> index;  ///< in the caller's list
  Rows loads;
  std::vector<double> ties, costs;
  double least_total = kInfinity, least_peak = kInfinity, least_bytes = kInfinity, least_cost = 0;
};

/// The search over tasks in an order that places the heaviest first.
class Search {
 public:
  Search(const std::vector<std::vector<BusyOption>>& tasks, const BottleneckLimits& limits)
      : limits_(limits),
        processors_(tasks.front().front().busy.size()),
        width_(processors_ + (limits.budget_bytes < kInfinity ? 1 : 0)) {
    for (const auto& options : tasks) tasks_.push_back(worth_considering(options));
    order_.resize(tasks_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return tasks_[a].least_total > tasks_[b].least_total; });
  }

  BottleneckResult run(const std::vector<std::vector<BusyOption>>& tasks) {
    result_ = greedy();
    improve(result_);
    if (!limits_.start.empty()) start_from(limits_.start, tasks);
    levels_.push_back({{Partial{}}, {width_, std::vector<double>(width_, 0.0)}});
    for (std::size_t depth = 0; depth + 1 < order_.size(); ++depth) levels_.push_back(extend(depth));
    finish();
    if (dropped_bound_ < result_.bottleneck) improve_pairs();
    result_.lower_bound = std::min(result_.bottleneck, dropped_bound_);
    for (std::size_t t = 0; t < result_.choice.size(); ++t) result_.choice[t] = tasks_[t].index[result_.choice[t]];
    return result_;
  }

 private:
  bool budgeted() const { return width_ > processors_; }
  bool priced() const { return !limits_.prices.per_second.empty(); }
  std::span<const double> busy(const std::vector<double>& load) const { return {load.data(), processors_}; }

  Task worth_considering(const std::vector<BusyOption>& options) const {
    Rows all{width_, {}};
    std::vector<double> ties, costs;
    for (const BusyOption& option : options) {
      all.values.insert(all.values.end(), option.busy.begin(), option.busy.end());
      if (budgeted()) all.values.push_back(option.bytes);
      ties.push_back(option.tie);
      costs.push_back(priced() ? limits_.prices.of(option) : 0);
    }
    Task task;
    task.index = non_dominated(all, ties);
    std::stable_sort(task.index.begin(), task.index.end(),
                     [&](std::size_t a, std::size_t b) { return costs[a] < costs[b]; });
    task.loads.width = width_;
    for (const std::size_t o : task.index) {
      const auto load = all[o];
      task.loads.values.insert(task.loads.values.end(), load.begin(), load.end());
      task.ties.push_back(ties[o]);
      task.costs.push_back(costs[o]);
      task.least_total = std::min(task.least_total, total(load.first(processors_)));
      task.least_peak = std::min(task.least_peak, peak(load.first(processors_)));
      if (budgeted()) task.least_bytes = std::min(task.least_bytes, load.back());
    }
    task.least_cost = task.costs.front();
    return task;
  }

  /// What the tasks that are not placed yet take at least.
  struct Rest {
    double total = 0, peak = 0, bytes = 0, cost = 0;
  };
  Rest rest_after(std::size_t placed) const {
    Rest rest;
    for (std::size_t k = placed; k < order_.size(); ++k) {
      const Task& task = tasks_[order_[k]];
      rest.total += task.least_total;
      rest.peak = std::max(rest.peak, task.least_peak);
      if (budgeted()) rest.bytes += task.least_bytes;
      rest.cost += task.least_cost;
    }
    // What the budget is worth at its price comes back.
    if (budgeted() && priced()) rest.cost -= limits_.prices.per_byte * limits_.budget_bytes;
    return rest;
  }

  /// Least bottleneck that a partial choice can lead to; infinite if it cannot fit the budget.
  double bound(const std::vector<double>& load, double cost, const Rest& rest) const {
    if (budgeted() && load.back() + rest.bytes > limits_.budget_bytes) return kInfinity;
    const double work = (total(busy(load)) + rest.total) / static_cast<double>(processors_);
    return std::max({peak(busy(load)), rest.peak, work, priced() ? (cost + rest.cost) * (1 - 1e-12) : 0.0});
  }

  /// Calls `visit` with every extension of the level by one option that may beat the best known choice.
  template <typename Visit>
  void for_each_extension(std::size_t depth, const Visit& visit) const {
    const Level& level = levels_[depth];
    const Task& task = tasks_[order_[depth]];
    const Rest rest = rest_after(depth + 1);
    std::vector<double> load(width_);
    for (std::size_t parent = 0; parent < level.partials.size(); ++parent) {
      const Partial& before = level.partials[parent];
      for (std::size_t option = 0; option < task.index.size(); ++option) {
        const double cost = before.cost + task.costs[option];
        // By price, what follows is no better.
        if (priced() && (cost + rest.cost) * (1 - 1e-12) > result_.bottleneck) break;
        for (std::size_t d = 0; d < width_; ++d) load[d] = level.loads[parent][d] + task.loads[option][d];
        const double least = bound(load, cost, rest);
        if (least == kInfinity || least > result_.bottleneck) continue;
        visit(Partial{least, cost, before.tie + task.ties[option], parent, option}, load);
      }
    }
  }

  Level extend(std::size_t depth) {
    std::vector<Partial> candidates;
    const std::size_t most = kCandidates * limits_.max_partial;
    for_each_extension(depth, [&](const Partial& partial, const std::vector<double>&) {
      if (partial.bound >= dropped_here_) return;
      candidates.push_back(partial);
      if (candidates.size() >= 2 * most) thin_out(candidates, most);
    });
    if (candidates.size() > most) thin_out(candidates, most);
    Level next = non_dominated_of(depth, candidates);
    if (next.partials.size() > limits_.max_partial) {
      thin_out(next.partials, limits_.max_partial);
      next.loads = loads_of(depth, next.partials);
    }
    dropped_bound_ = std::min(dropped_bound_, dropped_here_);
    dropped_here_ = kInfinity;
    return next;
  }

  /// Keeps the `most` promising; what is dropped weakens the proof.
  void thin_out(std::vector<Partial>& partials, std::size_t most) {
    const auto first = partials.begin() + static_cast<std::ptrdiff_t>(most);
    const auto by_bound = [](const Partial& a, const Partial& b) {
      return std::pair(a.bound, std::pair(a.parent, a.option)) < std::pair(b.bound, std::pair(b.parent, b.option));
    };
    std::nth_element(partials.begin(), first, partials.end(), by_bound);
    dropped_here_ = std::min(dropped_here_, first->bound);
    partials.resize(most);
  }

  Rows loads_of(std::size_t depth, const std::vector<Partial>& partials) const {
    Rows loads{width_, {}};
    loads.values.reserve(partials.size() * width_);
    for (const Partial& partial : partials) {
      const auto before = levels_[depth].loads[partial.parent];
      const auto added = tasks_[order_[depth]].loads[partial.option];
      for (std::size_t d = 0; d < width_; ++d) loads.values.push_back(before[d] + added[d]);
    }
    return loads;
  }

  Level non_dominated_of(std::size_t depth, const std::vector<Partial>& candidates) const {
    const Rows loads = loads_of(depth, candidates);
    if (width_ > 3 && candidates.size() > kMaxCompared) return {candidates, loads};
    std::vector<double> ties;
    for (const Partial& candidate : candidates) ties.push_back(candidate.tie);
    Level next{{}, {width_, {}}};
    for (const std::size_t k : non_dominated(loads, ties)) {
      next.partials.push_back(candidates[k]);
      next.loads.values.insert(next.loads.values.end(), loads[k].begin(), loads[k].end());
    }
    return next;
  }

  /// Places the last task: only the best choice matters.
  void finish() {
    const std::size_t depth = order_.size() - 1;
    std::optional<Partial> best;
    const auto rank = [](const Partial& p) { return std::pair(p.bound, p.tie); };
    for_each_extension(depth, [&](Partial partial, const std::vector<double>& load) {
      partial.bound = peak(busy(load));
      if (partial.bound > result_.bottleneck || (best && rank(partial) >= rank(*best))) return;
      best = partial;
    });
    if (!best) return;
    result_.bottleneck = best->bound;
    result_.choice.assign(tasks_.size(), 0);
    for (std::size_t d = order_.size(); d-- > 0;) {
      result_.choice[order_[d]] = best->option;
      if (d > 0) best = levels_[d].partials[best->parent];
    }
  }

  /// A first choice: task by task, the option that raises the peak least and leaves enough memory for the rest.
  BottleneckResult greedy() const {
    BottleneckResult result;
    result.choice.assign(tasks_.size(), 0);
    std::vector<double> load(width_, 0.0);
    for (std::size_t k = 0; k < order_.size(); ++k) {
      if (!place(order_[k], rest_after(k + 1).bytes, load, result.choice[order_[k]])) return {};
    }
    result.bottleneck = peak(busy(load));
    return result;
  }

  /// Adds the option of `task` that leaves `load` with the least peak (then least total). False if none fits.
  bool place(std::size_t task, double bytes_needed, std::vector<double>& load, std::size_t& choice) const {
    std::optional<std::pair<double, double>> best;
    std::vector<double> best_load;
    for (std::size_t o = 0; o < tasks_[task].index.size(); ++o) {
      std::vector<double> trial = load;
      for (std::size_t d = 0; d < width_; ++d) trial[d] += tasks_[task].loads[o][d];
      if (budgeted() && trial.back() + bytes_needed > limits_.budget_bytes) continue;
      const std::pair value(peak(busy(trial)), total(busy(trial)));
      if (!best || value < *best) {
        best = value;
        best_load = trial;
        choice = o;
      }
    }
    if (best) load = best_load;
    return best.has_value();
  }

  /// Takes the choice known already if it is better. An option that was not worth considering has one that is no worse.
  void start_from(const std::vector<std::size_t>& start, const std::vector<std::vector<BusyOption>>& tasks) {
    BottleneckResult known;
    std::vector<double> load(width_, 0.0);
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      std::vector<double> wanted = tasks[t][start[t]].busy;
      if (budgeted()) wanted.push_back(tasks[t][start[t]].bytes);
      std::size_t o = 0;
      while (!std::equal(wanted.begin(), wanted.end(), tasks_[t].loads[o].begin(), std::greater_equal<>())) ++o;
      for (std::size_t d = 0; d < width_; ++d) load[d] += tasks_[t].loads[o][d];
      known.choice.push_back(o);
    }
    known.bottleneck = peak(busy(load));
    if (known.bottleneck < result_.bottleneck) result_ = known;
  }

  /// Replaces two tasks' options at a time while that lowers the peak.
  void improve_pairs() {
    for (bool improved = true; improved;) {
      improved = false;
      for (std::size_t a = 0; a < tasks_.size(); ++a) {
        for (std::size_t b = a + 1; b < tasks_.size(); ++b) improved = improve_pair(a, b) || improved;
      }
    }
  }

  bool improve_pair(std::size_t a, std::size_t b) {
    std::vector<double> others(width_, 0.0);
    double cost = priced() && budgeted() ? -limits_.prices.per_byte * limits_.budget_bytes : 0;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      if (t == a || t == b) continue;
      for (std::size_t d = 0; d < width_; ++d) others[d] += tasks_[t].loads[result_.choice[t]][d];
      cost += tasks_[t].costs[result_.choice[t]];
    }
    const double before = result_.bottleneck;
    std::vector<double> with_a(width_);
    for (std::size_t o = 0; o < tasks_[a].index.size(); ++o) {
      for (std::size_t d = 0; d < width_; ++d) with_a[d] = others[d] + tasks_[a].loads[o][d];
      if (peak(busy(with_a)) >= result_.bottleneck) continue;
      for (std::size_t q = 0; q < tasks_[b].index.size(); ++q) {
        // By price, what follows is no better.
        if (priced() && cost + tasks_[a].costs[o] + tasks_[b].costs[q] >= result_.bottleneck) break;
        const double* load = &tasks_[b].loads.values[q * width_];
        double most = 0;
        for (std::size_t p = 0; p < processors_; ++p) most = std::max(most, with_a[p] + load[p]);
        if (most >= result_.bottleneck) continue;
        if (budgeted() && with_a.back() + load[width_ - 1] > limits_.budget_bytes) continue;
        result_.bottleneck = most;
        result_.choice[a] = o;
        result_.choice[b] = q;
      }
    }
    return result_.bottleneck < before;
  }

  /// Replaces one task's option at a time while that lowers the peak.
  void improve(BottleneckResult& result) const {
    for (bool improved = !result.choice.empty(); improved;) {
      improved = false;
      for (std::size_t task = 0; task < tasks_.size(); ++task) {
        std::vector<double> others(width_, 0.0);
        for (std::size_t t = 0; t < tasks_.size(); ++t) {
          if (t == task) continue;
          for (std::size_t d = 0; d < width_; ++d) others[d] += tasks_[t].loads[result.choice[t]][d];
        }
        std::size_t choice = result.choice[task];
        if (!place(task, 0, others, choice) || peak(busy(others)) >= result.bottleneck) continue;
        result.bottleneck = peak(busy(others));
        result.choice[task] = choice;
        improved = true;
      }
    }
  }

  std::vector<Task> tasks_;
  BottleneckLimits limits_;
  std::size_t processors_;
  std::size_t width_;  ///< numbers of a load: the busy times, and the bytes if there is a budget
  std::vector<std::size_t> order_;
  std::vector<Level> levels_;
  BottleneckResult result_;
  double dropped_here_ = kInfinity;   ///< least bound of what max_partial made us forget at this task
  double dropped_bound_ = kInfinity;  ///< ... at any
};

}  // namespace

BottleneckResult min_bottleneck(const std::vector<std::vector<BusyOption>>& tasks, const BottleneckLimits& limits) {
  if (tasks.empty()) return {{}, 0, 0};
  return Search(tasks, limits).run(tasks);
}

}  // namespace sparseloom::plan
