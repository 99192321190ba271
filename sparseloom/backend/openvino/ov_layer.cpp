#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>
#include <openvino/op/add.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/group_conv.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/runtime/core.hpp>
#include <optional>

#include "sparseloom/backend/layer_model.h"
#include "sparseloom/backend/openvino/ov_executable.h"
#include "sparseloom/backend/openvino/ov_support.h"

namespace sparseloom::backend {
namespace {

using ov::op::v0::Constant;
using Tensor = ov::Output<ov::Node>;

Tensor scalar(float value) { return Constant::create(ov::element::f32, ov::Shape{}, {value}); }

Tensor quantized_input(const Tensor& x, const sparse::kernels::Quantization& to) {
  const Tensor low = scalar(to.low), high = scalar(to.low + to.step * static_cast<float>(to.levels - 1));
  return std::make_shared<ov::op::v0::FakeQuantize>(x, low, high, low, high, to.levels);
}

// `outputs` leading axes of the shape stand for outputs.
Tensor quantized_weights(const QuantizedLayer& layer, const ov::Shape& shape, std::size_t outputs) {
  ov::Shape per_output(shape.size(), 1);
  std::copy_n(shape.begin(), outputs, per_output.begin());
  const auto stored = Constant::create(ov::element::i8, shape, layer.integers);
  return std::make_shared<ov::op::v1::Multiply>(std::make_shared<ov::op::v0::Convert>(stored, ov::element::f32),
                                                Constant::create(ov::element::f32, per_output, layer.scales));
}

struct LayerParts {
  std::shared_ptr<ov::op::v0::Parameter> x;
  Tensor y;
};

using InputQuantization = std::optional<sparse::kernels::Quantization>;

LayerParts linear(const sparse::LinearShape& shape, const Tensor& weights, const InputQuantization& to) {
  const auto x = std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::Shape{1, shape.positions, shape.inputs});
  const Tensor in = to ? quantized_input(x, *to) : Tensor(x);
  return {x, std::make_shared<ov::op::v0::MatMul>(in, weights, false, true)};
}

LayerParts convolution(const sparse::ConvolutionShape& s, const Tensor& weights, const InputQuantization& to) {
  const auto x = std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::Shape{1, s.channels, s.height, s.width});
  const Tensor in = to ? quantized_input(x, *to) : Tensor(x);
  const auto signed_of = [](std::size_t extent) { return static_cast<std::ptrdiff_t>(extent); };
  const ov::Strides strides(2, s.stride), dilations(2, s.dilation);
  const ov::CoordinateDiff begin{signed_of(s.pad_top), signed_of(s.pad_left)};
  const ov::CoordinateDiff end{signed_of(s.pad_bottom), signed_of(s.pad_right)};
  constexpr std::size_t kGroupedRank = 5;
  if (weights.get_shape().size() == kGroupedRank) {
    return {x, std::make_shared<ov::op::v1::GroupConvolution>(in, weights, strides, begin, end, dilations)};
  }
  return {x, std::make_shared<ov::op::v1::Convolution>(in, weights, strides, begin, end, dilations)};
}

ov::Shape filter_of(const LayerShape& shape) {
  const auto* c = std::get_if<sparse::ConvolutionShape>(&shape.of);
  if (c == nullptr) return {shape.outputs, shape.inputs()};
  if (shape.groups == 1) return {shape.outputs, c->channels, c->kernel_height, c->kernel_width};
  return {shape.groups, shape.outputs / shape.groups, c->channels / shape.groups, c->kernel_height, c->kernel_width};
}

}  // namespace

std::size_t LayerShape::inputs() const {
  if (const auto* l = std::get_if<sparse::LinearShape>(&of)) return l->inputs;
  const auto& c = std::get<sparse::ConvolutionShape>(of);
  return c.channels / groups * c.kernel_height * c.kernel_width;
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

sparse::ForEach for_each_on(int threads) {
  if (threads == 1) return {};
  return [](std::size_t count, const std::function<void(std::size_t)>& task) {
    // Isolated: a thread that waits here takes up nothing else.
    tbb::this_task_arena::isolate([&] { tbb::parallel_for(std::size_t{0}, count, task, tbb::static_partitioner()); });
  };
}

QuantizedLayer quantize_layer(const LayerShape& shape, std::span<const float> weights) {
  constexpr float kMost = 63;
  constexpr std::uint32_t kLevels = 256;
  const bool linear = std::holds_alternative<sparse::LinearShape>(shape.of);
  QuantizedLayer layer{.integers = {}, .scales = {}, .x = {linear ? -2.0F : 0.0F, 4.0F / (kLevels - 1), kLevels}};
  const std::size_t inputs = shape.inputs();
  for (std::size_t o = 0; o < shape.outputs; ++o) {
    const auto row = weights.subspan(o * inputs, inputs);
    float largest = 0;
    for (const float w : row) largest = std::max(largest, std::abs(w));
    const float scale = largest > 0 ? largest / kMost : 1.0F;
    layer.scales.push_back(scale);
    for (const float w : row) layer.integers.push_back(static_cast<std::int8_t>(std::lround(w / scale)));
  }
  return layer;
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
    const ov::Shape filter = filter_of(shape);
    Tensor w;
    InputQuantization quantization;
    if (precision == LayerPrecision::kI8) {
      const QuantizedLayer quantized = quantize_layer(shape, weights);
      w = quantized_weights(quantized, filter, shape.groups > 1 ? 2 : 1);
      quantization = quantized.x;
    } else {
      w = Constant::create(ov::element::f32, filter, std::vector<float>(weights.begin(), weights.end()));
    }
    const LayerParts parts = c == nullptr ? linear(std::get<sparse::LinearShape>(shape.of), w, quantization)
                                          : convolution(*c, w, quantization);
    const ov::Shape per_output = c == nullptr ? ov::Shape{1, 1, shape.outputs} : ov::Shape{1, shape.outputs, 1, 1};
    const auto y = std::make_shared<ov::op::v1::Add>(
        parts.y, Constant::create(ov::element::f32, per_output, std::vector<float>(bias.begin(), bias.end())));
    y->set_friendly_name("y");
    ov::Core core;
    const auto model = std::make_shared<ov::Model>(ov::OutputVector{y}, ov::ParameterVector{parts.x}, "layer");
    return make_executable(compile_model(core, model, options), "layer", options);
  });
}

}  // namespace sparseloom::backend
