#include "sparseloom/backend/sparse/layers.h"

#include <algorithm>

namespace sparseloom::backend::sparse {
namespace {

float* at_least(HostBuffer& buffer, std::size_t floats) {
  if (buffer.size() < floats * sizeof(float)) buffer = HostBuffer(floats * sizeof(float));
  return reinterpret_cast<float*>(buffer.data());
}

const float* data_or_null(std::span<const float> bias) { return bias.empty() ? nullptr : bias.data(); }

// Panel by panel: `pack` puts a block of inputs into the panel, `unpack` takes the finished sums.
template <typename Pack, typename Unpack>
void multiply_all(const Matrix& weights, std::span<const float> bias, std::size_t positions, Scratch& scratch,
                  const Pack& pack, const Unpack& unpack) {
  const Scratch::Room room = scratch.room(weights);
  for (std::size_t first = 0; first < positions; first += weights.panel_width()) {
    const std::size_t count = std::min(weights.panel_width(), positions - first);
    for (std::size_t b = 0; b < weights.blocks().size(); ++b) {
      pack(weights.blocks()[b], first, count, room.panel);
      kernels::multiply(weights, b, room.panel, data_or_null(bias), count, room.sums);
    }
    unpack(room.sums, first, count);
  }
}

kernels::Finish shifted(const kernels::Finish& finish, std::size_t by) {
  return {finish.residual == nullptr ? nullptr : finish.residual + by, finish.relu};
}

// Where the inputs of a convolution lie: input i of a panel's position is a pixel of one channel, or padding.
class Windows {
 public:
  Windows(const ConvolutionShape& shape, const float* image) : shape_(shape), image_(image) {}

  void pack(const Matrix::Block& block, std::size_t first, std::size_t count, std::size_t panel_width,
            float* panel) const {
    const std::size_t window = shape_.kernel_height * shape_.kernel_width;
    for (std::size_t i = 0; i < block.inputs; ++i) {
      const std::size_t input = block.first_input + i;
      const float* channel = image_ + input / window * shape_.height * shape_.width;
      const std::size_t ky = input % window / shape_.kernel_width, kx = input % shape_.kernel_width;
      pack_row(channel, ky * shape_.dilation, kx * shape_.dilation, first, count, panel + i * panel_width);
    }
    if (count == panel_width) return;
    for (std::size_t i = 0; i < block.inputs; ++i) {
      std::fill(panel + i * panel_width + count, panel + (i + 1) * panel_width, 0.0F);
    }
  }

 private:
  // The pixels that one tap of the filter sees from positions first, first + 1, ...: row by row of the output.
  void pack_row(const float* channel, std::size_t down, std::size_t right, std::size_t first, std::size_t count,
                float* to) const {
    const std::size_t columns = shape_.out_width();
    for (std::size_t done = 0; done < count;) {
      const std::size_t row = (first + done) / columns, column = (first + done) % columns;
      const std::size_t run = std::min(count - done, columns - column);
      const std::size_t y = row * shape_.stride + down;
      const bool inside = y >= shape_.pad_top && y - shape_.pad_top < shape_.height;
      const float* pixels = inside ? channel + (y - shape_.pad_top) * shape_.width : nullptr;
      pack_run(pixels, column * shape_.stride + right, run, to + done);
      done += run;
    }
  }

  // `run` pixels of an image row (none: padding), from `x` on, which counts the left padding.
  void pack_run(const float* pixels, std::size_t x, std::size_t run, float* to) const {
    const std::size_t step = shape_.stride, left = shape_.pad_left, end = left + shape_.width;
    const std::size_t before = pixels == nullptr ? run : std::min(run, x < left ? (left - x + step - 1) / step : 0);
    const std::size_t valid = x >= end ? 0 : (end - x + step - 1) / step;
    const std::size_t until = pixels == nullptr ? before : std::max(before, std::min(run, valid));
    std::fill(to, to + before, 0.0F);
    if (before < until) {
      const float* from = pixels + (x + before * step - left);
      if (step == 1) {
        std::copy(from, from + (until - before), to + before);
      } else {
        for (std::size_t k = before; k < until; ++k, from += step) to[k] = *from;
      }
    }
    std::fill(to + until, to + run, 0.0F);
  }

  const ConvolutionShape& shape_;
  const float* image_;
};

bool is_pointwise(const ConvolutionShape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.stride == 1 && s.pad_top + s.pad_bottom == 0 &&
         s.pad_left + s.pad_right == 0;
}

}  // namespace

Scratch::Room Scratch::room(const Matrix& weights) {
  const std::size_t width = weights.panel_width();
  return {at_least(panel_, inputs_per_block(width) * width), at_least(sums_, weights.outputs() * width)};
}

void linear(const Matrix& weights, std::span<const float> bias, const float* x, std::size_t positions,
            const kernels::Finish& finish, float* y, Scratch& scratch) {
  const std::size_t inputs = weights.inputs(), outputs = weights.outputs();
  multiply_all(
      weights, bias, positions, scratch,
      [&](const Matrix::Block& block, std::size_t first, std::size_t count, float* panel) {
        kernels::pack_from_positions(x + first * inputs + block.first_input, inputs, block.inputs, count, panel);
      },
      [&](const float* sums, std::size_t first, std::size_t count) {
        const std::size_t at = first * outputs;
        kernels::unpack_to_positions(sums, outputs, count, shifted(finish, at), y + at, outputs);
      });
}

void convolve(const Matrix& weights, std::span<const float> bias, const ConvolutionShape& shape, const float* x,
              std::size_t images, const kernels::Finish& finish, float* y, Scratch& scratch) {
  const std::size_t positions = shape.out_height() * shape.out_width(), pixels = shape.height * shape.width;
  for (std::size_t image = 0; image < images; ++image) {
    const float* from = x + image * shape.channels * pixels;
    const std::size_t out = image * weights.outputs() * positions;
    const Windows windows(shape, from);
    multiply_all(
        weights, bias, positions, scratch,
        [&](const Matrix::Block& block, std::size_t first, std::size_t count, float* panel) {
          if (is_pointwise(shape)) {
            const float* channels = from + block.first_input * pixels + first;
            kernels::pack_from_inputs(channels, pixels, block.inputs, count, panel);
          } else {
            windows.pack(block, first, count, weights.panel_width(), panel);
          }
        },
        [&](const float* sums, std::size_t first, std::size_t count) {
          const std::size_t at = out + first;
          kernels::unpack_to_outputs(sums, weights.outputs(), count, shifted(finish, at), y + at, positions);
        });
  }
}

}  // namespace sparseloom::backend::sparse
