#pragma once

#include <cstdint>
#include <vector>

#include "sparseloom/backend/sparse/kernels.h"
#include "sparseloom/base/tensor.h"

namespace sparseloom::backend::sparse {

/// Memory that layers work in; grows to what the largest needs. One per thread.
class Scratch {
 public:
  /// Each call may move what earlier ones returned for the same purpose. 64-byte aligned.
  float* panel(std::size_t floats) { return at_least(panel_, floats); }
  float* sums(std::size_t floats) { return at_least(sums_, floats); }
  float* image(std::size_t floats) { return at_least(image_, floats); }

 private:
  static float* at_least(HostBuffer& buffer, std::size_t floats);
  HostBuffer panel_, sums_, image_;
};

/// A linear layer applied to each of some positions (the tokens of all sequences of a batch).
struct LinearShape {
  std::size_t inputs = 1, positions = 1;
};

/// y = x·Wᵀ, with bias, residual and ReLU. Immutable, thread-safe.
class Linear {
 public:
  explicit Linear(Matrix weights) : weights_(std::move(weights)) {}

  /// x is positions x inputs, y and the residual positions x outputs, row-major. y overlaps neither.
  /// O(non-zeros · positions).
  void run(const float* x, std::size_t positions, const kernels::Epilogue& epilogue, float* y, Scratch& scratch) const;
  const Matrix& weights() const { return weights_; }

 private:
  Matrix weights_;
};

/// A two-dimensional convolution. Extents in elements, not zero but for the padding.
struct ConvolutionShape {
  std::size_t channels = 1, height = 1, width = 1;  ///< of the input
  std::size_t kernel_height = 1, kernel_width = 1;
  std::size_t stride = 1, dilation = 1;
  std::size_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;

  std::size_t out_height() const { return extent(height, kernel_height, pad_top + pad_bottom); }
  std::size_t out_width() const { return extent(width, kernel_width, pad_left + pad_right); }

 private:
  std::size_t extent(std::size_t in, std::size_t kernel, std::size_t pad) const {
    const std::size_t reach = dilation * (kernel - 1) + 1;
    return in + pad < reach ? 0 : (in + pad - reach) / stride + 1;
  }
};

/// A convolution, with bias, residual and ReLU. Immutable, thread-safe.
class Convolution {
 public:
  /// The columns of `weights` are channels x kernel_height x kernel_width, as frameworks store filters.
  /// kInvalidArgument: numbers that do not match, a zero extent, a padded image of 2^31 numbers or more.
  static Result<Convolution> make(Matrix weights, const ConvolutionShape& shape);

  /// x is images x channels x height x width, y and the residual images x outputs x out_height x out_width. y overlaps
  /// neither. O(non-zeros · output pixels).
  void run(const float* x, std::size_t images, const kernels::Epilogue& epilogue, float* y, Scratch& scratch) const;
  const Matrix& weights() const { return weights_; }
  const ConvolutionShape& shape() const { return shape_; }

 private:
  Convolution(Matrix weights, const ConvolutionShape& shape);
  void run_pointwise(const float* x, const kernels::Epilogue& epilogue, float* y, Scratch& scratch) const;
  void run_windows(const float* x, const kernels::Epilogue& epilogue, float* y, Scratch& scratch) const;
  void fill_phases(const float* image, float* pixels) const;
  void fill_phase(const float* channel, std::size_t row, std::size_t column, float* to) const;

  Matrix weights_;
  ConvolutionShape shape_;
  bool pointwise_;
  // The padded image, sorted into stride x stride phases: one for every remainder that rows and columns leave when
  // divided by the stride. In a phase, what one tap of a filter sees from neighbouring output pixels are neighbours
  // too, whatever the stride; so output pixels are counted along the rows of a phase, and a few between rows mean
  // nothing.
  std::size_t rows_, pitch_;            // of a phase
  std::vector<std::uint32_t> offsets_;  // by input: where its first pixel lies in the phases
};

}  // namespace sparseloom::backend::sparse
