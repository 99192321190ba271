#include "sparseloom/backend/openvino/ov_sparse.h"

#include <fmt/format.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <openvino/core/graph_util.hpp>
#include <openvino/op/add.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/group_conv.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/relu.hpp>
#include <openvino/op/util/convolution_base.hpp>
#include <optional>

#include "sparseloom/backend/layer_model.h"
#include "sparseloom/backend/openvino/ov_sparse_op.h"
#include "sparseloom/base/statistics.h"

namespace sparseloom::backend {
namespace {

using ov::op::v0::Constant;
using NodePtr = std::shared_ptr<ov::Node>;

constexpr double kLeastSparsity = 0.3;

// What a constant input holds, also if it is stored as f16.
std::optional<std::vector<float>> constant_of(const ov::Output<ov::Node>& value) {
  const ov::Node* node = value.get_node();
  if (ov::is_type<ov::op::v0::Convert>(node)) node = node->get_input_node_ptr(0);
  const auto* constant = ov::as_type<const Constant>(node);
  if (constant == nullptr || !constant->get_element_type().is_real()) return std::nullopt;
  return constant->cast_vector<float>();
}

/// A layer's weights, outputs x inputs.
struct LayerWeights {
  std::vector<float> values;
  // Where values[o, i] = scales[o]·integers[o, i]; else empty.
  std::vector<std::int8_t> integers;
  std::vector<float> scales;
};

/// Which axes of a layer's weights stand for its outputs.
struct OutputAxes {
  std::ptrdiff_t first = 0, count = 1;
};

// i8 values times a scale per output.
std::optional<LayerWeights> quantized_weights_of(const ov::Output<ov::Node>& value, const OutputAxes& axes) {
  const auto* product = ov::as_type<const ov::op::v1::Multiply>(value.get_node());
  if (product == nullptr || !ov::is_type<ov::op::v0::Convert>(product->get_input_node_ptr(0))) return std::nullopt;
  const auto* integers = ov::as_type<const Constant>(product->get_input_node_ptr(0)->get_input_node_ptr(0));
  const auto scales = constant_of(product->input_value(1));
  if (integers == nullptr || integers->get_element_type() != ov::element::i8 || !scales) return std::nullopt;
  const ov::Shape &shape = integers->get_shape(), &scale_shape = product->get_input_shape(1);
  if (product->get_output_shape(0) != shape) return std::nullopt;
  std::size_t outputs = 1;
  bool per_output = scale_shape.size() == shape.size();
  for (std::ptrdiff_t axis = axes.first; axis < axes.first + axes.count; ++axis) {
    outputs *= shape[axis];
    per_output = per_output && scale_shape[axis] == shape[axis];
  }
  if (scales->size() != 1 && !(per_output && scales->size() == outputs)) return std::nullopt;
  LayerWeights weights;
  weights.integers = integers->cast_vector<std::int8_t>();
  weights.scales = scales->size() == 1 ? std::vector<float>(outputs, scales->front()) : *scales;
  const std::size_t behind = axes.first == 0 ? weights.integers.size() / outputs : 1;
  weights.values.reserve(weights.integers.size());
  for (std::size_t k = 0; k < weights.integers.size(); ++k) {
    weights.values.push_back(weights.scales[k / behind % outputs] * static_cast<float>(weights.integers[k]));
  }
  return weights;
}

std::optional<LayerWeights> weights_of(const ov::Output<ov::Node>& value, const OutputAxes& axes) {
  if (value.get_partial_shape().is_dynamic() || ov::shape_size(value.get_shape()) == 0) return std::nullopt;
  if (auto quantized = quantized_weights_of(value, axes)) return quantized;
  auto values = constant_of(value);
  if (!values) return std::nullopt;
  return LayerWeights{std::move(*values), {}, {}};
}

template <typename T>
std::vector<T> transposed(const std::vector<T>& matrix, std::size_t columns) {
  std::vector<T> result(matrix.size());
  const std::size_t rows = matrix.size() / columns;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) result[c * rows + r] = matrix[r * columns + c];
  }
  return result;
}

/// A layer that might be replaced.
struct Candidate {
  NodePtr node;
  ov::Output<ov::Node> x;
  LayerShape shape;
  LayerWeights weights;
  std::size_t channel_axis;  // of the result: where the outputs are
  std::optional<sparse::kernels::Quantization> quantization = {};
};

