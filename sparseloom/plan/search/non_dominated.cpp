#include "sparseloom/plan/search/non_dominated.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>

namespace sparseloom::plan {

namespace {

/// The pairs met so far of which none is no larger than another in both.
class Staircase {
 public:
  /// False, and nothing is added, if a pair met before is no larger in both.
  bool add(double x, double y) {
    auto after = steps_.upper_bound(x);
    if (after != steps_.begin() && std::prev(after)->second <= y) return false;
    auto first = steps_.lower_bound(x);
    while (first != steps_.end() && first->second >= y) first = steps_.erase(first);
    steps_[x] = y;
    return true;
  }

 private:
  std::map<double, double> steps_;  // y falls as x grows
};

bool no_larger(std::span<const double> a, std::span<const double> b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](double x, double y) { return x <= y; });
}

}  // namespace

std::vector<std::size_t> non_dominated(const Rows& rows, const std::vector<double>& ties) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto [x, y] = std::mismatch(rows[a].begin(), rows[a].end(), rows[b].begin());
    if (x != rows[a].end()) return *x < *y;
    return ties[a] != ties[b] ? ties[a] < ties[b] : a < b;
  });
  // Sorted like this, only an earlier row can be no larger.
  std::vector<std::size_t> kept;
  Staircase stairs;
  for (const std::size_t r : order) {
    const std::span<const double> row = rows[r];
    const bool keep =
        rows.width > 3 ? std::none_of(kept.begin(), kept.end(), [&](std::size_t k) { return no_larger(rows[k], row); })
                       : stairs.add(row.size() > 1 ? row[1] : 0, row.size() > 2 ? row[2] : 0);
    if (keep) kept.push_back(r);
  }
  return kept;
}

}  // namespace sparseloom::plan
