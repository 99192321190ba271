#include "sparseloom/backend/openvino/ov_sparse_op.h"

#include <fmt/format.h>

namespace sparseloom::backend {
namespace {

std::string identity_of(const sparse::Convolution& layer) {
  const sparse::ConvolutionShape& s = layer.shape();
  return fmt::format("{} {}x{}x{} filter {}x{} stride {} dilation {} pads {},{},{},{}", layer.weights().digest(),
                     s.channels, s.height, s.width, s.kernel_height, s.kernel_width, s.stride, s.dilation, s.pad_top,
                     s.pad_left, s.pad_bottom, s.pad_right);
}

}  // namespace

bool SparseOp::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  thread_local sparse::Scratch scratch;  // of the largest layer that this thread has run
  outputs[0].set_shape(output_shape(inputs[0].get_shape()));
  const sparse::kernels::Epilogue epilogue{.bias = inputs[1].data<const float>(),
                                           .residual = inputs.size() > 2 ? inputs[2].data<const float>() : nullptr,
                                           .relu = relu_};
  run(inputs[0], epilogue, outputs[0].data<float>(), scratch);
  return true;
}

bool SparseOp::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("layer", identity_);
  visitor.on_attribute("relu", relu_);
  return true;
}

void SparseOp::validate_and_infer_types() { set_output_type(0, ov::element::f32, output_shape(get_input_shape(0))); }

SparseLinear::SparseLinear(const ov::OutputVector& inputs, std::shared_ptr<const sparse::Linear> layer, bool relu)
    : SparseOp(inputs, std::string(layer->weights().digest()), relu), layer_(std::move(layer)) {
  constructor_validate_and_infer_types();
}

std::shared_ptr<ov::Node> SparseLinear::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<SparseLinear>(inputs, layer_, relu());
}

ov::Shape SparseLinear::output_shape(const ov::Shape& x) const {
  ov::Shape shape = x;
  shape.back() = layer_->weights().outputs();
  return shape;
}

void SparseLinear::run(const ov::Tensor& x, const sparse::kernels::Epilogue& epilogue, float* y,
                       sparse::Scratch& scratch) const {
  layer_->run(x.data<const float>(), x.get_size() / layer_->weights().inputs(), epilogue, y, scratch);
}

SparseConvolution::SparseConvolution(const ov::OutputVector& inputs, std::shared_ptr<const sparse::Convolution> layer,
                                     bool relu)
    : SparseOp(inputs, identity_of(*layer), relu), layer_(std::move(layer)) {
  constructor_validate_and_infer_types();
}

std::shared_ptr<ov::Node> SparseConvolution::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<SparseConvolution>(inputs, layer_, relu());
}

ov::Shape SparseConvolution::output_shape(const ov::Shape& x) const {
  ov::Shape shape = x;
  shape[1] = layer_->weights().outputs();
  shape.back() = layer_->shape().out_width();
  if (shape.size() == 4) shape[2] = layer_->shape().out_height();
  return shape;
}

void SparseConvolution::run(const ov::Tensor& x, const sparse::kernels::Epilogue& epilogue, float* y,
                            sparse::Scratch& scratch) const {
  layer_->run(x.data<const float>(), x.get_shape().front(), epilogue, y, scratch);
}

}  // namespace sparseloom::backend
