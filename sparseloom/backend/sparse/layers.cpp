#include "sparseloom/backend/sparse/layers.h"

#include <algorithm>

namespace sparseloom::backend::sparse {
namespace {

constexpr std::size_t kSlack = 256;  // packing reads whole vectors, and a last panel goes past the last pixel

// Panel by panel: `pack` puts a block of inputs into the panel, `unpack` takes the finished sums.
template <typename Pack, typename Unpack>
void multiply_all(const Matrix& weights, const float* bias, std::size_t positions, Scratch& scratch, const Pack& pack,
                  const Unpack& unpack) {
  const std::size_t width = weights.panel_width();
  float* panel = scratch.panel(inputs_per_block(width) * width);
  float* sums = scratch.sums(weights.outputs() * width);
  for (std::size_t first = 0; first < positions; first += width) {
    const std::size_t count = std::min(width, positions - first);
    for (std::size_t b = 0; b < weights.blocks().size(); ++b) {
      pack(weights.blocks()[b], first, count, panel);
      kernels::multiply(weights, b, panel, bias, count, sums);
    }
    unpack(sums, first, count);
  }
}

kernels::Epilogue shifted(const kernels::Epilogue& epilogue, std::size_t by) {
  return {epilogue.bias, epilogue.residual == nullptr ? nullptr : epilogue.residual + by, epilogue.relu};
}

bool is_pointwise(const ConvolutionShape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.stride == 1 && s.pad_top + s.pad_bottom == 0 &&
         s.pad_left + s.pad_right == 0;
}

std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit; }

// Some tap falls on rows (or columns) of this phase.
bool used(std::size_t phase, std::size_t taps, const ConvolutionShape& s) {
  for (std::size_t k = 0; k < taps; ++k) {
    if (k * s.dilation % s.stride == phase) return true;
  }
  return false;
}

}  // namespace

float* Scratch::at_least(HostBuffer& buffer, std::size_t floats) {
  if (buffer.size() < floats * sizeof(float)) buffer = HostBuffer(floats * sizeof(float));
  return reinterpret_cast<float*>(buffer.data());
}

void Linear::run(const float* x, std::size_t positions, const kernels::Epilogue& epilogue, float* y,
                 Scratch& scratch) const {
  const std::size_t inputs = weights_.inputs(), outputs = weights_.outputs();
  multiply_all(
      weights_, epilogue.bias, positions, scratch,
      [&](const Matrix::Block& block, std::size_t first, std::size_t count, float* panel) {
        kernels::pack_from_positions(x + first * inputs + block.first_input, inputs, block.inputs, count, panel);
      },
      [&](const float* sums, std::size_t first, std::size_t count) {
        const std::size_t at = first * outputs;
        kernels::unpack_to_positions(sums, outputs, count, shifted(epilogue, at), y + at, outputs);
      });
}

Result<Convolution> Convolution::make(Matrix weights, const ConvolutionShape& shape) {
  const ConvolutionShape& s = shape;
  for (const std::size_t extent :
       {s.channels, s.height, s.width, s.kernel_height, s.kernel_width, s.stride, s.dilation}) {
    if (extent == 0) return error(Code::kInvalidArgument, "sparse convolution: an extent is zero");
  }
  if (weights.inputs() != s.channels * s.kernel_height * s.kernel_width) {
    return error(Code::kInvalidArgument,
                 "sparse convolution: {} channels and a {}x{} filter; the weights have {} inputs", s.channels,
                 s.kernel_height, s.kernel_width, weights.inputs());
  }
  const double padded = static_cast<double>(s.height + s.pad_top + s.pad_bottom + s.stride) *
                        static_cast<double>(s.width + s.pad_left + s.pad_right + s.stride);
  if (padded * static_cast<double>(s.channels) >= 0x1p31) {
    return error(Code::kInvalidArgument, "sparse convolution: an image of {}x{}x{}; allowed: less than 2^31 numbers",
                 s.channels, s.height, s.width);
  }
  return Convolution(std::move(weights), shape);
}

Convolution::Convolution(Matrix weights, const ConvolutionShape& shape)
    : weights_(std::move(weights)),
      shape_(shape),
      pointwise_(is_pointwise(shape)),
      rows_(round_up(shape.height + shape.pad_top + shape.pad_bottom, shape.stride)),
      pitch_(round_up(shape.width + shape.pad_left + shape.pad_right, shape.stride)) {
  if (pointwise_) return;
  const std::size_t stride = shape.stride;
  offsets_.reserve(weights_.inputs());
  for (std::size_t c = 0; c < shape.channels; ++c) {
    for (std::size_t ky = 0; ky < shape.kernel_height; ++ky) {
      for (std::size_t kx = 0; kx < shape.kernel_width; ++kx) {
        const std::size_t y = ky * shape.dilation, x = kx * shape.dilation;
        const std::size_t phase = (c * stride + y % stride) * stride + x % stride;
        offsets_.push_back(static_cast<std::uint32_t>((phase * rows_ + y / stride) * pitch_ + x / stride));
      }
    }
  }
}

