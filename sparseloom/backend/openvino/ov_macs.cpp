#include <openvino/core/model.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>
#include <openvino/op/util/sub_graph_base.hpp>
#include <string_view>

#include "sparseloom/backend/openvino/ov_graph.h"

namespace sparseloom::backend {
namespace {

double count(const ov::Shape& shape) {
  double product = 1;
  for (const std::size_t extent : shape) product *= static_cast<double>(extent);
  return product;
}

double extent(const ov::Shape& shape, std::size_t axis) {
  return axis < shape.size() ? static_cast<double>(shape.data()[axis]) : 1.0;
}

// Every output element sums over one filter: weights are [Cout,Cin,k...] or [G,Cout/G,Cin/G,k...].
double convolution(const ov::Node& node, bool grouped) {
  const ov::Shape& weights = node.get_input_shape(1);
  const double filters = grouped ? extent(weights, 0) * extent(weights, 1) : extent(weights, 0);
  return filters == 0 ? 0 : count(node.get_output_shape(0)) * count(weights) / filters;
}

// Transposed convolution: every input element is spread over one filter: weights are [Cin,Cout,k...].
double transposed_convolution(const ov::Node& node, bool grouped) {
  const ov::Shape& weights = node.get_input_shape(1);
  const double filters = grouped ? extent(weights, 0) * extent(weights, 1) : extent(weights, 0);
  return filters == 0 ? 0 : count(node.get_input_shape(0)) * count(weights) / filters;
}

double matmul(const ov::Node& node) {
  const ov::Shape& a = node.get_input_shape(0);
  const ov::Shape& b = node.get_input_shape(1);
  const double out = count(node.get_output_shape(0));
  // The summed extent K from |A| = batch·M·K and |B| = batch·K·N, |out| = batch·M·N; exact where nothing is broadcast.
  if (a.empty() || b.empty() || out == 0) return 0;
  if (a.size() == 1) return out * count(a);
  const ov::Shape& y = node.get_output_shape(0);
  const std::size_t rows_at = y.size() >= 2 && b.size() >= 2 ? y.size() - 2 : y.size() - 1;
  const double rows = extent(y, rows_at);
  const double last = extent(a, a.size() - 1);
  const double before = extent(a, a.size() - 2);
  // One of A's two inner extents is the rows of the output, the other is K (equal extents need no choice).
  return out * (before == rows ? last : before);
}

// RNN cells and sequences: weights W [D,G·H,I] and R [D,G·H,H] are applied once per step and batch element.
double recurrent(const ov::Node& node, bool sequence) {
  double weights = 0;
  for (std::size_t i = 0; i < node.get_input_size(); ++i) {
    const ov::Shape& shape = node.get_input_shape(i);
    if (shape.size() == (sequence ? 3U : 2U) && i >= (sequence ? 3U : 2U)) weights += count(shape);
  }
  const ov::Shape& x = node.get_input_shape(0);
  return weights * extent(x, 0) * (sequence ? extent(x, 1) : 1.0);
}

double attention(const ov::Node& node) {
  const ov::Shape& q = node.get_input_shape(0);
  const ov::Shape& k = node.get_input_shape(1);
  const double keys = k.size() < 2 ? 1.0 : extent(k, k.size() - 2);
  return (count(q) + count(node.get_output_shape(0))) * keys;  // Q·Kᵀ, then scores·V
}

double body_macs(const ov::Model& body) {
  double sum = 0;
  for (const auto& op : body.get_ops()) sum += macs_of(*op);
  return sum;
}

bool is_static(const ov::Node& node) {
  for (const auto& input : node.inputs())
    if (input.get_partial_shape().is_dynamic()) return false;
  for (const auto& output : node.outputs())
    if (output.get_partial_shape().is_dynamic()) return false;
  return true;
}

}  // namespace

double macs_of(const ov::Node& node) {
  if (const auto* many = dynamic_cast<const ov::op::util::MultiSubGraphOp*>(&node)) {
    double most = 0;
    for (std::size_t i = 0; i < many->get_internal_subgraphs_size(); ++i)
      most = std::max(most, body_macs(*many->get_function(i)));
    const auto* loop = dynamic_cast<const ov::op::util::SubGraphOp*>(&node);
    const auto rounds = loop == nullptr ? 1 : const_cast<ov::op::util::SubGraphOp*>(loop)->get_num_iterations();
    return most * static_cast<double>(std::max<std::int64_t>(rounds, 1));
  }
  if (!is_static(node)) return 0;
  const std::string_view op = node.get_type_info().name;
  if (op == "Convolution" || op == "BinaryConvolution") return convolution(node, false);
  if (op == "GroupConvolution") return convolution(node, true);
  if (op == "ConvolutionBackpropData") return transposed_convolution(node, false);
  if (op == "GroupConvolutionBackpropData") return transposed_convolution(node, true);
  if (op == "MatMul") return matmul(node);
  if (op == "ScaledDotProductAttention") return attention(node);
  if (op == "LSTMSequence" || op == "GRUSequence" || op == "RNNSequence") return recurrent(node, true);
  if (op == "LSTMCell" || op == "GRUCell" || op == "RNNCell") return recurrent(node, false);
  return 0;
}

}  // namespace sparseloom::backend
