#include "sparseloom/place/search/frontier.h"

#include <algorithm>

namespace sparseloom::place {

Frontiers::Frontiers(const CostTable& table, bool keep_returned)
    : alive_(table.groups.size() + 1), read_along_(table.groups.size()) {
  const std::size_t count = table.groups.size();
  std::vector<std::size_t> last(count);  // the first number of groups after which nothing reads it
  for (std::size_t g = 0; g < count; ++g) {
    if (keep_returned && table.groups[g].returned) last[g] = count + 1;
    for (const Input& input : table.groups[g].inputs) {
      if (!input.from) continue;
      const std::size_t from = input.from->index();
      last[from] = std::max(last[from], g + 1);
      if (table.groups[g].along) read_along_[from] = true;
    }
  }
  for (std::size_t groups = 1; groups <= count; ++groups) {
    for (const std::size_t t : alive_[groups - 1])
      if (last[t] > groups) alive_[groups].push_back(t);
    if (last[groups - 1] > groups) alive_[groups].push_back(groups - 1);
  }
}

}  // namespace sparseloom::place
