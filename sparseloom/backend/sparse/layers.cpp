#include "sparseloom/backend/sparse/layers.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sparseloom/base/tensor.h"

namespace sparseloom::backend::sparse {
namespace {

constexpr std::size_t kSlack = 256;  // packing reads whole vectors, and a last panel goes past the last pixel

/// Memory that a thread works in: as much as the largest layer that it has run needs.
struct Workspace {
  HostBuffer panel, sums, quantized, phases, bias;
};

Workspace& workspace() {
  thread_local Workspace mine;
  return mine;
}

// Words of four bytes: floats, or integers as packing and kernels write them.
float* at_least(HostBuffer& buffer, std::size_t words) {
  if (buffer.size() < words * sizeof(float)) buffer = HostBuffer(words * sizeof(float));
  return reinterpret_cast<float*>(buffer.data());
}

// Panel by panel: `pack` puts a block of lines into the panel, `unpack` takes the finished sums.
template <typename Pack, typename Unpack>
void multiply_all(const Matrix& matrix, const float* bias, std::size_t positions, const ForEach& for_each,
                  const Pack& pack, const Unpack& unpack) {
  const std::size_t width = matrix.layout().panel_width, panels = (positions + width - 1) / width;
  const auto run = [&](std::size_t index) {
    float* panel = at_least(workspace().panel, lines_per_block(width) * width);
    float* sums = at_least(workspace().sums, matrix.outputs() * width);
    const std::size_t first = index * width, count = std::min(width, positions - first);
    for (std::size_t b = 0; b < matrix.blocks().size(); ++b) {
      pack(matrix.blocks()[b], first, count, panel);
      kernels::multiply(matrix, b, panel, bias, count, sums);
    }
    unpack(sums, first, count);
  };
  if (for_each && panels > 1) return for_each(panels, run);
  for (std::size_t index = 0; index < panels; ++index) run(index);
}

// The same for results that lie `by` numbers further on.
kernels::Finish shifted(kernels::Finish finish, std::size_t by) {
  if (finish.epilogue.residual != nullptr) finish.epilogue.residual += by;
  return finish;
}

bool is_pointwise(const ConvolutionShape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.stride == 1 && s.pad_top + s.pad_bottom == 0 &&
         s.pad_left + s.pad_right == 0;
}

std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit; }

// The level that stands for 0, if one does.
std::optional<std::int32_t> zero_level(const Weights& weights) {
  constexpr float kMostOff = 1e-3F;  // of a step
  const kernels::Quantization& to = *weights.quantization();
  const float at = -to.low / to.step, level = std::nearbyint(at);
  if (!(std::abs(at - level) <= kMostOff) || level < 0 || level > static_cast<float>(to.levels - 1)) return {};
  return static_cast<std::int32_t>(level);
}

// Some tap falls on rows (or columns) of this phase.
bool used(std::size_t phase, std::size_t taps, const ConvolutionShape& s) {
  for (std::size_t k = 0; k < taps; ++k) {
    if (k * s.dilation % s.stride == phase) return true;
  }
  return false;
}

}  // namespace

Result<Weights> Weights::make(Matrix matrix, std::optional<kernels::Quantization> quantization) {
  if (matrix.kind() == Entries::kI8 && !quantization) {
    return error(Code::kInvalidArgument, "sparse layer: i8 weights need a quantized input");
  }
  if (quantization) {
    const auto& [low, step, levels] = *quantization;
    const std::uint32_t most = matrix.kind() == Entries::kI8 ? 256 : 1U << 24;
    if (!std::isfinite(low) || !std::isfinite(step) || !(step > 0) || levels < 2 || levels > most) {
      return error(Code::kInvalidArgument,
                   "sparse layer: input quantized to {} levels from {} in steps of {}; allowed: 2..{} levels, finite "
                   "numbers, a positive step",
                   levels, low, step, most);
    }
  }
  return Weights(std::move(matrix), quantization);
}

Weights::Weights(Matrix matrix, std::optional<kernels::Quantization> quantization)
    : matrix_(std::move(matrix)), quantization_(quantization) {
  for (std::size_t o = 0; o < matrix_.scales().size(); ++o) {
    // Σ w·(low + step·level) = low·Σ w + step·Σ w·level, with w = scale·integer
    scales_.push_back(matrix_.scales()[o] * quantization_->step);
    offsets_.push_back(matrix_.scales()[o] * quantization_->low * static_cast<float>(matrix_.row_sums()[o]));
  }
}

