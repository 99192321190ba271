#pragma once

#include <compare>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/backend/sparse/layers.h"

namespace sparseloom::backend {

/// One layer of a network.
struct LayerShape {
  std::variant<sparse::LinearShape, sparse::ConvolutionShape> of;
  std::size_t outputs = 1;
  /// Of a convolution: outputs and channels are cut into so many parts, and an output reads its part of the channels.
  std::size_t groups = 1;
  auto operator<=>(const LayerShape&) const = default;

  std::size_t inputs() const;      ///< weights per output
  std::size_t positions() const;   ///< results per output: tokens, or pixels of one image
  std::size_t x_elements() const;  ///< numbers that go in
  std::size_t y_elements() const { return outputs * positions(); }
};

enum class LayerPrecision { kF32, kI8 };

/// Shares tasks among the threads of the caller's TBB arena, as OpenVINO's layers do; empty for one thread.
sparse::ForEach for_each_on(int threads);

/// How the dense INT8 layer is quantized: weights to integers times a scale per output, the input to 256 levels.
/// Weights use half of their range: on a CPU without dot-product instructions OpenVINO's dense layers add products in
/// 16 bits and saturate beyond it.
struct QuantizedLayer {
  std::vector<std::int8_t> integers;  ///< outputs x inputs, -63..63
  std::vector<float> scales;
  sparse::kernels::Quantization x;  ///< linear: -2..2, convolution: 0..4
};
QuantizedLayer quantize_layer(const LayerShape& shape, std::span<const float> weights);

/// Compiles the layer with all its `weights` (outputs x inputs) and `bias` (one per output) on OpenVINO, as it would
/// run in a network: what sparse layers are compared with. Input and output are f32, laid out as sparse::Linear and
/// sparse::Convolution have them. kI8: as quantize_layer() has it. kInvalidArgument: sizes that do not match.
Result<std::unique_ptr<Executable>> compile_dense_layer(const LayerShape& shape, std::span<const float> weights,
                                                        std::span<const float> bias, LayerPrecision precision,
                                                        const CompileOptions& options);

}  // namespace sparseloom::backend
