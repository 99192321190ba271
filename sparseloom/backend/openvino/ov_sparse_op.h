// Private to this folder: the operator that ov_sparse.cpp puts into a graph.
#pragma once

#include <filesystem>
#include <memory>
#include <openvino/op/op.hpp>
#include <optional>
#include <variant>
#include <vector>

#include "sparseloom/backend/sparse/layers.h"

namespace sparseloom::backend {

/// A layer of backend/sparse, ready to run. Shared: copies of a graph do not copy weights.
class SparseLayer {
 public:
  /// For a linear layer `shape` is empty.
  static Result<SparseLayer> make(sparse::Weights weights, const std::optional<sparse::ConvolutionShape>& shape);

  const sparse::Weights& weights() const;
  /// Null for a linear layer.
  const sparse::ConvolutionShape* convolution() const;
  /// x as OpenVINO has it: any leading dimensions, then the inputs; or images x channels x height x width, or images x
  /// channels x width.
  void run(const float* x, const ov::Shape& shape, const sparse::kernels::Epilogue& epilogue, float* y,
           const sparse::ForEach& for_each) const;

 private:
  template <typename Layer>
  explicit SparseLayer(Layer layer) : layer_(std::make_shared<const Layer>(std::move(layer))) {}
  std::variant<std::shared_ptr<const sparse::Linear>, std::shared_ptr<const sparse::Convolution>> layer_;
};

/// The layer as an operator. Inputs: x; the bias, one number per output; the residual if there is one, shaped like the
/// output, all f32; and maybe one more, which is not read: an input of the model. (OpenVINO's low-precision passes
/// search a node's ancestors for the nearest of those, and do not remember where they have been: in a residual network
/// without such short cuts they would take for ever.) A CPU plugin calls evaluate() for what it does not know, on the
/// inferring thread.
class SparseOp final : public ov::op::Op {
 public:
  OPENVINO_OP("SparseLayer", "sparseloom")

  /// What a compiled graph is read from; visit_attributes() fills it and throws if the weights cannot be opened.
  SparseOp() = default;
  struct Options {
    std::filesystem::path weights;  ///< the file that holds the layer's weights, if there is one
    bool residual = false;
    bool relu = false;
    int threads = 1;
  };
  SparseOp(const ov::OutputVector& inputs, SparseLayer layer, Options options);

  void validate_and_infer_types() override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool has_evaluate() const override { return true; }
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;

 private:
  std::optional<SparseLayer> layer_;
  Options options_;
  sparse::ForEach for_each_;
};

}  // namespace sparseloom::backend
