// Sparse layers against plain loops, with shapes, weights and numbers made from the bytes; and altered files of sparse
// weights: either refused, or safe to multiply by.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "sparseloom/backend/sparse/layers.h"
#include "sparseloom/base/file.h"

namespace {

using namespace sparseloom::backend::sparse;  // NOLINT

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::size_t below(std::size_t limit) { return next() % limit; }
  /// Many zeros, small whole numbers: every sum is exact, whatever its order.
  float number() {
    const std::uint8_t byte = next();
    return byte < 160 ? 0.0F : static_cast<float>(byte % 9) - 4.0F;
  }
  std::vector<float> numbers(std::size_t count) {
    std::vector<float> result(count);
    for (float& x : result) x = number();
    return result;
  }

 private:
  std::uint8_t next() {
    if (size_ == 0) return 0;
    const std::size_t turn = used_ / size_;  // the bytes again when they are used up, but not the same ones
    return static_cast<std::uint8_t>(data_[used_++ % size_] + 37 * turn);
  }
  const std::uint8_t* data_;
  std::size_t size_, used_ = 0;
};

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_linear(Bytes& bytes) {
  const std::size_t outputs = 1 + bytes.below(20), inputs = 1 + bytes.below(255), positions = bytes.below(80);
  const auto weights = bytes.numbers(outputs * inputs), bias = bytes.numbers(outputs);
  const auto x = bytes.numbers(positions * inputs), residual = bytes.numbers(positions * outputs);
  std::vector<float> y(positions * outputs);
  const Linear layer(Weights::make(Matrix::compress(weights, outputs, inputs, kernels::layout()).value()).value());
  layer.run(x.data(), positions, {bias.data(), residual.data(), true}, y.data());
  for (std::size_t p = 0; p < positions; ++p) {
    for (std::size_t o = 0; o < outputs; ++o) {
      float sum = bias[o] + residual[p * outputs + o];
      for (std::size_t i = 0; i < inputs; ++i) sum += weights[o * inputs + i] * x[p * inputs + i];
      expect(y[p * outputs + o] == std::max(sum, 0.0F));
    }
  }
}

// Levels are the numbers themselves, so that every sum is exact; weights reach the ends of i8.
void check_quantized(Bytes& bytes) {
  constexpr kernels::Quantization kWhole{.low = 0, .step = 1, .levels = 256};
  const std::size_t outputs = 1 + bytes.below(20), inputs = 1 + bytes.below(255), positions = bytes.below(80);
  std::vector<std::int8_t> weights(outputs * inputs);
  std::vector<float> values, x(positions * inputs), y(positions * outputs);
  for (std::int8_t& w : weights) {
    const std::size_t kind = bytes.below(256);
    w = kind < 150 ? std::int8_t{0} : static_cast<std::int8_t>(kind < 200 ? 127 - 255 * (kind % 2) : kind);
    values.push_back(w);
  }
  for (float& number : x) number = static_cast<float>(bytes.below(256));
  const std::vector<float> scales(outputs, 1.0F);
  const Layout layout = kernels::layout();
  for (const bool as_bytes : {false, true}) {
    Matrix matrix = as_bytes ? Matrix::compress(weights, scales, outputs, inputs, layout).value()
                             : Matrix::compress(values, outputs, inputs, layout).value();
    Linear(Weights::make(std::move(matrix), kWhole).value()).run(x.data(), positions, {}, y.data());
    for (std::size_t p = 0; p < positions; ++p) {
      for (std::size_t o = 0; o < outputs; ++o) {
        float sum = 0;
        for (std::size_t i = 0; i < inputs; ++i) sum += values[o * inputs + i] * x[p * inputs + i];
        expect(y[p * outputs + o] == sum);
      }
    }
  }
}

void check_convolution(Bytes& bytes) {
  ConvolutionShape s{1 + bytes.below(4), 1 + bytes.below(12), 1 + bytes.below(40), 1 + bytes.below(4),
                     1 + bytes.below(4), 1 + bytes.below(3),  1 + bytes.below(2),  bytes.below(3),
                     bytes.below(3),     bytes.below(3),      bytes.below(3)};
  const std::size_t outputs = 1 + bytes.below(7), window = s.kernel_height * s.kernel_width;
  const std::size_t rows = s.out_height(), columns = s.out_width();
  const auto weights = bytes.numbers(outputs * s.channels * window), x = bytes.numbers(s.channels * s.height * s.width);
  std::vector<float> y(outputs * rows * columns);
  const auto layer = Convolution::make(
      Weights::make(Matrix::compress(weights, outputs, s.channels * window, kernels::layout()).value()).value(), s);
  layer->run(x.data(), 1, {}, y.data());
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t p = 0; p < rows * columns; ++p) {
      float sum = 0;
      for (std::size_t i = 0; i < s.channels * window; ++i) {
        const std::size_t row = p / columns * s.stride + i % window / s.kernel_width * s.dilation - s.pad_top;
        const std::size_t column = p % columns * s.stride + i % s.kernel_width * s.dilation - s.pad_left;
        if (row >= s.height || column >= s.width) continue;  // also what would be negative
        sum += weights[o * s.channels * window + i] * x[(i / window * s.height + row) * s.width + column];
      }
      expect(y[o * rows * columns + p] == sum);
    }
  }
}

// A file carries a checksum, so that damage is noticed; here it is renewed after the damage, and what is not refused
// then must still be safe.
void check_file(Bytes& bytes) {
  constexpr std::size_t kDigestAt = 8, kDigest = 32;
  const std::size_t outputs = 1 + bytes.below(9), inputs = 1 + bytes.below(255);
  const Layout layout = kernels::layout();
  const auto numbers = bytes.numbers(outputs * inputs);
  const bool as_bytes = bytes.below(2) == 1;
  const Matrix whole = as_bytes ? Matrix::compress(std::vector<std::int8_t>(numbers.begin(), numbers.end()),
                                                   std::vector<float>(outputs, 1.0F), outputs, inputs, layout)
                                      .value()
                                : Matrix::compress(numbers, outputs, inputs, layout).value();
  std::vector<std::uint64_t> aligned((whole.bytes().size() + 7) / 8);
  const std::span<std::byte> file(reinterpret_cast<std::byte*>(aligned.data()), whole.bytes().size());
  std::memcpy(file.data(), whole.bytes().data(), file.size());
  for (std::size_t changes = bytes.below(6); changes > 0; --changes) {
    file[(bytes.below(256) * 256 + bytes.below(256)) % file.size()] = static_cast<std::byte>(bytes.below(256));
  }
  const auto content = file.subspan(kDigestAt + kDigest);
  const std::string digest = sparseloom::checksum({reinterpret_cast<const char*>(content.data()), content.size()});
  std::memcpy(file.data() + kDigestAt, digest.data(), kDigest);
  const auto matrix = Matrix::view(file, layout);
  if (!matrix.ok()) return expect(!matrix.status().message().empty());
  auto weights = Weights::make(Matrix::view(file, layout).value(), kernels::Quantization{});
  if (!weights.ok()) return expect(!weights.status().message().empty());
  const Linear layer(std::move(weights).value());
  if (matrix->outputs() > 4096 || matrix->inputs() > 4096) return;
  const std::vector<float> x(matrix->inputs(), 1.0F);
  std::vector<float> y(matrix->outputs());
  layer.run(x.data(), 1, {}, y.data());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  switch (bytes.below(4)) {
    case 0: check_linear(bytes); break;
    case 1: check_convolution(bytes); break;
    case 2: check_quantized(bytes); break;
    default: check_file(bytes);
  }
  return 0;
}