double sparsity(const std::vector<float>& weights) {
  return static_cast<double>(std::count(weights.begin(), weights.end(), 0.0F)) / static_cast<double>(weights.size());
}

std::optional<Candidate> linear_candidate(const NodePtr& node) {
  const auto product = ov::as_type_ptr<ov::op::v0::MatMul>(node);
  if (product == nullptr || product->get_transpose_a() || product->get_output_element_type(0) != ov::element::f32) {
    return std::nullopt;
  }
  const ov::PartialShape& w = product->get_input_partial_shape(1);
  const ov::PartialShape& x = product->get_input_partial_shape(0);
  if (w.is_dynamic() || x.is_dynamic() || w.size() != 2 || x.size() < 2) return std::nullopt;
  const bool outputs_first = product->get_transpose_b();
  auto weights = weights_of(product->input_value(1), {outputs_first ? 0 : 1, 1});
  if (!weights) return std::nullopt;
  const std::size_t outputs = w.to_shape()[outputs_first ? 0 : 1], inputs = w.to_shape()[outputs_first ? 1 : 0];
  if (!outputs_first) {
    weights->values = transposed(weights->values, outputs);
    weights->integers = transposed(weights->integers, outputs);
  }
  const std::size_t positions = ov::shape_size(x.to_shape()) / inputs;
  return Candidate{node,
                   product->input_value(0),
                   {sparse::LinearShape{inputs, positions}, outputs, 1},
                   std::move(*weights),
                   x.size() - 1};
}

std::optional<Candidate> convolution_candidate(const NodePtr& node) {
  const bool grouped = ov::is_type<ov::op::v1::GroupConvolution>(node);
  if (!grouped && !ov::is_type<ov::op::v1::Convolution>(node)) return std::nullopt;
  const auto conv = ov::as_type_ptr<ov::op::util::ConvolutionFwdPropBase>(node);
  if (conv == nullptr || conv->get_output_element_type(0) != ov::element::f32) return std::nullopt;
  const ov::PartialShape &x = conv->get_input_partial_shape(0), &w = conv->get_input_partial_shape(1);
  if (x.is_dynamic() || w.is_dynamic() || (x.size() != 3 && x.size() != 4)) return std::nullopt;
  // A convolution over time is one over images of one row, along which nothing strides.
  const bool flat = x.size() == 3;
  const auto along = [&](const auto& values, std::size_t axis) {
    return flat ? (axis == 0 ? static_cast<std::ptrdiff_t>(-1) : static_cast<std::ptrdiff_t>(values[0]))
                : static_cast<std::ptrdiff_t>(values[axis]);
  };
  const auto same = [&](const auto& values) { return flat || values[0] == values[1]; };
  const ov::CoordinateDiff &begin = conv->get_pads_begin(), &end = conv->get_pads_end();
  const auto negative = [](std::ptrdiff_t pad) { return pad < 0; };
  if (!same(conv->get_strides()) || !same(conv->get_dilations()) || std::any_of(begin.begin(), begin.end(), negative) ||
      std::any_of(end.begin(), end.end(), negative)) {
    return std::nullopt;
  }
  auto weights = weights_of(conv->input_value(1), {0, grouped ? 2 : 1});
  if (!weights) return std::nullopt;
  const ov::Shape in = x.to_shape(), filter = w.to_shape();
  const auto pad = [&](const ov::CoordinateDiff& pads, std::size_t axis) {
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, along(pads, axis)));
  };
  const sparse::ConvolutionShape shape{.channels = in[1],
                                       .height = flat ? 1 : in[2],
                                       .width = in.back(),
                                       .kernel_height = flat ? 1 : *(filter.end() - 2),
                                       .kernel_width = filter.back(),
                                       .stride = conv->get_strides().back(),
                                       .dilation = conv->get_dilations().back(),
                                       .pad_top = pad(begin, 0),
                                       .pad_left = pad(begin, 1),
                                       .pad_bottom = pad(end, 0),
                                       .pad_right = pad(end, 1)};
  const std::size_t groups = grouped ? filter[0] : 1, outputs = grouped ? filter[0] * filter[1] : filter[0];
  return Candidate{node, conv->input_value(0), {shape, outputs, groups}, std::move(*weights), 1};
}

