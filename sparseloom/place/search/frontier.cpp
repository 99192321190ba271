#include "sparseloom/place/search/frontier.h"

#include <algorithm>

namespace sparseloom::place {

namespace {

// By group the number of groups behind which nothing reads its tensor any more.
std::vector<std::size_t> last_readers(const CostTable& table, bool keep_returned) {
  const std::size_t count = table.groups.size();
  std::vector<std::size_t> last(count);
  for (std::size_t g = 0; g < count; ++g) {
    if (keep_returned && table.groups[g].returned) last[g] = count + 1;
    for (const Input& input : table.groups[g].inputs)
      if (input.from) last[input.from->index()] = std::max(last[input.from->index()], g + 1);
  }
  return last;
}

}  // namespace

double frontier_size(const CostTable& table, bool keep_returned) {
  const std::vector<std::size_t> last = last_readers(table, keep_returned);
  double sum = 0;
  for (std::size_t g = 0; g < last.size(); ++g) {
    const std::size_t end = std::min(last[g], last.size() + 1);
    if (end > g + 1) sum += static_cast<double>(end - g - 1);
  }
  return sum;
}

Frontiers::Frontiers(const CostTable& table, bool keep_returned)
    : alive_(table.groups.size() + 1), read_along_(table.groups.size()) {
  const std::size_t count = table.groups.size();
  const std::vector<std::size_t> last = last_readers(table, keep_returned);
  for (const OperatorGroup& group : table.groups) {
    for (const Input& input : group.inputs)
      if (input.from && group.along) read_along_[input.from->index()] = true;
  }
  for (std::size_t groups = 1; groups <= count; ++groups) {
    for (const std::size_t t : alive_[groups - 1])
      if (last[t] > groups) alive_[groups].push_back(t);
    if (last[groups - 1] > groups) alive_[groups].push_back(groups - 1);
  }
}

}  // namespace sparseloom::place
