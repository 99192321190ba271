#include "sparseloom/backend/openvino/ov_graph.h"

#include <algorithm>
#include <array>
#include <map>
#include <openvino/core/graph_util.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/mvn.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/result.hpp>
#include <openvino/op/softmax.hpp>
#include <openvino/op/util/binary_elementwise_arithmetic.hpp>
#include <openvino/op/util/shape_of_base.hpp>
#include <openvino/op/util/unary_elementwise_arithmetic.hpp>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "sparseloom/backend/openvino/ov_support.h"

namespace sparseloom::backend {
namespace {

// Whether the operator works along the last axis alone, if `axis` is that of a tensor of this rank.
bool is_last(std::int64_t axis, const ov::Node& op) {
  const ov::PartialShape& shape = op.get_output_partial_shape(0);
  return shape.rank().is_static() && (axis == -1 || axis + 1 == shape.rank().get_length());
}

class Converter {
 public:
  explicit Converter(const ov::Model& model) : model_(model) {}

  Result<ConvertedGraph> run() {
    for (const auto& op : model_.get_ordered_ops()) {
      if (ov::is_type<ov::op::v0::Result>(op)) continue;
      SL_RETURN_IF_ERROR(add(op));
    }
    for (const auto& parameter : model_.get_parameters())
      converted_.graph.inputs.push_back(edges_.at(parameter->output(0)));
    for (const auto& result : model_.get_results())
      converted_.graph.outputs.push_back(edges_.at(result->input_value(0)));
    return std::move(converted_);
  }

 private:
  Status add(const std::shared_ptr<ov::Node>& op) {
    Graph& graph = converted_.graph;
    const NodeId id(graph.nodes.size());
    Node node;
    node.name = unique(op->get_friendly_name());
    node.op = op->get_type_info().name;
    for (const auto& input : op->input_values()) {
      const EdgeId from = edges_.at(input);
      node.inputs.push_back(from);
      auto& consumers = graph.edges[from.index()].consumers;
      if (consumers.empty() || consumers.back() != id) consumers.push_back(id);
    }
    node.random = draws_random_numbers(node);
    node.constant = is_constant(*op, node);
    node.macs = macs_of(*op);
    node.precision = precision_of(*op);
    node.reach = reach_of(*op);
    if (node.macs > 0) node.weights = weights_of(*op);
    for (const auto& output : op->outputs()) {
      SL_ASSIGN_OR_RETURN(Edge edge, make_edge(output, node, id));
      node.outputs.emplace_back(graph.edges.size());
      edges_.emplace(output, node.outputs.back());
      graph.edges.push_back(std::move(edge));
      converted_.tensors.push_back(output);
    }
    graph.nodes.push_back(std::move(node));
    return {};
  }

  Result<Edge> make_edge(const ov::Output<ov::Node>& output, const Node& node, NodeId id) {
    Edge edge;
    edge.producer = id;
    const std::size_t k = output.get_index();
    edge.spec.name = k == 0 ? node.name : unique(fmt::format("{}.{}", node.name, k));
    edge.spec.shape = shape_of(output.get_partial_shape());
    for (const std::string& name : output.get_names())
      if (name != edge.spec.name) edge.aliases.push_back(name);
    std::sort(edge.aliases.begin(), edge.aliases.end());
    const auto type = element_type_of(output.get_element_type());
    if (!type && !node.constant) {
      return error(Code::kFailedPrecondition, "tensor '{}' has the type {}, which sparseloom does not support",
                   edge.spec.name, output.get_element_type().get_type_name());
    }
    edge.spec.type = type.value_or(ElementType::kU8);  // e.g. 4-bit weights: copied, never passed on
    return edge;
  }

  static bool draws_random_numbers(const Node& node) { return node.op == "RandomUniform" || node.op == "Multinomial"; }

  bool is_constant(const ov::Node& op, const Node& node) const {
    if (ov::is_type<ov::op::v0::Constant>(&op)) return true;
    if (node.inputs.empty() || node.random) return false;
    for (const EdgeId input : node.inputs)
      if (!converted_.graph.node(converted_.graph.edge(input).producer).constant) return false;
    return true;
  }

  std::string unique(std::string name) {
    if (names_.insert(name).second) return name;
    for (int n = 2;; ++n) {
      std::string other = fmt::format("{}#{}", name, n);
      if (names_.insert(other).second) return other;
    }
  }

  const ov::Model& model_;
  ConvertedGraph converted_;
  std::map<ov::Output<ov::Node>, EdgeId> edges_;
  std::unordered_set<std::string> names_;
};

}  // namespace

Reach reach_of(const ov::Node& op) {
  constexpr std::array<std::string_view, 6> kElements{"Convert", "FakeQuantize", "HardSigmoid",
                                                      "PRelu",   "Select",       "Swish"};
  if (ov::is_type<ov::op::util::UnaryElementwiseArithmetic>(&op) ||
      ov::is_type<ov::op::util::BinaryElementwiseArithmetic>(&op) ||
      std::find(kElements.begin(), kElements.end(), op.get_type_info().name) != kElements.end()) {
    return Reach::kElement;
  }
  if (const auto* softmax = ov::as_type<const ov::op::v1::Softmax>(&op)) {
    return is_last(static_cast<std::int64_t>(softmax->get_axis()), op) ? Reach::kRow : Reach::kAll;
  }
  if (const auto* softmax = ov::as_type<const ov::op::v8::Softmax>(&op))
    return is_last(softmax->get_axis(), op) ? Reach::kRow : Reach::kAll;
  if (ov::is_type<ov::op::v6::MVN>(&op)) {
    const auto axes = ov::as_type_ptr<ov::op::v0::Constant>(op.get_input_node_shared_ptr(1));
    if (axes == nullptr) return Reach::kAll;
    const auto values = axes->cast_vector<std::int64_t>();
    return values.size() == 1 && is_last(values.front(), op) ? Reach::kRow : Reach::kAll;
  }
  return Reach::kAll;
}

Result<ConvertedGraph> convert_graph(const ov::Model& model) { return Converter(model).run(); }

void fold_shapes(ov::Model& model) {
  for (const auto& op : model.get_ordered_ops()) {
    if (!ov::is_type<ov::op::util::ShapeOfBase>(op) || op->get_input_partial_shape(0).is_dynamic()) continue;
    const ov::Shape& shape = op->get_input_shape(0);
    const auto folded = ov::op::v0::Constant::create(op->get_output_element_type(0), ov::Shape{shape.size()},
                                                     std::vector<std::int64_t>(shape.begin(), shape.end()));
    folded->set_friendly_name(op->get_friendly_name());
    ov::replace_node(op, folded);
  }
}

}  // namespace sparseloom::backend