// The one operator that reads the result of `node`, if there is one.
NodePtr only_reader(const NodePtr& node) {
  const auto readers = node->output(0).get_target_inputs();
  return readers.size() == 1 ? readers.begin()->get_node()->shared_from_this() : nullptr;
}

// The other operand of an addition that `node` takes part in.
std::optional<ov::Output<ov::Node>> added_to(const NodePtr& node, const NodePtr& reader) {
  const auto sum = ov::as_type_ptr<ov::op::v1::Add>(reader);
  if (sum == nullptr || sum->get_output_partial_shape(0) != node->get_output_partial_shape(0)) return std::nullopt;
  return sum->input_value(sum->get_input_node_ptr(0) == node.get() ? 1 : 0);
}

/// What follows a layer and becomes part of it.
struct Tail {
  NodePtr last;
  std::optional<std::vector<float>> bias;
  std::optional<ov::Output<ov::Node>> residual;
  bool relu = false;
};

// One number per output, in the shape that an addition to the result wants.
std::optional<std::vector<float>> bias_of(const ov::Output<ov::Node>& value, const Candidate& layer) {
  if (value.get_partial_shape().is_dynamic()) return std::nullopt;
  const ov::Shape& shape = value.get_shape();
  const std::size_t rank = layer.node->get_output_partial_shape(0).size();
  if (shape.size() > rank || ov::shape_size(shape) != layer.shape.outputs) return std::nullopt;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (*(shape.begin() + static_cast<std::ptrdiff_t>(axis)) != 1 && axis + rank - shape.size() != layer.channel_axis)
      return std::nullopt;
  }
  return constant_of(value);
}

Tail tail_of(const Candidate& layer) {
  Tail tail{layer.node, {}, {}, false};
  for (;;) {
    const NodePtr reader = only_reader(tail.last);
    if (reader == nullptr || tail.relu) return tail;
    if (ov::is_type<ov::op::v0::Relu>(reader)) {
      tail.relu = true;
      tail.last = reader;
      continue;
    }
    const auto other = added_to(tail.last, reader);
    if (!other) return tail;
    auto bias = tail.bias || tail.residual ? std::nullopt : bias_of(*other, layer);
    const bool same = other->get_partial_shape() == tail.last->get_output_partial_shape(0);
    if (bias) {
      tail.bias = std::move(bias);
    } else if (same && !tail.residual && other->get_element_type() == ov::element::f32) {
      tail.residual = other;
    } else {
      return tail;
    }
    tail.last = reader;
  }
}

// Takes the quantization in front of a layer into it, if it is the same for all numbers and leaves the range as it is.
void take_quantization(Candidate& candidate) {
  const auto fake = ov::as_type_ptr<ov::op::v0::FakeQuantize>(candidate.x.get_node_shared_ptr());
  if (fake == nullptr || fake->get_input_element_type(0) != ov::element::f32 || fake->get_levels() < 2) return;
  float range[4];
  for (std::size_t k = 0; k < 4; ++k) {
    const auto bound = constant_of(fake->input_value(k + 1));
    if (!bound || bound->size() != 1) return;
    range[k] = bound->front();
  }
  const auto& [low, high, out_low, out_high] = range;
  const float step = (high - low) / static_cast<float>(fake->get_levels() - 1);
  const auto same = [&](float a, float b) { return std::abs(a - b) <= 1e-4F * step; };
  constexpr std::size_t kMostLevels = std::size_t{1} << 24;  // whole numbers that a float can tell apart
  if (!(step > 0) || !std::isfinite(step) || fake->get_levels() > kMostLevels) return;
  if (!same(low, out_low) || !same(high, out_high)) return;
  candidate.quantization = {low, step, static_cast<std::uint32_t>(fake->get_levels())};
  candidate.x = fake->input_value(0);
}

