#include "sparseloom/plan/episodes.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

namespace sparseloom::plan {

std::vector<std::vector<zoo::TaskId>> episode_orders(std::size_t tasks, std::size_t limit) {
  std::vector<std::size_t> order(tasks);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::size_t count = 1;
  for (std::size_t k = 2; k <= tasks && count <= limit; ++k) count *= k;
  std::vector<std::vector<zoo::TaskId>> orders;
  if (count <= limit) {
    do orders.emplace_back(order.begin(), order.end());
    while (std::next_permutation(order.begin(), order.end()));
    return orders;
  }
  std::mt19937_64 random(20260309);  // any fixed number
  for (std::size_t n = 0; n < limit; ++n) {
    for (std::size_t k = tasks; k > 1; --k) std::swap(order[k - 1], order[random() % k]);  // Fisher and Yates
    orders.emplace_back(order.begin(), order.end());
  }
  return orders;
}

ArrivalSequence episode_arrivals(const std::vector<zoo::TaskId>& order, const std::vector<Slo>& slos,
                                 std::size_t processors) {
  ArrivalSequence arrivals;
  Seconds at{0};
  for (const zoo::TaskId task : order) {
    arrivals.push_back({at, task});
    at += slos[task.index()].latency / static_cast<double>(processors);
  }
  return arrivals;
}

std::vector<ArrivalSequence> episodes(const std::vector<Slo>& slos, std::size_t processors, std::size_t limit) {
  std::vector<ArrivalSequence> all;
  for (const auto& order : episode_orders(slos.size(), limit)) {
    all.push_back(episode_arrivals(order, slos, processors));
  }
  return all;
}

}  // namespace sparseloom::plan
