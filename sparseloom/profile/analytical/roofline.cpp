#include "sparseloom/profile/analytical/roofline.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace sparseloom::profile {
namespace {

using backend::Edge;
using backend::EdgeId;
using backend::Graph;
using backend::Node;
using backend::NodeId;
using backend::Precision;

constexpr double kSparseBytesPerWeight = 6;  // 4 of the weight, 2 for its place (docs/sparse.md)

double elements(const Edge& edge) {
  double count = 1;
  for (const std::int64_t extent : edge.spec.shape) count *= static_cast<double>(std::max<std::int64_t>(extent, 0));
  return count;
}

class Roofline {
 public:
  Roofline(const Graph& graph, const soc::Rates& rates, bool sparse)
      : graph_(graph), rates_(rates), sparse_(sparse), group_of_(graph.nodes.size()), kept_(graph.edges.size()) {}

  std::vector<RooflineGroup> groups() {
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& node = graph_.nodes[n];
      if (!node.constant && !node.inputs.empty()) add(NodeId(n));
    }
    for (RooflineGroup& group : groups_) group.computing = computing(first(group));
    return groups_;
  }

  Latency run() {
    Seconds time = rates_.launch;
    for (const RooflineGroup& group : groups()) time += time_of(group);
    return {.median = time,
            .q1 = time,
            .q3 = time,
            .count = 1,
            .resident = {static_cast<std::uint64_t>(std::llround(resident_))}};
  }

 private:
  void add(NodeId id) {
    const Node& node = graph_.node(id);
    const std::optional<EdgeId> fused = fused_input(node);
    std::size_t group = groups_.size();
    if (fused) {
      group = *group_of_[graph_.edge(*fused).producer.index()];
    } else {
      groups_.emplace_back();
    }
    group_of_[id.index()] = group;
    groups_[group].nodes.push_back(id);
    const double out = bytes_out(node);
    for (const EdgeId input : node.inputs) {
      if (fused == input) continue;
      if (is_constant(input)) {
        groups_[group].constants += std::min(constant_bytes(node, input), std::max(out, weight_bytes(node)));
      } else {
        groups_[group].read += bytes_of(input);
      }
    }
    for (const EdgeId input : node.inputs) {
      if (!is_constant(input) || kept_[input.index()]) continue;
      kept_[input.index()] = true;
      resident_ += constant_bytes(node, input);
    }
    groups_[group].written += out;
    if (fused) groups_[group].written -= bytes_of(*fused);  // what its producer would have written
  }

  const Node& first(const RooflineGroup& group) const { return graph_.node(group.nodes.front()); }

  // The input whose producer this operator is fused with.
  std::optional<EdgeId> fused_input(const Node& node) const {
    if (node.macs > 0 || node.outputs.size() != 1) return std::nullopt;
    for (const EdgeId id : node.inputs) {
      const Edge& edge = graph_.edge(id);
      const bool computed =
          group_of_[edge.producer.index()].has_value() && graph_.node(edge.producer).outputs.size() == 1;
      const bool returned = std::find(graph_.outputs.begin(), graph_.outputs.end(), id) != graph_.outputs.end();
      if (!computed || returned || edge.consumers.size() != 1) continue;
      if (elements(edge) == elements(graph_.edge(node.outputs.front()))) return id;
    }
    return std::nullopt;
  }

  bool is_constant(EdgeId id) const { return graph_.node(graph_.edge(id).producer).constant; }

  // Bytes of a tensor that is passed on.
  double bytes_of(EdgeId id) const {
    const Edge& edge = graph_.edge(id);
    const Node& producer = graph_.node(edge.producer);
    if (producer.inputs.empty()) return elements(edge) * static_cast<double>(element_bytes(edge.spec.type));
    if (producer.macs == 0 && producer.precision == Precision::kInt8) return elements(edge);
    const auto group = group_of_[edge.producer.index()];
    const bool half = group && first(groups_[*group]).precision == Precision::kFp16;
    return elements(edge) * backend::bytes_of(rates_.of(half ? Precision::kFp16 : Precision::kFp32).runs_as);
  }

  double bytes_out(const Node& node) const {
    double sum = 0;
    for (const EdgeId output : node.outputs) sum += bytes_of(output);
    return sum;
  }

  // Bytes of a constant in the form that the processor keeps it in.
  double constant_bytes(const Node& node, EdgeId id) const {
    const Edge& edge = graph_.edge(id);
    const bool weights = node.weights.count > 0 && elements(edge) == static_cast<double>(node.weights.count);
    return weights ? weight_bytes(node) : elements(edge) * static_cast<double>(element_bytes(edge.spec.type));
  }

  double weight_bytes(const Node& node) const {
    const auto count = static_cast<double>(node.weights.count);
    const double dense = count * backend::bytes_of(rates_.of(node.precision).runs_as);
    if (sparse_ && gain(node) > 1) return count * (1 - node.weights.zeros) * kSparseBytesPerWeight;
    if (gain(node) > 1) return dense / 2 + count / 8;  // two bits say where each of the kept half stands
    return dense;
  }

  // How many times as fast an operator runs for its zeros.
  double gain(const Node& node) const {
    const Precision as = rates_.of(node.precision).runs_as;
    if (sparse_) return soc::speed_up(rates_.unstructured_of(as), node.weights.zeros);
    return node.weights.two_of_four ? rates_.two_of_four[static_cast<std::size_t>(as)] : 1;
  }

  double computing(const Node& node) const {
    const soc::Arithmetic& arithmetic = rates_.of(rates_.of(node.precision).runs_as);
    return 2 * node.macs / (arithmetic.operations_per_second * gain(node));
  }

  Seconds time_of(const RooflineGroup& group) const {
    const double bytes = group.read + group.constants + group.written;
    return Seconds(std::max(group.computing, bytes / rates_.bytes_per_second)) + rates_.per_operator;
  }

  const Graph& graph_;
  const soc::Rates& rates_;
  bool sparse_;
  std::vector<RooflineGroup> groups_;
  std::vector<std::optional<std::size_t>> group_of_;  // by node
  std::vector<bool> kept_;                            // constants, by edge: counted
  double resident_ = 0;
};

}  // namespace

namespace {

bool by_sparse_kernels(backend::Provider provider) {
  return backend::info(provider).sparse_layers != backend::SparseLayers::kNone;
}

}  // namespace

Latency roofline(const Graph& graph, const soc::Rates& rates, backend::Provider provider) {
  return Roofline(graph, rates, by_sparse_kernels(provider)).run();
}

std::vector<RooflineGroup> roofline_groups(const Graph& graph, const soc::Rates& rates, backend::Provider provider) {
  return Roofline(graph, rates, by_sparse_kernels(provider)).groups();
}

}  // namespace sparseloom::profile
