#include <algorithm>
#include <array>

#include "sparseloom/place/placers.h"

namespace sparseloom::place {
namespace {

// Chains of groups each of which alone reads the one before and nothing else that a group writes: by group, whether it
// goes on with the chain of the group before it in the table.
std::vector<bool> goes_on(const CostTable& table) {
  std::vector<std::size_t> readers(table.groups.size());
  for (const OperatorGroup& group : table.groups) {
    for (const Input& input : group.inputs)
      if (input.from) ++readers[input.from->index()];
  }
  std::vector<bool> result(table.groups.size());
  for (std::size_t g = 1; g < table.groups.size(); ++g) {
    const auto& inputs = table.groups[g].inputs;
    const auto written = std::count_if(inputs.begin(), inputs.end(), [](const Input& i) { return i.from.has_value(); });
    const bool reads_before =
        std::any_of(inputs.begin(), inputs.end(), [&](const Input& i) { return i.from && i.from->index() == g - 1; });
    result[g] = written == 1 && reads_before && readers[g - 1] == 1;
  }
  return result;
}

}  // namespace

// Of a chain: the share under which the processor that is busy longest is so the least, where dividing costs that both
// halves are handed over once.
Result<Placed> place_by_codl(const CostTable& table, const PlacerOptions& options) {
  const std::vector<Share> shares = all_shares(table.processors.size());
  const std::vector<bool> chained = goes_on(table);
  Placed placed;
  for (std::size_t first = 0; first < table.groups.size();) {
    std::size_t end = first + 1;
    while (end < table.groups.size() && chained[end]) ++end;
    const Share* best = nullptr;
    double least = kCannot;
    for (const Share& share : shares) {
      std::array<double, kMostProcessors> busy{};
      for (std::size_t g = first; g < end; ++g)
        for (std::size_t p = 0; p < share.size(); ++p) busy[p] += table.groups[g].seconds[p][share[p]];
      double most = *std::max_element(busy.begin(), busy.end());
      for (std::size_t p = 0; p < share.size(); ++p) {
        for (std::size_t q = p + 1; q < share.size(); ++q) {
          if (share[p] > 0 && share[q] > 0)
            most += handover_seconds(table, p, q, part(table.groups[end - 1].result_bytes, share[p]));
        }
      }
      if (most < least) {
        least = most;
        best = &share;
      }
    }
    if (best == nullptr) {
      return error(Code::kFailedPrecondition, "operator groups '{}' to '{}': no processor runs all of them",
                   table.groups[first].name, table.groups[end - 1].name);
    }
    placed.placement.insert(placed.placement.end(), end - first, *best);
    first = end;
  }
  placed.latency = latency_of(table, placed.placement, options.model);
  return placed;
}

}  // namespace sparseloom::place