// The layer with its weights as floats, and with quantized ones as bytes too if the input is quantized.
Result<std::vector<SparseLayer>> compress(const Candidate& candidate) {
  const LayerShape& shape = candidate.shape;
  const auto* c = std::get_if<sparse::ConvolutionShape>(&shape.of);
  const std::optional<sparse::ConvolutionShape> convolution = c == nullptr ? std::nullopt : std::optional(*c);
  const sparse::Layout layout = sparse::kernels::layout();
  const auto layer_of = [&](sparse::Matrix matrix) -> Result<SparseLayer> {
    SL_ASSIGN_OR_RETURN(sparse::Weights weights, sparse::Weights::make(std::move(matrix), candidate.quantization));
    return SparseLayer::make(std::move(weights), convolution);
  };
  const LayerWeights& w = candidate.weights;
  const std::size_t inputs = shape.inputs() * shape.groups;
  std::vector<SparseLayer> layers;
  SL_ASSIGN_OR_RETURN(auto floats, sparse::Matrix::compress(w.values, shape.outputs, inputs, layout, shape.groups));
  SL_ASSIGN_OR_RETURN(SparseLayer of_floats, layer_of(std::move(floats)));
  layers.push_back(std::move(of_floats));
  if (w.integers.empty() || !candidate.quantization || candidate.quantization->levels > 256) return layers;
  // Not if sums might overflow, or no byte stands for the 0 that pads.
  auto bytes = sparse::Matrix::compress(w.integers, w.scales, shape.outputs, inputs, layout, shape.groups);
  if (!bytes.ok()) return layers;
  auto of_bytes = layer_of(std::move(bytes).value());
  if (of_bytes.ok()) layers.push_back(std::move(of_bytes).value());
  return layers;
}

// Measures layers as they would run alone, dense and sparse in turn.
class Measurement {
 public:
  explicit Measurement(int threads) : threads_(threads), arena_(threads), for_each_(for_each_on(threads)) {}

  /// The fastest of `layers`, if one is faster than the dense layer.
  Result<std::optional<SparseLayer>> fastest(const Candidate& candidate, const std::vector<SparseLayer>& layers) {
    SL_ASSIGN_OR_RETURN(Dense * dense, dense_of(candidate));
    const auto* in = reinterpret_cast<const float*>(dense->x.data());
    auto* out = reinterpret_cast<float*>(dense->y.data());
    ov::Shape in_shape = candidate.x.get_shape();
    if (layers.front().convolution() != nullptr) in_shape.front() = 1;  // the dense layer has one image too
    std::vector<std::vector<double>> ratios(layers.size());
    for (int round = -1; round < kRounds; ++round) {
      const auto start = Clock::now();
      SL_RETURN_IF_ERROR(dense->session->run());
      auto last = Clock::now();
      const Seconds taken_dense = last - start;
      for (std::size_t k = 0; k < layers.size(); ++k) {
        arena_.execute([&] { layers[k].run(in, in_shape, {.bias = dense->bias.data()}, out, for_each_); });
        const auto end = Clock::now();
        if (round >= 0) ratios[k].push_back(Seconds(end - last) / taken_dense);
        last = end;
      }
    }
    std::optional<SparseLayer> best;
    double least = kMostRatio;
    for (std::size_t k = 0; k < layers.size(); ++k) {
      const double ratio = quartiles(std::move(ratios[k])).median;
      if (ratio >= least) continue;
      least = ratio;
      best = layers[k];
    }
    return best;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kRounds = 5;
  // In the graph a dense layer is spared what a sparse one may cost: a call of the plugin, a change of layout, an
  // activation that only OpenVINO fuses.
  static constexpr double kMostRatio = 0.8;

  /// A dense layer, ready to run on zeros.
  struct Dense {
    HostBuffer x, y;
    std::vector<float> bias;
    std::unique_ptr<Executable> executable;
    std::unique_ptr<Session> session;
  };

  // Compiled once for all layers of a shape: what the weights are makes no difference to it.
  Result<Dense*> dense_of(const Candidate& candidate) {
    const auto precision =
        candidate.weights.integers.empty() || !candidate.quantization ? LayerPrecision::kF32 : LayerPrecision::kI8;
    const LayerShape& shape = candidate.shape;
    Dense& dense = dense_[{shape, precision}];
    if (dense.session != nullptr) return &dense;
    dense.x = HostBuffer(shape.x_elements() * sizeof(float));
    dense.y = HostBuffer(shape.y_elements() * sizeof(float));
    dense.bias.resize(shape.outputs);
    CompileOptions options;
    options.threads = threads_;
    SL_ASSIGN_OR_RETURN(dense.executable,
                        compile_dense_layer(shape, candidate.weights.values, dense.bias, precision, options));
    SL_ASSIGN_OR_RETURN(auto session, dense.executable->new_session());
    SL_RETURN_IF_ERROR(session->bind_input(0, dense.x.span()));
    SL_RETURN_IF_ERROR(session->bind_output(0, dense.y.span()));
    dense.session = std::move(session);
    return &dense;
  }

  int threads_;
  tbb::task_arena arena_;
  sparse::ForEach for_each_;
  std::map<std::pair<LayerShape, LayerPrecision>, Dense> dense_;
};

// A layer whose weights are mapped from `folder`, where they are written if they are not there.
Result<std::pair<SparseLayer, std::filesystem::path>> keep(const SparseLayer& layer,
                                                           const std::filesystem::path& folder) {
  if (folder.empty()) return std::pair(layer, std::filesystem::path());
  const sparse::Weights& weights = layer.weights();
  const std::filesystem::path file = folder / fmt::format("{}.weights", weights.matrix().digest());
  auto mapped = sparse::Matrix::open(file, sparse::kernels::layout());
  if (!mapped.ok() || mapped->digest() != weights.matrix().digest()) {  // absent, damaged or another layer's
    SL_RETURN_IF_ERROR(weights.matrix().save(file));
    mapped = sparse::Matrix::open(file, sparse::kernels::layout());
    if (!mapped.ok()) return mapped.status();
  }
  SL_ASSIGN_OR_RETURN(sparse::Weights kept, sparse::Weights::make(std::move(mapped).value(), weights.quantization()));
  const auto* shape = layer.convolution();
  SL_ASSIGN_OR_RETURN(SparseLayer again,
                      SparseLayer::make(std::move(kept), shape == nullptr ? std::nullopt : std::optional(*shape)));
  return std::pair(std::move(again), file);
}

Status replace(const Candidate& candidate, const SparseLayer& layer, const SparseLayersWanted& wanted,
               const ov::ParameterVector& unread) {
  const Tail tail = tail_of(candidate);
  const std::vector<float> bias = tail.bias.value_or(std::vector<float>(candidate.shape.outputs));
  ov::OutputVector inputs{candidate.x, Constant::create(ov::element::f32, {bias.size()}, bias)};
  if (tail.residual) inputs.push_back(*tail.residual);
  SL_ASSIGN_OR_RETURN(auto kept, keep(layer, wanted.folder));
  if (!unread.empty()) inputs.push_back(unread.front());
  const auto op = std::make_shared<SparseOp>(
      inputs, std::move(kept.first),
      SparseOp::Options{std::move(kept.second), tail.residual.has_value(), tail.relu, wanted.threads});
  op->set_friendly_name(tail.last->get_friendly_name());
  op->output(0).set_names(tail.last->output(0).get_names());
  ov::replace_node(tail.last, op);
  return {};
}

}  // namespace

