#pragma once

#include <span>
#include <vector>

#include "sparseloom/backend/sparse/kernels.h"
#include "sparseloom/base/tensor.h"

namespace sparseloom::backend::sparse {

/// Memory that a layer works in; grows to what the largest layer needs. One per thread.
class Scratch {
 public:
  /// Room for a block of a panel, and for the sums of a panel.
  struct Room {
    float* panel;
    float* sums;
  };
  Room room(const Matrix& weights);

 private:
  HostBuffer panel_, sums_;
};

/// A linear layer applied to each of some positions (tokens of all sequences of a batch).
struct LinearShape {
  std::size_t inputs = 1, positions = 1;
};

/// y = x·Wᵀ + bias, then residual and ReLU. x is positions x inputs, y (and the residual) positions x outputs, both
/// row-major; they may be the same memory as no other. `bias` is empty or has one number per output. Thread-safe.
void linear(const Matrix& weights, std::span<const float> bias, const float* x, std::size_t positions,
            const kernels::Finish& finish, float* y, Scratch& scratch);

/// A two-dimensional convolution of one image. Extents in elements.
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

/// Convolves `images` images x (images x channels x height x width) into y (images x outputs x out_height x out_width);
/// residual and y have the same layout. The columns of `weights` are channels x kernel_height x kernel_width, as a
/// framework stores a filter. Thread-safe.
void convolve(const Matrix& weights, std::span<const float> bias, const ConvolutionShape& shape, const float* x,
              std::size_t images, const kernels::Finish& finish, float* y, Scratch& scratch);

}  // namespace sparseloom::backend::sparse
