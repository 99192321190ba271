#include "sparseloom/plan/search/joint.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "sparseloom/plan/search/column_lp.h"
#include "sparseloom/plan/search/infinity.h"

namespace sparseloom::plan {

namespace {

constexpr double kPenalty = 1e4;          // of a task that is not served, in bottlenecks
constexpr double kSame = 1e-9;            // relative: rounding
constexpr double kEnough = 1e-5;          // relative: prices so near to the best ones will do
constexpr std::size_t kFewPartial = 200;  // for a first choice
constexpr std::size_t kLeastEffort = 64, kMoreEffort = 64;

double cost_within(const Prices& prices, const std::vector<BusyOption>& options) {
  double least = kInfinity;
  for (const BusyOption& option : options) least = std::min(least, prices.of(option));
  return least;
}

class JointSearch {
 public:
  JointSearch(const std::vector<const OptionSource*>& tasks, std::size_t processors, const JointLimits& limits)
      : tasks_(tasks), processors_(processors), limits_(limits), options_(tasks.size()) {}

  Result<JointResult> run() {
    SL_RETURN_IF_ERROR(start());
    for (std::size_t effort = kLeastEffort; effort <= limits_.max_effort; effort *= kMoreEffort) {
      find_prices(effort);
      // With the relaxation solved, more effort finds no better prices.
      if (enough() || relaxed_ <= best_.lower_bound * (1 + kEnough)) break;
    }
    // Once at least if a proof is wanted, for of equally good choices the one with the least tie. The better the
    // choice, the fewer options can still beat it: again, as long as that helps.
    for (double before = kInfinity; best_.bottleneck < before && !(limits_.enough > 0 && enough());) {
      before = best_.bottleneck;
      narrow();
      if (enough()) break;
    }
    best_.lower_bound = std::min(best_.lower_bound, best_.bottleneck);
    return best_;
  }

 private:
  bool budgeted() const { return limits_.budget_bytes < kInfinity; }
  bool enough() const { return best_.bottleneck * (1 - limits_.enough) <= best_.lower_bound * (1 + kSame); }

  double memory_unit() const { return std::max(limits_.budget_bytes, 1.0); }

  Prices even_prices() const { return {std::vector<double>(processors_, 1.0 / static_cast<double>(processors_)), 0}; }

  /// The first options: the least busy, and those that take the least memory.
  Status start() {
    const Prices even = even_prices();
    std::vector<std::vector<BusyOption>> first(tasks_.size());
    double least = 0;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      first[t] = tasks_[t]->cheapest(even, {}).options;
      if (first[t].empty()) return error(Code::kFailedPrecondition, "task {}: no option keeps its bounds", t);
      scale_ += even.of(first[t].front());
      if (!budgeted()) continue;
      first[t].push_back(least_memory(t));
      least += first[t].back().bytes;
    }
    if (least > limits_.budget_bytes) {
      return error(Code::kResourceExhausted, "memory budget: {:.0f} bytes; what the bounds allow takes at least {:.0f}",
                   limits_.budget_bytes, least);
    }
    lp_ = relaxation();
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      for (BusyOption& option : first[t]) add(t, std::move(option));
    }
    best_.bottleneck = kInfinity;
    price(even, kLeastEffort);
    join(options_, kFewPartial);
    return {};
  }

  BusyOption least_memory(std::size_t t) const {
    return tasks_[t]->cheapest({std::vector<double>(processors_, 0.0), 1.0}, {}).options.front();
  }

  /// The linear relaxation: rows are the processors (busy times less the bottleneck at most 0), the memory, and one per
  /// task (it takes one option). Times in units of the scale.
  ColumnLp relaxation() const {
    std::vector<double> rhs(processors_ + 1 + tasks_.size(), 1.0);
    std::fill_n(rhs.begin(), processors_, 0.0);
    if (budgeted()) rhs[processors_] = limits_.budget_bytes / memory_unit();
    ColumnLp lp(rhs, tasks_.size(), kPenalty);
    std::vector<double> bottleneck(rhs.size(), 0.0);
    std::fill_n(bottleneck.begin(), processors_, -1.0);
    lp.add_column(1, std::move(bottleneck));
    return lp;
  }

  void add(std::size_t t, BusyOption option) {
    std::vector<double> column(processors_ + 1 + tasks_.size(), 0.0);
    for (std::size_t p = 0; p < processors_; ++p) column[p] = option.busy[p] / scale_;
    if (budgeted()) column[processors_] = option.bytes / memory_unit();
    column[processors_ + 1 + t] = 1;
    lp_->add_column(0, std::move(column));
    options_[t].push_back(std::move(option));
  }

