// Sparse layers against plain loops in double precision, on every instruction set that this CPU has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "sparseloom/backend/sparse/layers.h"

namespace sparseloom::backend::sparse {
namespace {

class Random {
 public:
  explicit Random(std::uint32_t seed) : bits_(seed) {}
  float number() { return static_cast<float>(bits_() % 2001) / 1000.0F - 1.0F; }
  std::vector<float> numbers(std::size_t count) {
    std::vector<float> result(count);
    for (float& x : result) x = number();
    return result;
  }
  /// About `sparsity` of them zero.
  std::vector<float> weights(std::size_t count, double sparsity) {
    std::vector<float> result(count);
    for (float& x : result) x = static_cast<double>(bits_() % 1000) < sparsity * 1000 ? 0.0F : number();
    return result;
  }

 private:
  std::mt19937 bits_;
};

float relu(double value) { return static_cast<float>(value < 0 ? 0 : value); }

/// 1e-5 relative to the largest number; what is no number is never close.
void expect_close(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  double largest = 0, off = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
    ASSERT_FALSE(std::isnan(actual[i])) << i;
    off = std::max(off, std::abs(static_cast<double>(actual[i]) - static_cast<double>(expected[i])));
  }
  EXPECT_LE(off, 1e-5 * largest);
}

/// Every test runs on each instruction set.
class SparseLayers : public ::testing::TestWithParam<std::string> {
 protected:
  SparseLayers() { kernels::use_instruction_set(GetParam()); }
  ~SparseLayers() override { kernels::use_instruction_set(""); }
  static Matrix compress(const std::vector<float>& dense, std::size_t outputs, std::size_t inputs) {
    auto matrix = Matrix::compress(dense, outputs, inputs, kernels::layout());
    EXPECT_TRUE(matrix.ok()) << matrix.status().message();
    return std::move(matrix).value();
  }
  static Linear linear(const std::vector<float>& dense, std::size_t outputs, std::size_t inputs) {
    return Linear(Weights::make(compress(dense, outputs, inputs)).value());
  }
};

INSTANTIATE_TEST_SUITE_P(, SparseLayers, ::testing::ValuesIn(kernels::instruction_sets()),
                         [](const auto& each) { return each.param; });

TEST_P(SparseLayers, LinearOfAnyShapeAndSparsity) {
  struct Case {
    std::size_t outputs, inputs, positions;
  };
  Random random(1);
  for (const Case c : {Case{1, 1, 1}, {3, 5, 7}, {17, 33, 31}, {64, 64, 32}, {7, 1000, 129}, {130, 257, 65}}) {
    for (const double sparsity : {0.0, 0.5, 0.9, 0.99, 1.0}) {
      SCOPED_TRACE(::testing::Message() << c.outputs << "x" << c.inputs << ", " << c.positions << " at " << sparsity);
      const auto weights = random.weights(c.outputs * c.inputs, sparsity);
      const auto x = random.numbers(c.positions * c.inputs), bias = random.numbers(c.outputs);
      const auto residual = random.numbers(c.positions * c.outputs);
      std::vector<float> expected(c.positions * c.outputs), y(expected.size(), -99.0F);
      for (std::size_t p = 0; p < c.positions; ++p) {
        for (std::size_t o = 0; o < c.outputs; ++o) {
          double sum = bias[o] + residual[p * c.outputs + o];
          for (std::size_t i = 0; i < c.inputs; ++i) {
            sum += static_cast<double>(weights[o * c.inputs + i]) * x[p * c.inputs + i];
          }
          expected[p * c.outputs + o] = relu(sum);
        }
      }
      linear(weights, c.outputs, c.inputs).run(x.data(), c.positions, {bias.data(), residual.data(), true}, y.data());
      expect_close(y, expected);
    }
  }
}

TEST_P(SparseLayers, LinearWithoutPositionsWritesNothing) {
  float y = 7;
  linear({1, 0, 0, 2}, 2, 2).run(nullptr, 0, {}, &y);
  EXPECT_EQ(y, 7);
}

/// The results of one convolution, one number after the other, in double precision.
std::vector<float> plain_convolution(const std::vector<float>& weights, std::size_t outputs, const ConvolutionShape& s,
                                     const std::vector<float>& x, std::size_t images, const std::vector<float>& bias) {
  const std::size_t window = s.kernel_height * s.kernel_width, oh = s.out_height(), ow = s.out_width();
  std::vector<float> y;
  for (std::size_t n = 0; n < images; ++n) {
    for (std::size_t o = 0; o < outputs; ++o) {
      for (std::size_t p = 0; p < oh * ow; ++p) {
        double sum = bias[o];
        for (std::size_t i = 0; i < s.channels * window; ++i) {
          const std::size_t row = p / ow * s.stride + i % window / s.kernel_width * s.dilation;
          const std::size_t column = p % ow * s.stride + i % s.kernel_width * s.dilation;
          if (row < s.pad_top || row >= s.pad_top + s.height || column < s.pad_left || column >= s.pad_left + s.width) {
            continue;
          }
          const std::size_t channel = n * s.channels + i / window;
          sum += static_cast<double>(weights[o * s.channels * window + i]) *
                 x[(channel * s.height + row - s.pad_top) * s.width + column - s.pad_left];
        }
        y.push_back(static_cast<float>(sum));
      }
    }
  }
  return y;
}

struct ConvolutionCase {
  std::size_t outputs;
  ConvolutionShape shape;
  std::size_t images;
};

std::vector<ConvolutionCase> convolutions() {
  const auto shape = [](std::size_t c, std::size_t h, std::size_t w, std::size_t k, std::size_t stride, std::size_t pad,
                        std::size_t dilation = 1) {
    return ConvolutionShape{c, h, w, k, k, stride, dilation, pad, pad, pad, pad};
  };
  ConvolutionShape uneven = shape(3, 9, 6, 3, 2, 0);
  uneven.kernel_width = 2;
  uneven.pad_top = 1;
  uneven.pad_right = 3;
  return {{8, shape(4, 7, 7, 1, 1, 0), 2},    {5, shape(3, 10, 11, 3, 1, 1), 1}, {5, shape(3, 10, 11, 3, 2, 1), 2},
          {4, shape(2, 9, 9, 3, 1, 2, 2), 1}, {6, shape(5, 8, 8, 1, 2, 0), 1},   {3, shape(2, 40, 43, 3, 2, 1), 1},
          {3, shape(2, 20, 23, 3, 3, 1), 1},  {3, shape(2, 2, 2, 5, 1, 0), 2},   {4, uneven, 3},
          {2, shape(1, 3, 3, 7, 1, 3), 1},    {9, shape(210, 6, 6, 1, 1, 0), 1}, {3, shape(90, 5, 5, 3, 1, 1), 1}};
}

std::string describe(const ConvolutionShape& s) {
  return ::testing::PrintToString(s.channels) + "x" + ::testing::PrintToString(s.height) + "x" +
         ::testing::PrintToString(s.width) + ", kernel " + ::testing::PrintToString(s.kernel_height) + ", stride " +
         ::testing::PrintToString(s.stride);
}

TEST_P(SparseLayers, ConvolutionOfAnyShape) {
  Random random(2);
  for (const auto& [outputs, shape, images] : convolutions()) {
    SCOPED_TRACE(describe(shape));
    const std::size_t inputs = shape.channels * shape.kernel_height * shape.kernel_width;
    const auto weights = random.weights(outputs * inputs, 0.6);
    const auto x = random.numbers(images * shape.channels * shape.height * shape.width), bias = random.numbers(outputs);
    const auto layer = Convolution::make(Weights::make(compress(weights, outputs, inputs)).value(), shape);
    ASSERT_TRUE(layer.ok()) << layer.status().message();
    std::vector<float> y(images * outputs * shape.out_height() * shape.out_width(), -99.0F);
    layer->run(x.data(), images, {.bias = bias.data()}, y.data());
    expect_close(y, plain_convolution(weights, outputs, shape, x, images, bias));
  }
}

/// Quantized weights and the numbers that they stand for; some pairs are as large as i8 allows.
struct Quantized {
  Quantized(std::size_t outputs, std::size_t inputs, double sparsity, Random& random) : values(outputs * inputs) {
    const auto shares = random.weights(outputs * inputs, sparsity);
    for (std::size_t o = 0; o < outputs; ++o) scales.push_back(0.01F + 0.001F * static_cast<float>(o));
    for (std::size_t k = 0; k < shares.size(); ++k) {
      integers.push_back(static_cast<std::int8_t>(std::lround(shares[k] * 127)));
      if (k % 7 < 2 && integers[k] != 0) integers[k] = integers[k] > 0 ? 127 : -128;
      values[k] = scales[k / inputs] * integers[k];
    }
  }
  Matrix as_bytes(std::size_t outputs, std::size_t inputs) const {
    return Matrix::compress(integers, scales, outputs, inputs, kernels::layout()).value();
  }
  std::vector<std::int8_t> integers;
  std::vector<float> scales, values;
};

std::vector<float> quantized(const std::vector<float>& x, const kernels::Quantization& to) {
  std::vector<float> y;
  for (const float number : x) {
    const float level = std::nearbyint((number - to.low) / to.step);
    y.push_back(to.low + to.step * std::clamp(level, 0.0F, static_cast<float>(to.levels - 1)));
  }
  return y;
}

constexpr kernels::Quantization kSigned{.low = -0.5F, .step = 1.0F / 256, .levels = 256};
constexpr kernels::Quantization kUnsigned{.low = 0, .step = 1.0F / 64, .levels = 16};

TEST_P(SparseLayers, QuantizedLinearAsFloatsAndAsBytes) {
  struct Case {
    std::size_t outputs, inputs, positions;
  };
  Random random(3);
  for (const Case c : {Case{1, 1, 1}, {3, 5, 7}, {17, 33, 31}, {64, 64, 32}, {7, 1001, 129}, {130, 257, 65}}) {
    for (const double sparsity : {0.0, 0.5, 0.9, 1.0}) {
      for (const auto& to : {kSigned, kUnsigned}) {
        SCOPED_TRACE(::testing::Message() << c.outputs << "x" << c.inputs << ", " << c.positions << " at " << sparsity);
        const Quantized weights(c.outputs, c.inputs, sparsity, random);
        const auto x = random.numbers(c.positions * c.inputs), bias = random.numbers(c.outputs);
        const auto residual = random.numbers(c.positions * c.outputs);
        const auto levels = quantized(x, to);
        std::vector<float> expected;
        for (std::size_t p = 0; p < c.positions; ++p) {
          for (std::size_t o = 0; o < c.outputs; ++o) {
            double sum = bias[o] + residual[p * c.outputs + o];
            for (std::size_t i = 0; i < c.inputs; ++i) {
              sum += static_cast<double>(weights.values[o * c.inputs + i]) * levels[p * c.inputs + i];
            }
            expected.push_back(relu(sum));
          }
        }
        const kernels::Epilogue epilogue{bias.data(), residual.data(), true};
        for (const bool bytes : {false, true}) {
          Matrix matrix = bytes ? weights.as_bytes(c.outputs, c.inputs) : compress(weights.values, c.outputs, c.inputs);
          std::vector<float> y(c.positions * c.outputs, -99.0F);
          Linear(Weights::make(std::move(matrix), to).value()).run(x.data(), c.positions, epilogue, y.data());
          expect_close(y, expected);
        }
      }
    }
  }
}

TEST_P(SparseLayers, QuantizedConvolutionAsFloatsAndAsBytes) {
  Random random(4);
  for (const auto& [outputs, shape, images] : convolutions()) {
    for (const auto& to : {kSigned, kUnsigned}) {
      SCOPED_TRACE(describe(shape));
      const std::size_t inputs = shape.channels * shape.kernel_height * shape.kernel_width;
      const Quantized weights(outputs, inputs, 0.6, random);
      const auto x = random.numbers(images * shape.channels * shape.height * shape.width);
      const auto bias = random.numbers(outputs);
      const auto expected = plain_convolution(weights.values, outputs, shape, quantized(x, to), images, bias);
      for (const bool bytes : {false, true}) {
        Matrix matrix = bytes ? weights.as_bytes(outputs, inputs) : compress(weights.values, outputs, inputs);
        const auto layer = Convolution::make(Weights::make(std::move(matrix), to).value(), shape);
        ASSERT_TRUE(layer.ok()) << layer.status().message();
        std::vector<float> y(expected.size(), -99.0F);
        layer->run(x.data(), images, {.bias = bias.data()}, y.data());
        expect_close(y, expected);
      }
    }
  }
}

TEST_P(SparseLayers, ThreadsShareThePanels) {
  Random random(5);
  const auto weights = random.weights(40 * 300, 0.8), x = random.numbers(500 * 300);
  const Linear layer = linear(weights, 40, 300);
  std::vector<float> alone(500 * 40), shared(alone.size());
  layer.run(x.data(), 500, {}, alone.data());
  const ForEach on_threads = [](std::size_t count, const std::function<void(std::size_t)>& task) {
    std::vector<std::jthread> threads;
    for (std::size_t k = 0; k < count; ++k) threads.emplace_back([&task, k] { task(k); });
  };
  layer.run(x.data(), 500, {}, shared.data(), on_threads);
  EXPECT_EQ(shared, alone);
}

TEST_P(SparseLayers, NanAndInfinityGoWhereTheirWeightsLead) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const float x[] = {1, 2};
  float y[3];
  linear({nan, 0, 0, inf, 0, 3}, 3, 2).run(x, 1, {.relu = true}, y);
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], inf);
  EXPECT_EQ(y[2], 6);
}

