#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <tuple>
#include <utility>

#include "sparseloom/plan/search/non_dominated.h"
#include "sparseloom/plan/search/stagewise.h"

namespace sparseloom::plan {

namespace {

/// Multipliers beside the best ones, as factors of theirs: a path that has used up more than its share of one bound is
/// judged better by a higher price of it.
constexpr std::array kFactors{0.5, 1.0, 2.0};
constexpr std::size_t kThinAt = 4;  // times the width: seldom enough to be cheap

/// A path through the first stages.
struct Label {
  double key = 0;  ///< no completion costs less
  double cost = 0, latency = 0, loss = 0;
  std::uint32_t parent = 0;  ///< among the labels of the stage before
  std::uint16_t processor = 0, variant = 0;

  auto rank() const { return std::tuple(key, parent, processor, variant); }
};

}  // namespace

/// Paths by layers, one per stage. Every path is followed only as long as it may lead to one of the cheapest options,
/// and completed at once as the best multipliers suggest: that is an option if it keeps the bounds. So every option is
/// met once, at the last stage where it departs from what its path before suggests.
class StagewiseOptions::Search {
 public:
  Search(const StagewiseOptions& of, const Prices& prices, const Multipliers& best, const PriceLimits& limits)
      : of_(of), task_(of.task_), prices_(prices), limits_(limits), width_(std::max(limits.effort, limits.count)) {
    bounds_.push_back(bound_by(best));
    if (best.latency == 0 && best.loss == 0) return;
    for (const double latency : kFactors) {
      for (const double loss : kFactors) {
        if (latency == 1 && loss == 1) continue;
        bounds_.push_back(bound_by({latency * best.latency, loss * best.loss}));
      }
    }
  }

  PricedOptions run() {
    const std::vector<Label> start(1);
    for (std::size_t i = 0; i < task_.stages; ++i) layers_.push_back(extend(i, i == 0 ? start : layers_.back()));
    std::sort_heap(found_.begin(), found_.end(), cheaper);
    PricedOptions result;
    for (const Found& found : found_) result.options.push_back(of_.option_of(choice_of(found)));
    result.rest = rest_;
    return result;
  }

 private:
  /// What the stages to come cost at least, the bounds being priced with some multipliers.
  struct Bound {
    Multipliers m;
    double worth_of_bounds;
    std::vector<Rest> to_go;
  };
  /// An option: the path through `label`, which is of stage `stage`, and from there on as suggested.
  struct Found {
    double cost = 0;
    std::size_t stage = 0;
    Label label;
  };
  static bool cheaper(const Found& a, const Found& b) {
    return std::tuple(a.cost, a.stage, a.label.rank()) < std::tuple(b.cost, b.stage, b.label.rank());
  }

  Bound bound_by(const Multipliers& m) const {
    return {m, m.latency * task_.latency_bound + m.loss * of_.loss_bound_, of_.to_go(prices_, m)};
  }
  std::size_t node(std::size_t i, std::size_t p) const { return i * task_.processors + p; }
  const Rest& suggested(std::size_t i, std::size_t p) const { return bounds_.front().to_go[node(i, p)]; }
  double most_cost() const { return found_.size() < limits_.count ? limits_.max_cost : found_.front().cost; }

  std::vector<Label> extend(std::size_t i, const std::vector<Label>& before) {
    std::vector<Label> next;
    for (std::size_t parent = 0; parent < before.size(); ++parent) {
      for (std::size_t q = 0; q < task_.processors; ++q) {
        const double moved = of_.transfer(i, before[parent].processor, q);
        for (const Arc& arc : of_.arcs(i, q)) {
          Label label = before[parent];
          label.cost += prices_.per_second[q] * (moved + arc.run) + prices_.per_byte * arc.bytes;
          label.latency += moved + arc.run;
          label.loss += arc.loss;
          label.parent = static_cast<std::uint32_t>(parent);
          label.processor = static_cast<std::uint16_t>(q);
          label.variant = static_cast<std::uint16_t>(arc.variant);
          if (may_keep_bounds(i, label)) consider(i, before[parent], label, next);
        }
      }
      if (next.size() > kThinAt * width_) thin_out(next, width_ * kThinAt / 2);
    }
    thin_out(next, width_);
    return next;
  }

