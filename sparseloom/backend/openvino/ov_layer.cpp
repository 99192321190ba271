#include <algorithm>
#include <cmath>
#include <openvino/op/add.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/runtime/core.hpp>

#include "sparseloom/backend/layer_model.h"
#include "sparseloom/backend/openvino/ov_executable.h"
#include "sparseloom/backend/openvino/ov_support.h"

namespace sparseloom::backend {
namespace {

using ov::op::v0::Constant;
using Tensor = ov::Output<ov::Node>;

Tensor scalar(float value) { return Constant::create(ov::element::f32, ov::Shape{}, {value}); }

Tensor quantized_input(const Tensor& x, bool is_signed) {
  const Tensor low = scalar(is_signed ? -2.0F : 0.0F), high = scalar(is_signed ? 2.0F : 4.0F);
  return std::make_shared<ov::op::v0::FakeQuantize>(x, low, high, low, high, 256);
}

// i8 values times a scale per output.
Tensor quantized_weights(std::span<const float> weights, const ov::Shape& shape) {
  constexpr float kMost = 127;
  const std::size_t outputs = shape.front(), inputs = weights.size() / outputs;
  std::vector<std::int8_t> values(weights.size());
  std::vector<float> scales(outputs);
  for (std::size_t o = 0; o < outputs; ++o) {
    const auto row = weights.subspan(o * inputs, inputs);
    float largest = 0;
    for (const float w : row) largest = std::max(largest, std::abs(w));
    scales[o] = largest > 0 ? largest / kMost : 1.0F;
    for (std::size_t i = 0; i < inputs; ++i) {
      values[o * inputs + i] = static_cast<std::int8_t>(std::lround(row[i] / scales[o]));
    }
  }
  ov::Shape per_output(shape.size(), 1);
  per_output.front() = outputs;
  const auto stored = Constant::create(ov::element::i8, shape, values);
  return std::make_shared<ov::op::v1::Multiply>(std::make_shared<ov::op::v0::Convert>(stored, ov::element::f32),
                                                Constant::create(ov::element::f32, per_output, scales));
}

struct LayerParts {
  std::shared_ptr<ov::op::v0::Parameter> x;
  Tensor y;
};

LayerParts linear(const sparse::LinearShape& shape, const Tensor& weights, LayerPrecision precision) {
  const auto x = std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::Shape{1, shape.positions, shape.inputs});
  const Tensor in = precision == LayerPrecision::kI8 ? quantized_input(x, true) : Tensor(x);
  return {x, std::make_shared<ov::op::v0::MatMul>(in, weights, false, true)};
}

LayerParts convolution(const sparse::ConvolutionShape& s, const Tensor& weights, LayerPrecision precision) {
  const auto x = std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::Shape{1, s.channels, s.height, s.width});
  const Tensor in = precision == LayerPrecision::kI8 ? quantized_input(x, false) : Tensor(x);
  const auto signed_of = [](std::size_t extent) { return static_cast<std::ptrdiff_t>(extent); };
  return {x, std::make_shared<ov::op::v1::Convolution>(
                 in, weights, ov::Strides(2, s.stride), ov::CoordinateDiff{signed_of(s.pad_top), signed_of(s.pad_left)},
                 ov::CoordinateDiff{signed_of(s.pad_bottom), signed_of(s.pad_right)}, ov::Strides(2, s.dilation))};
}

}  // namespace

std::size_t LayerShape::inputs() const {
  if (const auto* l = std::get_if<sparse::LinearShape>(&of)) return l->inputs;
  const auto& c = std::get<sparse::ConvolutionShape>(of);
  return c.channels * c.kernel_height * c.kernel_width;
}

std::size_t LayerShape::positions() const {
  if (const auto* l = std::get_if<sparse::LinearShape>(&of)) return l->positions;
  const auto& c = std::get<sparse::ConvolutionShape>(of);
  return c.out_height() * c.out_width();
}

std::size_t LayerShape::x_elements() const {
  if (const auto* l = std::get_if<sparse::LinearShape>(&of)) return l->inputs * l->positions;
  const auto& c = std::get<sparse::ConvolutionShape>(of);
  return c.channels * c.height * c.width;
}

Result<std::unique_ptr<Executable>> compile_dense_layer(const LayerShape& shape, std::span<const float> weights,
                                                        std::span<const float> bias, LayerPrecision precision,
                                                        const CompileOptions& options) {
  if (weights.size() != shape.outputs * shape.inputs() || bias.size() != shape.outputs) {
    return error(Code::kInvalidArgument, "layer: {} weights, {} biases; it has {} x {} and {}", weights.size(),
                 bias.size(), shape.outputs, shape.inputs(), shape.outputs);
  }
  return guarded(Code::kInternal, "layer", [&]() -> Result<std::unique_ptr<Executable>> {
    const auto* c = std::get_if<sparse::ConvolutionShape>(&shape.of);
    const ov::Shape filter = c == nullptr ? ov::Shape{shape.outputs, shape.inputs()}
                                          : ov::Shape{shape.outputs, c->channels, c->kernel_height, c->kernel_width};
    const Tensor w =
        precision == LayerPrecision::kI8
            ? quantized_weights(weights, filter)
            : Tensor(Constant::create(ov::element::f32, filter, std::vector<float>(weights.begin(), weights.end())));
    const LayerParts parts =
        c == nullptr ? linear(std::get<sparse::LinearShape>(shape.of), w, precision) : convolution(*c, w, precision);
    const ov::Shape per_output = c == nullptr ? ov::Shape{1, 1, shape.outputs} : ov::Shape{1, shape.outputs, 1, 1};
    const auto y = std::make_shared<ov::op::v1::Add>(
        parts.y, Constant::create(ov::element::f32, per_output, std::vector<float>(bias.begin(), bias.end())));
    y->set_friendly_name("y");
    ov::Core core;
    const auto model = std::make_shared<ov::Model>(ov::OutputVector{y}, ov::ParameterVector{parts.x}, "layer");
    return make_executable(core.compile_model(model, options.device, properties(options)), "layer");
  });
}

}  // namespace sparseloom::backend
