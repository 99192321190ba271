#include "sparseloom/zoo/cut_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "sparseloom/zoo/cut.h"

namespace sparseloom::zoo {
namespace {

using backend::Edge;
using backend::EdgeId;
using backend::Graph;
using backend::Node;
using backend::NodeId;

// In multiply-accumulates, found by measuring chains against whole models (docs/cutting.md).
constexpr double kWorkPerByte = 2;          // writing one byte of an operator's output
constexpr double kCrossingPerByte = 30;     // writing, reordering and reading back one byte at a boundary
constexpr double kCrossingPerTensor = 5e5;  // binding and entering one more tensor
constexpr double kCrossingShare = 0.003;    // and, of the whole model's work: narrow cuts are worth some balance
constexpr double kBrokenFusion = 10;        // times the whole model's work: only where nothing else is left

template <std::size_t N>
bool is_one_of(std::string_view op, const std::array<std::string_view, N>& ops) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

bool is_matrix_op(std::string_view op) {
  return is_one_of(op, std::array<std::string_view, 5>{"Convolution", "GroupConvolution", "MatMul",
                                                       "ConvolutionBackpropData", "GroupConvolutionBackpropData"});
}

bool is_unary(std::string_view op) {
  return is_one_of(
      op, std::array<std::string_view, 27>{"Relu",         "Sigmoid",  "Tanh",       "Gelu",  "Swish",
                                           "HSwish",       "HSigmoid", "Clamp",      "Elu",   "PRelu",
                                           "Mish",         "SoftPlus", "SoftSign",   "Erf",   "Exp",
                                           "Sqrt",         "Abs",      "Negative",   "Power", "BatchNormInference",
                                           "FakeQuantize", "Convert",  "LogicalNot", "Log",   "Selu",
                                           "Round",        "Floor"});
}

bool is_binary(std::string_view op) {
  return is_one_of(op, std::array<std::string_view, 10>{"Add", "Multiply", "Subtract", "Divide", "Maximum", "Minimum",
                                                        "SquaredDifference", "Mod", "Select", "FloorMod"});
}

std::size_t variable_inputs(const Graph& graph, const Node& node) {
  return static_cast<std::size_t>(std::count_if(
      node.inputs.begin(), node.inputs.end(), [&](EdgeId e) { return !graph.node(graph.edge(e).producer).constant; }));
}

bool is_elementwise(const Node& node) { return is_unary(node.op) || is_binary(node.op); }

// x·x or x² on its way into a mean: the start of a normalisation, not an activation.
bool starts_reduction(const Graph& graph, const Node& node) {
  if (!is_elementwise(node)) return false;
  for (const EdgeId out : node.outputs) {
    for (const NodeId consumer : graph.edge(out).consumers)
      if (graph.node(consumer).op.starts_with("Reduce")) return true;
  }
  return false;
}

// x - mean(x), as in a layer normalisation that the exporter wrote out.
bool is_centring(const Graph& graph, const Node& node) {
  if (node.op != "Subtract" && node.op != "SquaredDifference") return false;
  return std::any_of(node.inputs.begin(), node.inputs.end(),
                     [&](EdgeId e) { return graph.node(graph.edge(e).producer).op == "ReduceMean"; });
}

bool feeds_only_elementwise(const Graph& graph, const Edge& edge) {
  return std::all_of(edge.consumers.begin(), edge.consumers.end(), [&](NodeId id) {
    const Node& consumer = graph.node(id);
    return is_elementwise(consumer) && !starts_reduction(graph, consumer);
  });
}

}  // namespace

double bytes_of(const Graph& graph, EdgeId edge) {
  const TensorSpec& spec = graph.edge(edge).spec;
  double bytes = static_cast<double>(element_bytes(spec.type));
  for (const std::int64_t extent : spec.shape) bytes *= static_cast<double>(std::max<std::int64_t>(extent, 0));
  return bytes;
}

double default_node_cost(const Graph& graph, const Node& node) {
  if (node.constant) return 0;
  double bytes = 0;
  for (const EdgeId out : node.outputs) bytes += bytes_of(graph, out);
  return node.macs + kWorkPerByte * bytes;
}

bool breaks_fusion(const Graph& graph, EdgeId id) {
  const Edge& edge = graph.edge(id);
  const Node& producer = graph.node(edge.producer);
  if (edge.consumers.empty() || producer.op == "Parameter") return false;
  if (producer.op == "FakeQuantize") return false;
  if (is_centring(graph, producer)) return true;
  const bool into_quantization = std::any_of(edge.consumers.begin(), edge.consumers.end(), [&](NodeId consumer) {
    return graph.node(consumer).op == "FakeQuantize";
  });
  if (into_quantization) return true;
  if (edge.consumers.size() == 1 && is_matrix_op(producer.op) && is_elementwise(graph.node(edge.consumers.front())))
    return true;
  return feeds_only_elementwise(graph, edge);
}

CrossingCosts crossing_costs(const Graph& graph, double total_work) {
  CrossingCosts costs(graph.edges.size());
  const double work = std::max(total_work, 1.0);
  for (std::size_t e = 0; e < costs.size(); ++e) {
    const EdgeId id(e);
    const Shape& shape = graph.edge(id).spec.shape;
    if (std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 0; })) {
      costs[e] = kNeverCrosses;
      continue;
    }
    double cost = (kCrossingPerTensor + kCrossingPerByte * bytes_of(graph, id)) / work + kCrossingShare;
    if (breaks_fusion(graph, id)) cost += kBrokenFusion;
    costs[e] = std::max<std::int64_t>(1, std::llround(std::min(cost, 1e3) * kCostScale));
  }
  return costs;
}

EdgeId behind_quantization(const Graph& graph, EdgeId id) {
  const Edge& edge = graph.edge(id);
  if (edge.consumers.size() != 1) return id;
  const Node& consumer = graph.node(edge.consumers.front());
  if (consumer.op != "FakeQuantize" || variable_inputs(graph, consumer) != 1) return id;
  if (std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end()) return id;
  return consumer.outputs.front();
}

}  // namespace sparseloom::zoo