  bool may_keep_bounds(std::size_t i, const Label& label) const {
    return keeps(label.loss, of_.loss_bound_) &&
           keeps(label.latency + of_.fastest_rest_[node(i, label.processor)].latency, task_.latency_bound);
  }

  void consider(std::size_t i, const Label& before, Label label, std::vector<Label>& next) {
    // What goes on as suggested leads to the option that is known already.
    const bool known = i > 0 && suggested(i - 1, before.processor).processor == label.processor &&
                       suggested(i - 1, before.processor).variant == label.variant;
    if (!known) complete(i, label);
    if (i + 1 == task_.stages) return;
    label.key = before.key;
    for (const Bound& bound : bounds_) {
      label.key = std::max(label.key, label.cost + bound.m.latency * label.latency + bound.m.loss * label.loss +
                                          bound.to_go[node(i, label.processor)].price - bound.worth_of_bounds);
      if (label.key > most_cost()) {
        rest_ = std::min(rest_, label.key);
        return;
      }
    }
    next.push_back(label);
  }

  /// Completes a path as suggested; keeps it if it is an option, and among the cheapest.
  void complete(std::size_t i, const Label& label) {
    const Rest& rest = suggested(i, label.processor);
    const Multipliers& m = bounds_.front().m;
    if (!keeps(label.latency + rest.latency, task_.latency_bound)) return;
    if (!keeps(label.loss + rest.loss, of_.loss_bound_)) return;
    const double cost = label.cost + rest.price - m.latency * rest.latency - m.loss * rest.loss;
    if (cost > most_cost()) {
      rest_ = std::min(rest_, cost);
      return;
    }
    found_.push_back({cost, i, label});
    std::push_heap(found_.begin(), found_.end(), cheaper);
    if (found_.size() <= limits_.count) return;
    std::pop_heap(found_.begin(), found_.end(), cheaper);
    rest_ = std::min(rest_, found_.back().cost);
    found_.pop_back();
  }

  /// Keeps the `most` promising, after what cannot matter.
  void thin_out(std::vector<Label>& labels, std::size_t most) {
    if (limits_.count == 1) drop_dominated(labels);
    if (labels.size() <= most) return;
    const auto first = labels.begin() + static_cast<std::ptrdiff_t>(most);
    std::nth_element(labels.begin(), first, labels.end(),
                     [](const Label& a, const Label& b) { return a.rank() < b.rank(); });
    rest_ = std::min(rest_, first->key);
    labels.resize(most);
  }

  /// For one cheapest option, of two paths to one processor that with less cost, latency and loss will do.
  void drop_dominated(std::vector<Label>& labels) const {
    std::vector<std::vector<Label>> by_processor(task_.processors);
    for (const Label& label : labels) by_processor[label.processor].push_back(label);
    labels.clear();
    for (const std::vector<Label>& here : by_processor) {
      Rows rows{3, {}};
      for (const Label& label : here) rows.values.insert(rows.values.end(), {label.cost, label.latency, label.loss});
      for (const std::size_t k : non_dominated(rows, std::vector<double>(here.size(), 0.0))) labels.push_back(here[k]);
    }
  }

  std::vector<std::size_t> choice_of(const Found& found) const {
    std::vector<std::size_t> choice(task_.stages);
    const Label* label = &found.label;
    for (std::size_t i = found.stage + 1; i-- > 0;) {
      choice[i] = label->variant * task_.processors + label->processor;
      if (i > 0) label = &layers_[i - 1][label->parent];
    }
    for (std::size_t i = found.stage + 1; i < task_.stages; ++i) {
      const Rest& rest = suggested(i - 1, choice[i - 1] % task_.processors);
      choice[i] = rest.variant * task_.processors + rest.processor;
    }
    return choice;
  }

  const StagewiseOptions& of_;
  const StagewiseTask& task_;
  const Prices& prices_;
  const PriceLimits limits_;
  const std::size_t width_;
  std::vector<Bound> bounds_;  ///< the first with the best multipliers
  std::vector<std::vector<Label>> layers_;
  std::vector<Found> found_;  ///< a heap, the dearest first
  double rest_ = std::numeric_limits<double>::infinity();
};

PricedOptions StagewiseOptions::search(const Prices& prices, const Multipliers& m, const PriceLimits& limits) const {
  return Search(*this, prices, m, limits).run();
}

}  // namespace sparseloom::plan
