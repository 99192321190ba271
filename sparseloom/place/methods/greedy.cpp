#include "sparseloom/place/methods/whole.h"

namespace sparseloom::place {

Result<Placed> place_greedily(const CostTable& table, const PlacerOptions& options) {
  std::vector<std::size_t> processors;
  for (const OperatorGroup& group : table.groups) {
    std::size_t best = 0;
    for (std::size_t p = 1; p < table.processors.size(); ++p)
      if (group.seconds[p][kQuarters] < group.seconds[best][kQuarters]) best = p;
    if (group.seconds[best][kQuarters] == kCannot) {
      return error(Code::kFailedPrecondition, "operator group '{}': no processor runs it whole", group.name);
    }
    processors.push_back(best);
  }
  return judged(table, whole_on(table, processors), options.model);
}

}  // namespace sparseloom::place
