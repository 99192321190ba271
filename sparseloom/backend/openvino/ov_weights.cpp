#include <algorithm>
#include <cstdint>
#include <openvino/core/model.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/matmul.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "sparseloom/backend/openvino/ov_graph.h"

namespace sparseloom::backend {
namespace {

using ov::op::v0::Constant;

constexpr std::size_t kInt8Levels = 256;

// The constant that an input reads: itself, or what a few conversions, scales and reshapes make of it. Of several
// (values and their scales) it is the largest.
const Constant* constant_behind(const ov::Output<ov::Node>& value, int most_steps = 8) {
  const ov::Node* node = value.get_node();
  if (const auto* constant = ov::as_type<const Constant>(node)) return constant;
  if (most_steps == 0) return nullptr;
  const Constant* largest = nullptr;
  for (const auto& input : node->input_values()) {
    const Constant* found = constant_behind(input, most_steps - 1);
    if (found == nullptr) return nullptr;
    if (largest == nullptr || found->get_byte_size() > largest->get_byte_size()) largest = found;
  }
  return largest;
}

// The last step before an operator that changes numbers and not only where they stand.
const ov::Node* source_of(const ov::Output<ov::Node>& value) {
  const ov::Node* node = value.get_node();
  for (;;) {
    const std::string_view op = node->get_type_info().name;
    const bool moves =
        op == "Reshape" || op == "Transpose" || op == "Squeeze" || op == "Unsqueeze" || op == "MaxPool" || op == "Pad";
    if (!moves) return node;
    node = node->get_input_node_ptr(0);
  }
}

bool is_quantizer(const ov::Node& node) {
  const auto* quantizer = ov::as_type<const ov::op::v0::FakeQuantize>(&node);
  return quantizer != nullptr && quantizer->get_levels() <= kInt8Levels;
}

// Which axis of the weights the operator sums over.
std::optional<std::size_t> summed_axis(const ov::Node& node, const ov::Shape& weights) {
  const std::string_view op = node.get_type_info().name;
  if (op == "Convolution" && weights.size() > 2) return 1;
  if (op == "GroupConvolution" && weights.size() > 3) return 2;
  const auto* product = ov::as_type<const ov::op::v0::MatMul>(&node);
  if (product == nullptr || weights.size() < 2) return std::nullopt;
  return product->get_transpose_b() ? weights.size() - 1 : weights.size() - 2;
}

// The shape as a vector: ov::Shape is one, but its [] takes a signed index.
template <typename T>
Weights describe(const T* values, const std::vector<std::size_t>& shape, std::optional<std::size_t> axis) {
  const std::size_t count = ov::shape_size(shape);
  const auto zeros = static_cast<std::size_t>(std::count(values, values + count, T{0}));
  Weights weights{.count = static_cast<std::int64_t>(count),
                  .zeros = count == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(count),
                  .two_of_four = false};
  const std::size_t inputs = axis ? shape[*axis] : 0;
  if (inputs == 0 || inputs % 4 != 0 || weights.zeros < 0.5) return weights;
  std::size_t stride = 1;  // from one input to the next
  for (std::size_t k = *axis + 1; k < shape.size(); ++k) stride *= shape[k];
  for (std::size_t block = 0; block < count; block += 4 * stride) {
    for (std::size_t k = block; k < block + stride; ++k) {
      int kept = 0;
      for (std::size_t n = 0; n < 4; ++n) kept += values[k + n * stride] == T{0} ? 0 : 1;
      if (kept > 2) return weights;
    }
  }
  weights.two_of_four = true;
  return weights;
}

}  // namespace

Weights weights_of(const ov::Node& node) {
  const Constant* constant = nullptr;
  std::size_t input = 0;
  for (; input < node.get_input_size() && constant == nullptr; ++input)
    constant = constant_behind(node.input_value(input));
  if (constant == nullptr) return {};
  const ov::Shape& shape = constant->get_shape();
  // Stored in another shape than it is used in, there is no telling which numbers are neighbours.
  const bool as_used = node.get_input_partial_shape(input - 1) == constant->get_output_partial_shape(0);
  const auto axis = as_used ? summed_axis(node, shape) : std::nullopt;
  if (constant->get_element_type() == ov::element::f32) return describe(constant->get_data_ptr<float>(), shape, axis);
  if (constant->get_element_type() == ov::element::i8) {
    return describe(constant->get_data_ptr<std::int8_t>(), shape, axis);
  }
  return describe(constant->cast_vector<float>().data(), shape, axis);
}

Precision precision_of(const ov::Node& node) {
  if (is_quantizer(node)) return Precision::kInt8;
  if (macs_of(node) == 0) return Precision::kFp32;
  bool quantized = true;
  bool half = false;
  for (const auto& value : node.input_values()) {
    if (const Constant* constant = constant_behind(value)) {
      const ov::element::Type type = constant->get_element_type();
      quantized = quantized && type.bitwidth() <= 8;
      half = half || type == ov::element::f16 || type == ov::element::bf16;
    } else {
      quantized = quantized && is_quantizer(*source_of(value));
    }
  }
  return quantized ? Precision::kInt8 : half ? Precision::kFp16 : Precision::kFp32;
}

}  // namespace sparseloom::backend
