#include "sparseloom/backend/openvino/ov_sparse.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <openvino/core/graph_util.hpp>
#include <openvino/op/add.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/relu.hpp>
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

/// A layer that might be replaced.
struct Candidate {
  NodePtr node;
  ov::Output<ov::Node> x;
  LayerShape shape;
  std::vector<float> weights;  // outputs x inputs
  std::size_t channel_axis;    // of the result: where the outputs are
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
  auto weights = constant_of(product->input_value(1));
  if (!weights || weights->empty()) return std::nullopt;
  std::size_t outputs = w.to_shape()[0], inputs = w.to_shape()[1];
  if (!product->get_transpose_b()) {
    std::swap(outputs, inputs);
    std::vector<float> transposed(weights->size());
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t o = 0; o < outputs; ++o) transposed[o * inputs + i] = (*weights)[i * outputs + o];
    }
    weights = std::move(transposed);
  }
  const std::size_t positions = ov::shape_size(x.to_shape()) / inputs;
  return Candidate{node,
                   product->input_value(0),
                   {sparse::LinearShape{inputs, positions}, outputs},
                   std::move(*weights),
                   x.size() - 1};
}

std::optional<Candidate> convolution_candidate(const NodePtr& node) {
  const auto conv = ov::as_type_ptr<ov::op::v1::Convolution>(node);
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
  auto weights = constant_of(conv->input_value(1));
  if (!weights || weights->empty()) return std::nullopt;
  const ov::Shape in = x.to_shape(), filter = w.to_shape();
  const auto pad = [&](const ov::CoordinateDiff& pads, std::size_t axis) {
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, along(pads, axis)));
  };
  const sparse::ConvolutionShape shape{.channels = in[1],
                                       .height = flat ? 1 : in[2],
                                       .width = in.back(),
                                       .kernel_height = flat ? 1 : filter[2],
                                       .kernel_width = filter.back(),
                                       .stride = conv->get_strides().back(),
                                       .dilation = conv->get_dilations().back(),
                                       .pad_top = pad(begin, 0),
                                       .pad_left = pad(begin, 1),
                                       .pad_bottom = pad(end, 0),
                                       .pad_right = pad(end, 1)};
  return Candidate{node, conv->input_value(0), {shape, filter[0]}, std::move(*weights), 1};
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

/// A layer of backend/sparse, ready.
using SparseLayer = std::variant<std::shared_ptr<const sparse::Linear>, std::shared_ptr<const sparse::Convolution>>;

Result<SparseLayer> compress(const Candidate& candidate) {
  const LayerShape& shape = candidate.shape;
  SL_ASSIGN_OR_RETURN(auto matrix, sparse::Matrix::compress(candidate.weights, shape.outputs, shape.inputs(),
                                                            sparse::kernels::panel_width()));
  if (std::holds_alternative<sparse::LinearShape>(shape.of)) {
    return SparseLayer(std::make_shared<const sparse::Linear>(std::move(matrix)));
  }
  SL_ASSIGN_OR_RETURN(auto layer,
                      sparse::Convolution::make(std::move(matrix), std::get<sparse::ConvolutionShape>(shape.of)));
  return SparseLayer(std::make_shared<const sparse::Convolution>(std::move(layer)));
}

// Measures layers as they would run alone, dense and sparse in turn.
class Measurement {
 public:
  explicit Measurement(int threads) : threads_(threads) {}

  Result<bool> faster_sparse(const Candidate& candidate, const SparseLayer& layer) {
    const LayerShape& shape = candidate.shape;
    HostBuffer x(shape.x_elements() * sizeof(float)), y(shape.y_elements() * sizeof(float));
    const std::vector<float> bias(shape.outputs);
    CompileOptions options;
    options.threads = threads_;
    SL_ASSIGN_OR_RETURN(const auto dense,
                        compile_dense_layer(shape, candidate.weights, bias, LayerPrecision::kF32, options));
    SL_ASSIGN_OR_RETURN(const auto session, dense->new_session());
    SL_RETURN_IF_ERROR(session->bind_input(0, x.span()));
    SL_RETURN_IF_ERROR(session->bind_output(0, y.span()));
    const auto* in = reinterpret_cast<const float*>(x.data());
    auto* out = reinterpret_cast<float*>(y.data());
    std::vector<double> ratios;
    for (int round = -1; round < kRounds; ++round) {
      const auto start = Clock::now();
      SL_RETURN_IF_ERROR(session->run());
      const auto between = Clock::now();
      if (const auto* linear = std::get_if<std::shared_ptr<const sparse::Linear>>(&layer)) {
        (*linear)->run(in, shape.positions(), {.bias = bias.data()}, out, scratch_);
      } else {
        std::get<std::shared_ptr<const sparse::Convolution>>(layer)->run(in, 1, {.bias = bias.data()}, out, scratch_);
      }
      const auto end = Clock::now();
      if (round >= 0) ratios.push_back(Seconds(end - between) / Seconds(between - start));
    }
    return quartiles(std::move(ratios)).median < kMostRatio;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kRounds = 5;
  // In the graph a dense layer is spared what a sparse one may cost: a call of the plugin, a change of layout, an
  // activation that only OpenVINO fuses.
  static constexpr double kMostRatio = 0.8;

  int threads_;
  sparse::Scratch scratch_;
};

void replace(const Candidate& candidate, const Tail& tail, const SparseLayer& layer) {
  const std::vector<float> bias = tail.bias.value_or(std::vector<float>(candidate.shape.outputs));
  ov::OutputVector inputs{candidate.x, Constant::create(ov::element::f32, {bias.size()}, bias)};
  if (tail.residual) inputs.push_back(*tail.residual);
  NodePtr op;
  if (const auto* linear = std::get_if<std::shared_ptr<const sparse::Linear>>(&layer)) {
    op = std::make_shared<SparseLinear>(inputs, *linear, tail.relu);
  } else {
    op = std::make_shared<SparseConvolution>(inputs, std::get<std::shared_ptr<const sparse::Convolution>>(layer),
                                             tail.relu);
  }
  op->set_friendly_name(tail.last->get_friendly_name());
  op->output(0).set_names(tail.last->output(0).get_names());
  ov::replace_node(tail.last, op);
}

}  // namespace

Result<std::size_t> use_sparse_layers(ov::Model& model, SparseLayers wanted, int threads) {
  std::size_t replaced = 0;
  Measurement measurement(threads);
  for (const NodePtr& node : model.get_ordered_ops()) {
    auto candidate = linear_candidate(node);
    if (!candidate) candidate = convolution_candidate(node);
    if (!candidate || sparsity(candidate->weights) < kLeastSparsity) continue;
    SL_ASSIGN_OR_RETURN(const SparseLayer layer, compress(*candidate));
    if (wanted == SparseLayers::kWhereFaster) {
      SL_ASSIGN_OR_RETURN(const bool faster, measurement.faster_sparse(*candidate, layer));
      if (!faster) continue;
    }
    replace(*candidate, tail_of(*candidate), layer);
    ++replaced;
  }
  return replaced;
}

}  // namespace sparseloom::backend