Result<std::size_t> use_sparse_layers(ov::Model& model, const SparseLayersWanted& wanted) {
  const auto nodes = model.get_ordered_ops();
  const bool quantized = std::any_of(nodes.begin(), nodes.end(), [](const NodePtr& node) {
    return ov::is_type<ov::op::v0::FakeQuantize>(node);  // low-precision passes will run: see SparseOp
  });
  const ov::ParameterVector unread = quantized ? model.get_parameters() : ov::ParameterVector();
  std::size_t replaced = 0;
  Measurement measurement(wanted.threads);
  for (const NodePtr& node : nodes) {
    auto candidate = linear_candidate(node);
    if (!candidate) candidate = convolution_candidate(node);
    if (!candidate || sparsity(candidate->weights.values) < kLeastSparsity) continue;
    take_quantization(*candidate);
    const bool runs_as_integers =
        !candidate->weights.integers.empty() && ov::is_type<ov::op::v0::FakeQuantize>(candidate->x.get_node());
    if (runs_as_integers) continue;  // quantized in a way that sparse layers do not know
    const auto layers = compress(*candidate);
    if (!layers.ok()) continue;  // too large
    std::optional<SparseLayer> chosen = layers->back();
    if (wanted.which == SparseLayers::kWhereFaster) {
      SL_ASSIGN_OR_RETURN(chosen, measurement.fastest(*candidate, *layers));
    }
    if (!chosen) continue;
    SL_RETURN_IF_ERROR(replace(*candidate, *chosen, wanted, unread));
    ++replaced;
  }
  return replaced;
}

}  // namespace sparseloom::backend