kernels::Finish Weights::finish(const kernels::Epilogue& epilogue, float* bias) const {
  kernels::Finish finish{epilogue, nullptr};
  if (!of_bytes()) return finish;
  for (std::size_t o = 0; o < offsets_.size(); ++o) {
    bias[o] = offsets_[o] + (epilogue.bias == nullptr ? 0.0F : epilogue.bias[o]);
  }
  finish.epilogue.bias = bias;
  finish.scales = scales_.data();
  return finish;
}

void Linear::run(const float* x, std::size_t positions, const kernels::Epilogue& epilogue, float* y,
                 const ForEach& for_each) const {
  const Matrix& matrix = weights_.matrix();
  const std::size_t outputs = matrix.outputs(), per_line = inputs_per_line(matrix.kind());
  const std::size_t words = (matrix.inputs() + per_line - 1) / per_line;  // of a position
  if (weights_.quantization()) x = quantized(x, positions);
  const kernels::Finish finish = weights_.finish(epilogue, at_least(workspace().bias, outputs));
  multiply_all(
      matrix, finish.epilogue.bias, positions, for_each,
      [&](const Matrix::Block& block, std::size_t first, std::size_t count, float* panel) {
        kernels::pack_from_positions(x + first * words + block.first_line, words, block.lines, count, panel);
      },
      [&](const float* sums, std::size_t first, std::size_t count) {
        const std::size_t at = first * outputs;
        kernels::unpack_to_positions(sums, outputs, count, shifted(finish, at), y + at, outputs);
      });
}

// Floats, or the levels as bytes, a position's filled up with zeros to whole words.
const float* Linear::quantized(const float* x, std::size_t positions) const {
  const std::size_t inputs = weights_.matrix().inputs();
  const kernels::Quantization& to = *weights_.quantization();
  if (!weights_.of_bytes()) {
    float* y = at_least(workspace().quantized, positions * inputs);
    kernels::quantize(x, positions * inputs, to, y);
    return y;
  }
  const std::size_t words = (inputs + 3) / 4;
  float* y = at_least(workspace().quantized, positions * words);
  auto* bytes = reinterpret_cast<std::uint8_t*>(y);
  for (std::size_t p = 0; p < positions; ++p, x += inputs, bytes += 4 * words) {
    kernels::quantize_to_levels(x, inputs, to, bytes);
    std::fill(bytes + inputs, bytes + 4 * words, std::uint8_t{0});
  }
  return y;
}

Result<Convolution> Convolution::make(Weights weights, const ConvolutionShape& shape) {
  const ConvolutionShape& s = shape;
  for (const std::size_t extent :
       {s.channels, s.height, s.width, s.kernel_height, s.kernel_width, s.stride, s.dilation}) {
    if (extent == 0) return error(Code::kInvalidArgument, "sparse convolution: an extent is zero");
  }
  const std::size_t inputs = weights.matrix().inputs();
  if (inputs != s.channels * s.kernel_height * s.kernel_width) {
    return error(Code::kInvalidArgument,
                 "sparse convolution: {} channels and a {}x{} filter; the weights have {} inputs", s.channels,
                 s.kernel_height, s.kernel_width, inputs);
  }
  const double padded = static_cast<double>(s.height + s.pad_top + s.pad_bottom + s.stride) *
                        static_cast<double>(s.width + s.pad_left + s.pad_right + s.stride);
  if (padded * static_cast<double>(s.channels) >= 0x1p31) {
    return error(Code::kInvalidArgument, "sparse convolution: an image of {}x{}x{}; allowed: less than 2^31 numbers",
                 s.channels, s.height, s.width);
  }
  if (weights.of_bytes() && s.pad_top + s.pad_left + s.pad_bottom + s.pad_right > 0 && !zero_level(weights)) {
    return error(Code::kInvalidArgument, "sparse convolution: padded, but no level of its input stands for 0");
  }
  return Convolution(std::move(weights), shape);
}

Convolution::Convolution(Weights weights, const ConvolutionShape& shape)
    : weights_(std::move(weights)),
      shape_(shape),
      pointwise_(is_pointwise(shape)),
      rows_(round_up(shape.height + shape.pad_top + shape.pad_bottom, shape.stride)),
      pitch_(round_up(shape.width + shape.pad_left + shape.pad_right, shape.stride)) {
  if (weights_.of_bytes()) padding_ = std::bit_cast<float>(zero_level(weights_).value_or(0));
  const std::size_t stride = shape.stride;
  offsets_.reserve(weights_.matrix().inputs());
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
                      const ForEach& for_each) const {
  const std::size_t outputs = weights_.matrix().outputs(), out = outputs * shape_.out_height() * shape_.out_width();
  const std::size_t in = shape_.channels * shape_.height * shape_.width;
  const kernels::Finish finish = weights_.finish(epilogue, at_least(workspace().bias, outputs));
  for (std::size_t image = 0; image < images && out > 0; ++image) {
    run_image(x + image * in, shifted(finish, image * out), y + image * out, for_each);
  }
}

