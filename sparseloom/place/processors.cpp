#include "sparseloom/place/processors.h"

#include <algorithm>
#include <utility>

namespace sparseloom::place {

std::vector<std::size_t> of_kinds(const CostTable& table, std::initializer_list<ProcessorKind> kinds) {
  std::vector<std::size_t> found;
  for (std::size_t p = 0; p < table.processors.size(); ++p)
    if (std::find(kinds.begin(), kinds.end(), table.processors[p].kind) != kinds.end()) found.push_back(p);
  return found;
}

std::optional<std::size_t> best_of(const CostTable& table, const std::vector<std::size_t>& processors) {
  std::optional<std::size_t> best;
  std::pair<std::size_t, double> least;  // groups that it cannot run, seconds of the others
  for (const std::size_t p : processors) {
    std::pair<std::size_t, double> cost{0, 0};
    for (const OperatorGroup& group : table.groups) {
      const bool can = group.seconds[p][kQuarters] != kCannot;
      cost.first += can ? 0 : 1;
      cost.second += can ? group.seconds[p][kQuarters] : 0;
    }
    if (!best || cost < least) {
      best = p;
      least = cost;
    }
  }
  return best;
}

}  // namespace sparseloom::place
