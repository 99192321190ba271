#include "sparseloom/plan/search/stagewise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "sparseloom/plan/search/column_lp.h"
#include "sparseloom/plan/search/infinity.h"

namespace sparseloom::plan {

namespace {

constexpr std::size_t kDualSteps = 30;
constexpr double kDear = 1e4;         // times what a path costs: more than anything can be worth
constexpr double kPathEnough = 1e-6;  // of a path's cost: multipliers that come so close to the best ones will do
constexpr double kTinyLoss = 1e-9;    // where the bound is 0

}  // namespace

StagewiseOptions::StagewiseOptions(StagewiseTask task) : task_(std::move(task)), loss_bound_(task_.loss_bound) {
  arcs_.resize(task_.stages * task_.processors);
  for (std::size_t i = 0; i < task_.stages; ++i) {
    double least_loss = kInfinity;
    for (std::size_t v = 0; v < task_.variants; ++v)
      least_loss = std::min(least_loss, task_.loss[v * task_.stages + i]);
    loss_bound_ -= least_loss;
    for (std::size_t p = 0; p < task_.processors; ++p) {
      std::vector<Arc> all;
      for (std::size_t v = 0; v < task_.variants; ++v) {
        const std::size_t entry = task_.index(v, i, p);
        all.push_back({task_.run[entry], task_.loss[v * task_.stages + i] - least_loss, task_.bytes[entry], v});
      }
      std::stable_sort(all.begin(), all.end(), [](const Arc& a, const Arc& b) {
        return std::pair(a.run, std::pair(a.loss, a.bytes)) < std::pair(b.run, std::pair(b.loss, b.bytes));
      });
      std::vector<Arc>& kept = arcs_[i * task_.processors + p];
      for (const Arc& arc : all) {
        const bool dominated = std::any_of(kept.begin(), kept.end(), [&](const Arc& other) {
          return other.loss <= arc.loss && other.bytes <= arc.bytes;
        });
        if (!dominated) kept.push_back(arc);
      }
    }
  }
  const Prices seconds{std::vector<double>(task_.processors, 1.0), 0};
  fastest_rest_ = to_go(seconds, {});
  fastest_ = shortest_choice(seconds, {});
  most_accurate_ = shortest_choice({std::vector<double>(task_.processors, 0.0), 0}, {.latency = 0, .loss = 1});
}

/// By stage i and processor: the stages behind i when i runs there, at the least price.
std::vector<StagewiseOptions::Rest> StagewiseOptions::to_go(const Prices& prices, const Multipliers& m) const {
  const std::size_t count = task_.processors;
  std::vector<Rest> result(task_.stages * count);
  std::vector<Rest> through(count);  // the next stage on q, and what is behind it; `processor` is left open
  for (std::size_t i = task_.stages - 1; i > 0; --i) {
    for (std::size_t q = 0; q < count; ++q) {
      const Rest& behind = result[i * count + q];
      double least = kInfinity;
      for (const Arc& arc : arcs(i, q)) {
        const double total = price(prices, m, q, arc);
        if (total >= least) continue;
        least = total;
        through[q] = {total + behind.price, arc.run + behind.latency, arc.loss + behind.loss, q, arc.variant};
      }
    }
    for (std::size_t p = 0; p < count; ++p) {
      Rest& best = result[(i - 1) * count + p];
      best.price = kInfinity;
      for (std::size_t q = 0; q < count; ++q) {
        const double moved = transfer(i, p, q);
        const double total = (prices.per_second[q] + m.latency) * moved + through[q].price;
        if (total >= best.price) continue;
        best = through[q];
        best.price = total;
        best.latency += moved;
      }
    }
  }
  return result;
}

StagewiseOptions::First StagewiseOptions::first_of(const std::vector<Rest>& rest, const Prices& prices,
                                                   const Multipliers& m) const {
  First first;
  for (std::size_t q = 0; q < task_.processors; ++q) {
    for (const Arc& arc : arcs(0, q)) {
      const double total = price(prices, m, q, arc) + rest[q].price;
      if (first.arc == nullptr || total < first.price) first = {total, q, &arc};
    }
  }
  return first;
}

StagewiseOptions::Path StagewiseOptions::shortest(const Prices& prices, const Multipliers& m) const {
  const std::vector<Rest> rest = to_go(prices, m);
  const First first = first_of(rest, prices, m);
  const Rest& next = rest[first.processor];
  Path path{0, first.arc->run + next.latency, first.arc->loss + next.loss};
  path.cost = first.price - m.latency * path.latency - m.loss * path.loss;
  return path;
}

StagewiseOptions::Path StagewiseOptions::path_of(const std::vector<std::size_t>& choice, const Prices& prices) const {
  const BusyOption option = option_of(choice);
  Path path{prices.of(option), option.tie, loss_bound_ - task_.loss_bound};
  for (std::size_t i = 0; i < task_.stages; ++i) {
    path.loss += task_.loss[choice[i] / task_.processors * task_.stages + i];
  }
  return path;
}

std::vector<std::size_t> StagewiseOptions::shortest_choice(const Prices& prices, const Multipliers& m) const {
  const std::vector<Rest> rest = to_go(prices, m);
  const First first = first_of(rest, prices, m);
  std::vector<std::size_t> choice(task_.stages);
  choice[0] = first.arc->variant * task_.processors + first.processor;
  for (std::size_t i = 1; i < task_.stages; ++i) {
    const Rest& next = rest[(i - 1) * task_.processors + choice[i - 1] % task_.processors];
    choice[i] = next.variant * task_.processors + next.processor;
  }
  return choice;
}

/// What a choice takes.
BusyOption StagewiseOptions::option_of(std::vector<std::size_t> choice) const {
  BusyOption option;
  option.busy.assign(task_.processors, 0.0);
  std::size_t from = 0;
  for (std::size_t i = 0; i < task_.stages; ++i) {
    const std::size_t v = choice[i] / task_.processors;
    const std::size_t q = choice[i] % task_.processors;
    const double seconds = transfer(i, from, q) + task_.run[task_.index(v, i, q)];
    option.busy[q] += seconds;
    option.tie += seconds;
    option.bytes += task_.bytes[task_.index(v, i, q)];
    from = q;
  }
  option.choice = std::move(choice);
  return option;
}

/// The Lagrangian dual by column generation: the multipliers under which the cheapest path costs most, the bounds'
/// worth taken off. Any multipliers give a valid bound; these give the best one.
StagewiseOptions::Multipliers StagewiseOptions::best_multipliers(const Prices& prices) const {
  const Path cheapest = shortest(prices, {});
  if (keeps(cheapest.latency, task_.latency_bound) && keeps(cheapest.loss, loss_bound_)) return {};
  // Rows in units of the bounds are of about one size.
  const double latency_unit = task_.latency_bound;
  const double loss_unit = std::max(loss_bound_, kTinyLoss);
  const Path fastest = path_of(fastest_, prices);
  const Path most_accurate = path_of(most_accurate_, prices);
  const double scale = std::max(fastest.cost, most_accurate.cost);
  ColumnLp lp({1.0, loss_bound_ / loss_unit, 1.0}, 1, kDear * scale);
  for (const Path& p : {cheapest, fastest, most_accurate}) {
    lp.add_column(p.cost, {p.latency / latency_unit, p.loss / loss_unit, 1});
  }
  Multipliers m;
  for (std::size_t step = 0; step < kDualSteps; ++step) {
    lp.solve();
    m = {std::max(0.0, -lp.duals()[0] / latency_unit), std::max(0.0, -lp.duals()[1] / loss_unit)};
    const Path path = shortest(prices, m);
    const double adjusted = path.cost + m.latency * path.latency + m.loss * path.loss;
    if (adjusted >= lp.duals()[2] - kPathEnough * scale) break;
    lp.add_column(path.cost, {path.latency / latency_unit, path.loss / loss_unit, 1});
  }
  return m;
}

PricedOptions StagewiseOptions::cheapest(const Prices& prices, const PriceLimits& limits) const {
  if (!keeps(0, loss_bound_)) return {};  // even the most accurate of every stage lose too much
  return search(prices, best_multipliers(prices), limits);
}

}  // namespace sparseloom::plan