void Convolution::run_image(const float* x, const kernels::Finish& finish, float* y, const ForEach& for_each) const {
  const Matrix& matrix = weights_.matrix();
  if (weights_.quantization()) x = quantized(x);
  if (!pointwise_) x = phases(x);
  const std::size_t plane = shape_.out_height() * shape_.out_width();
  // Pixels between the rows of a phase count too.
  const std::size_t positions = (shape_.out_height() - 1) * pitch_ + shape_.out_width();
  multiply_all(
      matrix, finish.epilogue.bias, positions, for_each,
      [&](const Matrix::Block& block, std::size_t first, std::size_t count, float* panel) {
        if (weights_.of_bytes()) {
          const std::size_t input = std::size_t{4} * block.first_line;
          const std::size_t inputs = std::min(std::size_t{4} * block.lines, matrix.inputs() - input);
          kernels::pack_quads_from_offsets(reinterpret_cast<const std::int32_t*>(x) + first, offsets_.data() + input,
                                           inputs, count, reinterpret_cast<std::uint32_t*>(panel));
        } else if (pointwise_) {  // reads nothing behind the image
          kernels::pack_from_inputs(x + block.first_line * plane + first, plane, block.lines, count, panel);
        } else {
          kernels::pack_from_offsets(x + first, offsets_.data() + block.first_line, block.lines, count, panel);
        }
      },
      [&](const float* sums, std::size_t first, std::size_t count) {
        if (pointwise_) {
          kernels::unpack_to_outputs(sums, matrix.outputs(), count, shifted(finish, first), y + first, plane);
        } else {
          unpack_rows(sums, first, count, finish, y);
        }
      });
}

// Row by row of the output.
void Convolution::unpack_rows(const void* sums, std::size_t first, std::size_t count, const kernels::Finish& finish,
                              float* y) const {
  const std::size_t columns = shape_.out_width(), plane = shape_.out_height() * columns;
  for (std::size_t done = 0; done < count;) {
    const std::size_t row = (first + done) / pitch_, column = (first + done) % pitch_;
    const std::size_t run = std::min(count - done, (column < columns ? columns : pitch_) - column);
    if (column < columns) {
      const std::size_t at = row * columns + column;
      kernels::unpack_to_outputs(static_cast<const float*>(sums) + done, weights_.matrix().outputs(), run,
                                 shifted(finish, at), y + at, plane);
    }
    done += run;
  }
}

// Floats, or levels.
const float* Convolution::quantized(const float* image) const {
  const std::size_t count = shape_.channels * shape_.height * shape_.width;
  float* y = at_least(workspace().quantized, count + kSlack);
  if (weights_.of_bytes()) {
    kernels::quantize_to_levels(image, count, *weights_.quantization(), reinterpret_cast<std::int32_t*>(y));
  } else {
    kernels::quantize(image, count, *weights_.quantization(), y);
  }
  return y;
}

const float* Convolution::phases(const float* image) const {
  const std::size_t stride = shape_.stride, phase = rows_ * pitch_;
  float* const all = at_least(workspace().phases, shape_.channels * stride * stride * phase + kSlack);
  float* to = all;
  for (std::size_t c = 0; c < shape_.channels; ++c, image += shape_.height * shape_.width) {
    for (std::size_t row = 0; row < stride; ++row) {
      for (std::size_t column = 0; column < stride; ++column, to += phase) {
        if (used(row, shape_.kernel_height, shape_) && used(column, shape_.kernel_width, shape_)) {
          fill_phase(image, row, column, to);
        }
      }
    }
  }
  return all;
}

void Convolution::fill_phase(const float* channel, std::size_t row, std::size_t column, float* to) const {
  const std::size_t step = shape_.stride, left = shape_.pad_left, right = left + shape_.width;
  // Columns [begin, end) of the phase lie inside the image.
  const std::size_t begin = column >= left ? 0 : round_up(left - column, step);
  const std::size_t end = std::max(begin, column >= right ? 0 : round_up(right - column, step));
  for (std::size_t r = 0; r < rows_; ++r, to += pitch_) {
    const std::size_t y = r * step + row;
    if (y < shape_.pad_top || y >= shape_.pad_top + shape_.height || begin == end) {
      std::fill(to, to + pitch_, padding_);
      continue;
    }
    const float* from = channel + (y - shape_.pad_top) * shape_.width + (begin * step + column - left);
    std::fill(to, to + begin, padding_);
    kernels::take_every(from, step, end - begin, to + begin);
    std::fill(to + end, to + pitch_, padding_);
  }
}

}  // namespace sparseloom::backend::sparse
