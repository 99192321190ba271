// Private to this folder: the operators that ov_sparse.cpp puts into a graph.
#pragma once

#include <memory>
#include <openvino/op/op.hpp>
#include <string>

#include "sparseloom/backend/sparse/layers.h"

namespace sparseloom::backend {

/// A layer of backend/sparse as an operator. Inputs: x; the bias, one number per output; maybe the residual, shaped
/// like the output. All f32. A CPU plugin calls evaluate() for what it does not know, on the inferring thread. Clones
/// share the weights.
class SparseOp : public ov::op::Op {
 public:
  bool has_evaluate() const override { return true; }
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  void validate_and_infer_types() override;

 protected:
  /// `identity` names the layer, weights included: OpenVINO takes two operators of one type with equal inputs and equal
  /// attributes for one.
  SparseOp(const ov::OutputVector& inputs, std::string identity, bool relu)
      : Op(inputs), identity_(std::move(identity)), relu_(relu) {}
  bool relu() const { return relu_; }
  virtual ov::Shape output_shape(const ov::Shape& x) const = 0;
  virtual void run(const ov::Tensor& x, const sparse::kernels::Epilogue& epilogue, float* y,
                   sparse::Scratch& scratch) const = 0;

 private:
  std::string identity_;
  bool relu_;
};

/// x: any leading dimensions, then the inputs.
class SparseLinear final : public SparseOp {
 public:
  OPENVINO_OP("SparseLinear", "sparseloom")
  SparseLinear(const ov::OutputVector& inputs, std::shared_ptr<const sparse::Linear> layer, bool relu);
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;

 private:
  ov::Shape output_shape(const ov::Shape& x) const override;
  void run(const ov::Tensor& x, const sparse::kernels::Epilogue& epilogue, float* y,
           sparse::Scratch& scratch) const override;
  std::shared_ptr<const sparse::Linear> layer_;
};

/// x: images x channels x height x width, or images x channels x width.
class SparseConvolution final : public SparseOp {
 public:
  OPENVINO_OP("SparseConvolution", "sparseloom")
  SparseConvolution(const ov::OutputVector& inputs, std::shared_ptr<const sparse::Convolution> layer, bool relu);
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;

 private:
  ov::Shape output_shape(const ov::Shape& x) const override;
  void run(const ov::Tensor& x, const sparse::kernels::Epilogue& epilogue, float* y,
           sparse::Scratch& scratch) const override;
  std::shared_ptr<const sparse::Convolution> layer_;
};

}  // namespace sparseloom::backend
