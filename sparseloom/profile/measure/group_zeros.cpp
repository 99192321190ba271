#include "sparseloom/profile/measure/group_zeros.h"

#include <algorithm>
#include <set>

namespace sparseloom::profile {
namespace {

std::optional<ActivationZeros> together(const backend::Graph& graph, const std::vector<backend::EdgeId>& tensors,
                                        const std::vector<ActivationZeros>& zeros) {
  ActivationZeros sum;
  double all = 0;
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const TensorSpec& spec = graph.edge(tensors[k]).spec;
    const auto elements = static_cast<double>(spec.bytes()) / static_cast<double>(element_bytes(spec.type));
    sum.elements += elements * zeros[k].elements;
    sum.panels += elements * zeros[k].panels;
    all += elements;
  }
  if (all == 0) return std::nullopt;
  return ActivationZeros{sum.elements / all, sum.panels / all};
}

}  // namespace

Result<GroupZeros> measure_group_zeros(const backend::Runtime& runtime, const backend::Model& model,
                                       const std::vector<backend::EdgeId>& inputs,
                                       const std::vector<std::vector<backend::EdgeId>>& reads, const zoo::Dataset& data,
                                       std::size_t samples, const std::function<bool()>& stopped) {
  std::set<backend::EdgeId> unique;
  for (const auto& group : reads) unique.insert(group.begin(), group.end());
  const std::vector<backend::EdgeId> tensors(unique.begin(), unique.end());
  SL_ASSIGN_OR_RETURN(
      const std::vector<ActivationZeros> measured,
      measure_activations(runtime, model, inputs, tensors, data, std::min(samples, data.size()), stopped));
  GroupZeros zeros;
  for (const auto& group : reads) {
    auto& of_group = zeros.reads.emplace_back();
    for (const backend::EdgeId edge : group) {
      const auto at = std::lower_bound(tensors.begin(), tensors.end(), edge);
      of_group.push_back(measured[static_cast<std::size_t>(at - tensors.begin())]);
    }
    zeros.groups.push_back(together(model.graph(), group, of_group));
  }
  return zeros;
}

void set_activation_sparsity(place::CostTable& table, const GroupZeros& zeros) {
  for (std::size_t g = 0; g < table.groups.size(); ++g)
    table.groups[g].activation_sparsity = zeros.groups[g] ? zeros.groups[g]->elements : 0;
}

}  // namespace sparseloom::profile
