#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "sparseloom/backend/sparse/kernels.h"

namespace sparseloom::backend::sparse {

/// A layer's weights, and how its input is quantized if it is. Immutable.
class Weights {
 public:
  /// kInvalidArgument: weights of kI8 without a quantization to 2..256 levels; a quantization to less than 2 levels, or
  /// with a range that is empty or not finite.
  static Result<Weights> make(Matrix matrix, std::optional<kernels::Quantization> quantization = {});

  const Matrix& matrix() const { return matrix_; }
  const std::optional<kernels::Quantization>& quantization() const { return quantization_; }
  /// The input is multiplied as bytes.
  bool of_bytes() const { return matrix_.kind() == Entries::kI8; }

  /// What finishes the sums of these weights; `bias` is memory for one number per output that lives as long.
  kernels::Finish finish(const kernels::Epilogue& epilogue, float* bias) const;

 private:
  Weights(Matrix matrix, std::optional<kernels::Quantization> quantization);

  Matrix matrix_;
  std::optional<kernels::Quantization> quantization_;
  // Of bytes, per output: what a sum of 1 stands for, and what a sum of 0 does.
  std::vector<float> scales_, offsets_;
};

/// Runs task(0), ..., task(count - 1) on the calling thread and any others, and returns when all are done. While it
/// waits it runs nothing else on the calling thread. Empty: one after the other, on the calling thread alone.
using ForEach = std::function<void(std::size_t count, const std::function<void(std::size_t)>& task)>;

/// A linear layer applied to each of some positions (the tokens of all sequences of a batch).
struct LinearShape {
  std::size_t inputs = 1, positions = 1;
  auto operator<=>(const LinearShape&) const = default;
};

/// y = x·Wᵀ, with bias, residual and ReLU. Immutable, thread-safe.
class Linear {
 public:
  explicit Linear(Weights weights) : weights_(std::move(weights)) {}

  /// x is positions x inputs, y and the residual positions x outputs, row-major. y overlaps neither. Panels are the
  /// tasks of `for_each`; each thread keeps the memory that it works in. O(non-zeros · positions).
  void run(const float* x, std::size_t positions, const kernels::Epilogue& epilogue, float* y,
           const ForEach& for_each = {}) const;
  const Weights& weights() const { return weights_; }

 private:
  const float* quantized(const float* x, std::size_t positions) const;
  Weights weights_;
};

/// A two-dimensional convolution. Extents in elements, not zero but for the padding.
struct ConvolutionShape {
  std::size_t channels = 1, height = 1, width = 1;  ///< of the input
  std::size_t kernel_height = 1, kernel_width = 1;
  std::size_t stride = 1, dilation = 1;
  std::size_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;

  std::size_t out_height() const { return extent(height, kernel_height, pad_top + pad_bottom); }
  auto operator<=>(const ConvolutionShape&) const = default;
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
  /// kInvalidArgument: numbers that do not match, a zero extent, a padded image of 2^31 numbers or more; padding where
  /// a byte cannot stand for 0.
  static Result<Convolution> make(Weights weights, const ConvolutionShape& shape);

  /// x is images x channels x height x width, y and the residual images x outputs x out_height x out_width. y overlaps
  /// neither. `for_each` as for Linear. O(non-zeros · output pixels).
  void run(const float* x, std::size_t images, const kernels::Epilogue& epilogue, float* y,
           const ForEach& for_each = {}) const;
  const Weights& weights() const { return weights_; }
  const ConvolutionShape& shape() const { return shape_; }

 private:
  Convolution(Weights weights, const ConvolutionShape& shape);
  void run_image(const float* x, const kernels::Finish& finish, float* y, const ForEach& for_each) const;
  const float* quantized(const float* image) const;
  const float* phases(const float* image) const;
  void fill_phase(const float* channel, std::size_t row, std::size_t column, float* to) const;
  void unpack_rows(const void* sums, std::size_t first, std::size_t count, const kernels::Finish& finish,
                   float* y) const;

  Weights weights_;
  ConvolutionShape shape_;
  bool pointwise_;
  float padding_ = 0;  // what stands where the image does not reach: a number, or the bits of a level
  // The padded image, sorted into stride x stride phases: one for every remainder that rows and columns leave when
  // divided by the stride. In a phase, what one tap of a filter sees from neighbouring output pixels are neighbours
  // too, whatever the stride; so output pixels are counted along the rows of a phase, and a few between rows mean
  // nothing.
  std::size_t rows_, pitch_;            // of a phase
  std::vector<std::uint32_t> offsets_;  // by input: where its first pixel lies in the phases (pointwise: in the image)
};

}  // namespace sparseloom::backend::sparse