void Convolution::run(const float* x, std::size_t images, const kernels::Epilogue& epilogue, float* y,
                      Scratch& scratch) const {
  const std::size_t in = shape_.channels * shape_.height * shape_.width;
  const std::size_t out = weights_.outputs() * shape_.out_height() * shape_.out_width();
  for (std::size_t image = 0; image < images && out > 0; ++image) {
    const kernels::Epilogue here = shifted(epilogue, image * out);
    if (pointwise_) {
      run_pointwise(x + image * in, here, y + image * out, scratch);
    } else {
      run_windows(x + image * in, here, y + image * out, scratch);
    }
  }
}

void Convolution::run_pointwise(const float* x, const kernels::Epilogue& epilogue, float* y, Scratch& scratch) const {
  const std::size_t positions = shape_.height * shape_.width;
  multiply_all(
      weights_, epilogue.bias, positions, scratch,
      [&](const Matrix::Block& block, std::size_t first, std::size_t count, float* panel) {
        kernels::pack_from_inputs(x + block.first_input * positions + first, positions, block.inputs, count, panel);
      },
      [&](const float* sums, std::size_t first, std::size_t count) {
        kernels::unpack_to_outputs(sums, weights_.outputs(), count, shifted(epilogue, first), y + first, positions);
      });
}

void Convolution::run_windows(const float* x, const kernels::Epilogue& epilogue, float* y, Scratch& scratch) const {
  const std::size_t stride = shape_.stride, columns = shape_.out_width(), plane = shape_.out_height() * columns;
  float* pixels = scratch.image(shape_.channels * stride * stride * rows_ * pitch_ + kSlack);
  fill_phases(x, pixels);
  multiply_all(
      weights_, epilogue.bias, (shape_.out_height() - 1) * pitch_ + columns, scratch,
      [&](const Matrix::Block& block, std::size_t first, std::size_t count, float* panel) {
        kernels::pack_from_offsets(pixels + first, offsets_.data() + block.first_input, block.inputs, count, panel);
      },
      [&](const float* sums, std::size_t first, std::size_t count) {  // row by row of the output
        for (std::size_t done = 0; done < count;) {
          const std::size_t row = (first + done) / pitch_, column = (first + done) % pitch_;
          const std::size_t run = std::min(count - done, (column < columns ? columns : pitch_) - column);
          if (column < columns) {
            const std::size_t at = row * columns + column;
            kernels::unpack_to_outputs(sums + done, weights_.outputs(), run, shifted(epilogue, at), y + at, plane);
          }
          done += run;
        }
      });
}

void Convolution::fill_phases(const float* image, float* pixels) const {
  const std::size_t stride = shape_.stride, phase = rows_ * pitch_;
  for (std::size_t c = 0; c < shape_.channels; ++c, image += shape_.height * shape_.width) {
    for (std::size_t row = 0; row < stride; ++row) {
      for (std::size_t column = 0; column < stride; ++column, pixels += phase) {
        if (used(row, shape_.kernel_height, shape_) && used(column, shape_.kernel_width, shape_)) {
          fill_phase(image, row, column, pixels);
        }
      }
    }
  }
}

void Convolution::fill_phase(const float* channel, std::size_t row, std::size_t column, float* to) const {
  const std::size_t step = shape_.stride, left = shape_.pad_left, right = left + shape_.width;
  // Columns [begin, end) of the phase lie inside the image.
  const std::size_t begin = column >= left ? 0 : round_up(left - column, step);
  const std::size_t end = std::max(begin, column >= right ? 0 : round_up(right - column, step));
  for (std::size_t r = 0; r < rows_; ++r, to += pitch_) {
    const std::size_t y = r * step + row;
    if (y < shape_.pad_top || y >= shape_.pad_top + shape_.height || begin == end) {
      std::fill(to, to + pitch_, 0.0F);
      continue;
    }
    const float* from = channel + (y - shape_.pad_top) * shape_.width + (begin * step + column - left);
    std::fill(to, to + begin, 0.0F);
    kernels::take_every(from, step, end - begin, to + begin);
    std::fill(to + end, to + pitch_, 0.0F);
  }
}

}  // namespace sparseloom::backend::sparse
