#include "sparseloom/profile/analytical/batch.h"

#include <algorithm>
#include <vector>

namespace sparseloom::profile {

Result<backend::Graph> with_batch(backend::Graph graph, std::size_t batch) {
  if (batch == 0) return error(Code::kInvalidArgument, "a batch of 0; allowed: 1 or more");
  if (batch == 1) return graph;
  for (const backend::EdgeId input : graph.inputs) {
    const TensorSpec& spec = graph.edge(input).spec;
    if (!spec.shape.empty() && spec.shape.front() == 1) continue;
    return error(Code::kFailedPrecondition,
                 "input '{}' has the shape {}: a batch is a first axis, and is made from one of 1", spec.name,
                 to_string(spec.shape));
  }
  std::vector<bool> of_requests(graph.edges.size());  // by edge: depends on an input
  for (const backend::EdgeId input : graph.inputs) of_requests[input.index()] = true;
  const auto times = static_cast<std::int64_t>(batch);
  for (backend::Node& node : graph.nodes) {
    const auto depends = [&](backend::EdgeId edge) { return of_requests[edge.index()]; };
    const bool parameter = std::any_of(node.outputs.begin(), node.outputs.end(), depends);
    if (!parameter && std::none_of(node.inputs.begin(), node.inputs.end(), depends)) continue;
    node.macs *= static_cast<double>(batch);
    for (const backend::EdgeId output : node.outputs) {
      of_requests[output.index()] = true;
      Shape& shape = graph.edges[output.index()].spec.shape;
      if (!shape.empty()) shape.front() *= times;
    }
  }
  return graph;
}

}  // namespace sparseloom::profile
