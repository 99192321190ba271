#include "sparseloom/plan/search/option_source.h"

#include <algorithm>
#include <utility>

namespace sparseloom::plan {

ListedOptions::ListedOptions(std::vector<BusyOption> options) : options_(std::move(options)) {
  for (std::size_t o = 0; o < options_.size(); ++o) options_[o].choice = {o};
}

PricedOptions ListedOptions::cheapest(const Prices& prices, const PriceLimits& limits) const {
  PricedOptions result;
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t o = 0; o < options_.size(); ++o) {
    const double cost = prices.of(options_[o]);
    if (cost <= limits.max_cost) {
      order.emplace_back(cost, o);
    } else {
      result.rest = std::min(result.rest, cost);
    }
  }
  const std::size_t count = std::min(limits.count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end());
  for (std::size_t k = 0; k < order.size(); ++k) {
    if (k < count) {
      result.options.push_back(options_[order[k].second]);
    } else {
      result.rest = std::min(result.rest, order[k].first);
    }
  }
  return result;
}

}  // namespace sparseloom::plan
