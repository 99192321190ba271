#include "sparseloom/place/search/label_search.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace sparseloom::place {
namespace {

constexpr std::uint32_t kMergedLabel = 0xffffffff;
/// A label is compared with so many better ones; more are seldom worth it.
constexpr std::size_t kCompared = 48;

}  // namespace

// The labels of the first so many groups.
struct LabelSearch::Layer {
  std::size_t width = 0;
  std::vector<double> numbers;       // label by label
  std::vector<double> bounds;        // by label
  std::vector<std::uint32_t> from;   // by label: which of the layer before, or merged
  std::vector<std::uint8_t> shares;  // by label: the last group's

  std::size_t count() const { return bounds.size(); }
  const double* label(std::size_t i) const { return numbers.data() + i * width; }
  void clear(std::size_t new_width) {
    width = new_width;
    numbers.clear();
    bounds.clear();
    from.clear();
    shares.clear();
  }
  // Those of `order`, in its order.
  void take(const std::vector<std::uint32_t>& order) {
    Layer taken;
    taken.width = width;
    taken.numbers.reserve(order.size() * width);
    for (const std::uint32_t i : order) {
      taken.numbers.insert(taken.numbers.end(), label(i), label(i) + width);
      taken.bounds.push_back(bounds[i]);
      taken.from.push_back(from[i]);
      taken.shares.push_back(shares[i]);
    }
    *this = std::move(taken);
  }
};

LabelSearch::LabelSearch(const CostTable& table, const std::vector<Share>& shares, const LabelModel& model)
    : table_(table), model_(model), shares_of_(table.groups.size()) {
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    for (std::size_t s = 0; s < shares.size(); ++s)
      if (can_run(table.groups[g], shares[s])) shares_of_[g].push_back(s);
    work_per_label_ += static_cast<double>(shares_of_[g].size() * model.width(g + 1));
  }
}

void LabelSearch::extend(const Layer& from, std::size_t group, double incumbent, Layer& to) const {
  to.clear(model_.width(group + 1));
  std::vector<double> next(to.width);
  for (std::size_t i = 0; i < from.count(); ++i) {
    for (const std::size_t share : shares_of_[group]) {
      model_.extend(from.label(i), group, share, next.data());
      const double bound = std::max(from.bounds[i], model_.bound(next.data(), group + 1));
      if (bound >= incumbent) continue;
      to.numbers.insert(to.numbers.end(), next.begin(), next.end());
      to.bounds.push_back(bound);
      to.from.push_back(static_cast<std::uint32_t>(i));
      to.shares.push_back(static_cast<std::uint8_t>(share));
    }
  }
}

void LabelSearch::keep(Layer& layer, std::size_t groups, std::size_t most, Surplus surplus, Pass& pass) const {
  std::vector<std::uint32_t> order(layer.count());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return layer.bounds[a] < layer.bounds[b]; });
  std::vector<std::uint32_t> kept;
  for (const std::uint32_t i : order) {
    const std::size_t compared = std::min(kept.size(), kCompared);
    const auto better = [&](std::uint32_t j) { return model_.dominates(layer.label(j), layer.label(i), groups); };
    const bool dominated = std::any_of(kept.end() - static_cast<std::ptrdiff_t>(compared), kept.end(), better) ||
                           std::any_of(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(compared), better);
    if (dominated) continue;
    if (kept.size() == most && surplus == Surplus::kDropped) {
      pass.complete = false;
      break;
    }
    kept.push_back(i);
  }
  if (kept.size() <= most) {
    layer.take(kept);
    return;
  }
  // The best stay as they are. Of the others neighbours are merged.
  pass.complete = false;
  const std::size_t as_they_are = most / 2, merged = most - as_they_are;
  std::vector<std::uint32_t> rest(kept.begin() + static_cast<std::ptrdiff_t>(as_they_are), kept.end());
  std::stable_sort(rest.begin(), rest.end(), [&](std::uint32_t a, std::uint32_t b) {
    return model_.rank(layer.label(a)) < model_.rank(layer.label(b));
  });
  for (std::size_t m = 0; m < merged; ++m) {
    const std::size_t first = m * rest.size() / merged, end = (m + 1) * rest.size() / merged;
    if (first == end) continue;
    const std::uint32_t into = rest[first];
    double* const least = layer.numbers.data() + into * layer.width;
    for (std::size_t i = first + 1; i < end; ++i) {
      model_.merge(least, layer.label(rest[i]), groups);
      layer.bounds[into] = std::min(layer.bounds[into], layer.bounds[rest[i]]);
    }
    rest[m] = into;
  }
  rest.resize(std::min(merged, rest.size()));
  kept.resize(as_they_are);
  kept.insert(kept.end(), rest.begin(), rest.end());
  layer.take(kept);
}

double LabelSearch::bound() const {
  const std::vector<double> nothing(model_.width(0));
  return model_.bound(nothing.data(), 0);
}

LabelSearch::Pass LabelSearch::run(std::size_t most_labels, Surplus surplus, double incumbent) const {
  const std::size_t count = table_.groups.size();
  Pass pass;
  std::vector<std::vector<std::uint32_t>> from(count);
  std::vector<std::vector<std::uint8_t>> shares(count);
  Layer layer, next;
  layer.clear(model_.width(0));
  layer.numbers.assign(layer.width, 0.0);
  layer.bounds = {model_.bound(layer.label(0), 0)};
  layer.from = {kMergedLabel};
  layer.shares = {0};
  for (std::size_t g = 0; g < count; ++g) {
    extend(layer, g, incumbent, next);
    keep(next, g + 1, most_labels, surplus, pass);
    if (next.count() == 0) return pass;
    std::swap(layer, next);
    if (surplus == Surplus::kDropped) {
      from[g] = layer.from;
      shares[g] = layer.shares;
    }
  }
  std::size_t best = 0;
  for (std::size_t i = 0; i < layer.count(); ++i) {
    const double total =
        std::max(model_.total(layer.label(i)), layer.bounds[i]);  // of a merged one either may say more
    if (total >= pass.latency) continue;
    pass.latency = total;
    best = i;
  }
  if (surplus == Surplus::kMerged) return pass;
  pass.placement.resize(count);
  for (std::size_t g = count; g-- > 0;) {
    pass.placement[g] = shares[g][best];
    best = from[g][best];
  }
  return pass;
}

}  // namespace sparseloom::place