  /// Column generation: until no task has an option that is cheaper under the relaxation's prices. Those swing at
  /// first, so they are mixed with the best known while that finds something (Wentges 1997).
  void find_prices(std::size_t effort) {
    bool mixed = true;
    for (std::size_t round = 0; round < limits_.max_rounds; ++round) {
      lp_->solve();
      relaxed_ = lp_->value() * scale_;
      if (relaxed_ <= best_.lower_bound * (1 + kEnough)) return;
      const Prices prices = prices_of(lp_->duals());
      if (price(mixed ? mix(prices, prices_) : prices, effort)) {
        mixed = true;
      } else if (mixed) {
        mixed = false;
      } else {
        return;
      }
      join(options_, kFewPartial);
      if (limits_.enough > 0 && enough()) return;
    }
  }

  static Prices mix(const Prices& a, const Prices& b) {
    Prices middle{{}, (a.per_byte + b.per_byte) / 2};
    for (std::size_t p = 0; p < a.per_second.size(); ++p) {
      middle.per_second.push_back((a.per_second[p] + b.per_second[p]) / 2);
    }
    return middle;
  }

  Prices prices_of(const std::vector<double>& duals) const {
    Prices prices;
    double sum = 0;
    for (std::size_t p = 0; p < processors_; ++p) {
      prices.per_second.push_back(std::max(0.0, -duals[p]));
      sum += prices.per_second.back();
    }
    if (sum <= 0) return even_prices();
    for (double& price : prices.per_second) price /= sum;
    if (budgeted()) prices.per_byte = std::max(0.0, -duals[processors_]) * scale_ / sum / memory_unit();
    return prices;
  }

  /// Adds by task an option that is cheaper under these prices than those known; false if no task has one. Keeps the
  /// prices if they give the best bound so far.
  bool price(const Prices& prices, std::size_t effort) {
    bool found = false;
    std::vector<double> least(tasks_.size());
    double bound = budgeted() ? -prices.per_byte * limits_.budget_bytes : 0.0;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      const double known = cost_within(prices, options_[t]);
      PricedOptions priced = tasks_[t]->cheapest(prices, {.count = 1, .max_cost = known, .effort = effort});
      least[t] = std::min(known, priced.rest);
      if (!priced.options.empty()) {
        const double cost = prices.of(priced.options.front());
        least[t] = std::min(least[t], cost);
        if (cost < known * (1 - kSame)) {
          add(t, std::move(priced.options.front()));
          found = true;
        }
      }
      bound += least[t];
    }
    if (bound > price_bound_ || prices_.per_second.empty()) {
      price_bound_ = bound;
      best_.lower_bound = std::max(best_.lower_bound, bound);
      prices_ = prices;
      least_ = std::move(least);
    }
    return found;
  }

  /// Makes the best choice among `options` and the known one the best known. Returns what bounds all of them.
  double join(std::vector<std::vector<BusyOption>> options, std::size_t max_partial) {
    BottleneckLimits limits{
        .max_partial = max_partial, .budget_bytes = limits_.budget_bytes, .start = {}, .prices = prices_};
    for (std::size_t t = 0; t < best_.chosen.size(); ++t) {
      limits.start.push_back(options[t].size());
      options[t].push_back(best_.chosen[t]);
    }
    const BottleneckResult joined = min_bottleneck(options, limits);
    best_.bottleneck = joined.bottleneck;
    best_.chosen.clear();
    for (std::size_t t = 0; t < options.size(); ++t) best_.chosen.push_back(options[t][joined.choice[t]]);
    return joined.lower_bound;
  }

  /// Joins the options that may be in a better choice than the best known.
  void narrow() {
    const double slack = (best_.bottleneck - price_bound_) * (1 + kSame) + kSame * best_.bottleneck;
    std::vector<std::vector<BusyOption>> options;
    double left_out = kInfinity;  // bound of choices with an option that is not among them
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      PricedOptions priced = tasks_[t]->cheapest(
          prices_, {.count = limits_.max_options, .max_cost = least_[t] + slack, .effort = limits_.max_options});
      left_out = std::min(left_out, price_bound_ + priced.rest - least_[t]);
      options.push_back(std::move(priced.options));
    }
    best_.lower_bound = std::max(best_.lower_bound, std::min(left_out, join(std::move(options), limits_.max_partial)));
  }

  const std::vector<const OptionSource*>& tasks_;
  const std::size_t processors_;
  const JointLimits limits_;
  std::vector<std::vector<BusyOption>> options_;  ///< by task: those met so far
  double scale_ = 0;                              ///< about a bottleneck, seconds
  std::optional<ColumnLp> lp_;
  double relaxed_ = kInfinity;  ///< the relaxation's value: what the bound cannot exceed
  Prices prices_;               ///< those with the best bound, ...
  double price_bound_ = 0;      ///< ... which is this ...
  std::vector<double> least_;   ///< ... and by task what no option costs less than under them
  JointResult best_;
};

}  // namespace

Result<JointResult> least_bottleneck(const std::vector<const OptionSource*>& tasks, std::size_t processors,
                                     const JointLimits& limits) {
  return JointSearch(tasks, processors, limits).run();
}

}  // namespace sparseloom::plan