TEST_P(SparseLayers, ARowWithoutWeightsIsItsBias) {
  const Linear layer = linear(std::vector<float>(3 * 500), 3, 500);
  EXPECT_EQ(layer.weights().matrix().entries().size(), 0U);
  const std::vector<float> x(500, 1.0F), bias{1, -2, 3};
  float y[3];
  layer.run(x.data(), 1, {.bias = bias.data()}, y);
  EXPECT_THAT(y, ::testing::ElementsAre(1, -2, 3));
}

TEST(SparseLayersErrors, NumbersThatDoNotMatch) {
  const auto weights = [] {
    return Weights::make(Matrix::compress(std::vector<float>(2 * 9), 2, 9, kernels::layout()).value()).value();
  };
  EXPECT_EQ(Convolution::make(weights(), {.channels = 2, .kernel_height = 3, .kernel_width = 3}).status().message(),
            "sparse convolution: 2 channels and a 3x3 filter; the weights have 9 inputs");
  EXPECT_EQ(Convolution::make(weights(), {.channels = 9, .stride = 0}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Convolution::make(weights(), {.channels = 9, .height = 1U << 20, .width = 1U << 20}).status().code(),
            Code::kInvalidArgument);
}

TEST(SparseLayersErrors, QuantizationThatIsNone) {
  const auto bytes = [] {
    return Matrix::compress(std::vector<std::int8_t>{1, 2}, std::vector<float>{1}, 1, 2, kernels::layout()).value();
  };
  EXPECT_EQ(Weights::make(bytes()).status().message(), "sparse layer: i8 weights need a quantized input");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const kernels::Quantization& to : {kernels::Quantization{0, 0, 256}, kernels::Quantization{0, 1, 257},
                                          kernels::Quantization{nan, 1, 256}, kernels::Quantization{0, 1, 1}}) {
    EXPECT_EQ(Weights::make(bytes(), to).status().code(), Code::kInvalidArgument) << to.low << " " << to.levels;
  }
}

TEST(SparseLayersErrors, PaddingThatNoByteStandsFor) {
  auto matrix = Matrix::compress(std::vector<std::int8_t>(9), std::vector<float>{1}, 1, 9, kernels::layout()).value();
  auto weights = Weights::make(std::move(matrix), kernels::Quantization{.low = 0.5F, .step = 1}).value();
  const ConvolutionShape padded{.height = 5, .width = 5, .kernel_height = 3, .kernel_width = 3, .pad_top = 1};
  EXPECT_EQ(Convolution::make(std::move(weights), padded).status().message(),
            "sparse convolution: padded, but no level of its input stands for 0");
}

}  // namespace
}  // namespace sparseloom::backend::sparse
