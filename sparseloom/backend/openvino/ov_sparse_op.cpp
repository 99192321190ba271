#include "sparseloom/backend/openvino/ov_sparse_op.h"

#include <algorithm>
#include <bit>
#include <openvino/core/except.hpp>

#include "sparseloom/backend/layer_model.h"

namespace sparseloom::backend {
namespace {

using sparse::ConvolutionShape;
using sparse::kernels::Quantization;

// A shape as an attribute: its extents in the order in which they stand in the struct; none for a linear layer.
constexpr std::size_t ConvolutionShape::*kExtents[] = {
    &ConvolutionShape::channels,      &ConvolutionShape::height,       &ConvolutionShape::width,
    &ConvolutionShape::kernel_height, &ConvolutionShape::kernel_width, &ConvolutionShape::stride,
    &ConvolutionShape::dilation,      &ConvolutionShape::pad_top,      &ConvolutionShape::pad_left,
    &ConvolutionShape::pad_bottom,    &ConvolutionShape::pad_right};

std::vector<std::int64_t> to_attribute(const ConvolutionShape* shape) {
  std::vector<std::int64_t> extents;
  for (const auto extent : kExtents) {
    if (shape != nullptr) extents.push_back(static_cast<std::int64_t>(shape->*extent));
  }
  return extents;
}

Result<std::optional<ConvolutionShape>> shape_from(const std::vector<std::int64_t>& extents) {
  if (extents.empty()) return std::optional<ConvolutionShape>();
  const bool valid = extents.size() == std::size(kExtents) &&
                     std::all_of(extents.begin(), extents.end(), [](std::int64_t e) { return e >= 0; });
  if (!valid) return error(Code::kDataLoss, "sparse layer: {} extents of a convolution", extents.size());
  ConvolutionShape shape;
  for (std::size_t k = 0; k < extents.size(); ++k) shape.*kExtents[k] = static_cast<std::size_t>(extents[k]);
  return std::optional(shape);
}

// The same for how the input is quantized; the bits of its floats, because attributes become text.
std::vector<std::int64_t> to_attribute(const std::optional<Quantization>& to) {
  if (!to) return {};
  return {std::bit_cast<std::int32_t>(to->low), std::bit_cast<std::int32_t>(to->step), to->levels};
}

Result<std::optional<Quantization>> quantization_from(const std::vector<std::int64_t>& numbers) {
  if (numbers.empty()) return std::optional<Quantization>();
  if (numbers.size() != 3) return error(Code::kDataLoss, "sparse layer: {} numbers of a quantization", numbers.size());
  const auto number = [&](std::size_t k) { return std::bit_cast<float>(static_cast<std::int32_t>(numbers[k])); };
  return std::optional(Quantization{number(0), number(1), static_cast<std::uint32_t>(numbers[2])});
}

Result<SparseLayer> open(const std::filesystem::path& file, const std::vector<std::int64_t>& extents,
                         const std::vector<std::int64_t>& quantization) {
  SL_ASSIGN_OR_RETURN(sparse::Matrix matrix, sparse::Matrix::open(file, sparse::kernels::layout()));
  SL_ASSIGN_OR_RETURN(const auto to, quantization_from(quantization));
  SL_ASSIGN_OR_RETURN(sparse::Weights weights, sparse::Weights::make(std::move(matrix), to));
  SL_ASSIGN_OR_RETURN(const auto shape, shape_from(extents));
  return SparseLayer::make(std::move(weights), shape);
}

}  // namespace

Result<SparseLayer> SparseLayer::make(sparse::Weights weights, const std::optional<ConvolutionShape>& shape) {
  if (!shape) return SparseLayer(sparse::Linear(std::move(weights)));
  SL_ASSIGN_OR_RETURN(sparse::Convolution layer, sparse::Convolution::make(std::move(weights), *shape));
  return SparseLayer(std::move(layer));
}

const sparse::Weights& SparseLayer::weights() const {
  return std::visit([](const auto& layer) -> const sparse::Weights& { return layer->weights(); }, layer_);
}

const ConvolutionShape* SparseLayer::convolution() const {
  const auto* layer = std::get_if<std::shared_ptr<const sparse::Convolution>>(&layer_);
  return layer == nullptr ? nullptr : &(*layer)->shape();
}

void SparseLayer::run(const float* x, const ov::Shape& shape, const sparse::kernels::Epilogue& epilogue, float* y,
                      const sparse::ForEach& for_each) const {
  if (const auto* linear = std::get_if<std::shared_ptr<const sparse::Linear>>(&layer_)) {
    (*linear)->run(x, ov::shape_size(shape) / shape.back(), epilogue, y, for_each);
  } else {
    std::get<std::shared_ptr<const sparse::Convolution>>(layer_)->run(x, shape.front(), epilogue, y, for_each);
  }
}

SparseOp::SparseOp(const ov::OutputVector& inputs, SparseLayer layer, Options options)
    : Op(inputs), layer_(std::move(layer)), options_(std::move(options)), for_each_(for_each_on(options_.threads)) {
  constructor_validate_and_infer_types();
}

void SparseOp::validate_and_infer_types() {
  ov::Shape shape = get_input_shape(0);
  const sparse::Matrix& matrix = layer_->weights().matrix();
  const std::size_t outputs = matrix.outputs();
  OPENVINO_ASSERT(get_input_shape(1) == ov::Shape{outputs}, "sparse layer: a bias of another length");
  if (const ConvolutionShape* convolution = layer_->convolution()) {
    const bool fits =
        (shape.size() == 4 && shape[2] == convolution->height) || (shape.size() == 3 && convolution->height == 1);
    OPENVINO_ASSERT(fits && shape[1] == convolution->channels && shape.back() == convolution->width,
                    "sparse layer: an image of another shape");
    shape[1] = outputs;
    shape.back() = convolution->out_width();
    if (shape.size() == 4) shape[2] = convolution->out_height();
  } else {
    OPENVINO_ASSERT(!shape.empty() && shape.back() == matrix.inputs(), "sparse layer: another number of inputs");
    shape.back() = outputs;
  }
  OPENVINO_ASSERT(!options_.residual || get_input_shape(2) == shape, "sparse layer: a residual of another shape");
  set_output_type(0, ov::element::f32, shape);
}

// The digest stands for the weights: OpenVINO takes two operators of one type with equal inputs and equal attributes
// for one.
bool SparseOp::visit_attributes(ov::AttributeVisitor& visitor) {
  std::string file = options_.weights.string(), digest;
  std::int64_t threads = options_.threads;
  std::vector<std::int64_t> extents, quantization;
  if (layer_) {
    digest = layer_->weights().matrix().digest();
    extents = to_attribute(layer_->convolution());
    quantization = to_attribute(layer_->weights().quantization());
  }
  visitor.on_attribute("weights", file);
  visitor.on_attribute("digest", digest);
  visitor.on_attribute("convolution", extents);
  visitor.on_attribute("quantization", quantization);
  visitor.on_attribute("residual", options_.residual);
  visitor.on_attribute("relu", options_.relu);
  visitor.on_attribute("threads", threads);
  if (layer_) return true;
  options_.weights = file;
  options_.threads = static_cast<int>(threads);
  for_each_ = for_each_on(options_.threads);
  auto layer = open(file, extents, quantization);
  OPENVINO_ASSERT(layer.ok(), layer.status().message());
  OPENVINO_ASSERT(layer->weights().matrix().digest() == digest, file, ": other weights than these");
  layer_ = std::move(layer).value();
  return true;
}

std::shared_ptr<ov::Node> SparseOp::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<SparseOp>(inputs, *layer_, options_);
}

bool SparseOp::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  outputs[0].set_shape(get_output_shape(0));
  const sparse::kernels::Epilogue epilogue{.bias = inputs[1].data<const float>(),
                                           .residual = options_.residual ? inputs[2].data<const float>() : nullptr,
                                           .relu = options_.relu};
  layer_->run(inputs[0].data<const float>(), inputs[0].get_shape(), epilogue, outputs[0].data<float>(), for_each_);
  return true;
}

}  // namespace sparseloom::backend
