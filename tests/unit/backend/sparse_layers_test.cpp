// Sparse layers against plain loops in double precision, on every instruction set that this CPU has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

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
    auto matrix = Matrix::compress(dense, outputs, inputs, kernels::panel_width());
    EXPECT_TRUE(matrix.ok()) << matrix.status().message();
    return std::move(matrix).value();
  }
  static Linear linear(const std::vector<float>& dense, std::size_t outputs, std::size_t inputs) {
    return Linear(compress(dense, outputs, inputs));
  }
  Scratch scratch_;
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
      linear(weights, c.outputs, c.inputs)
          .run(x.data(), c.positions, {bias.data(), residual.data(), true}, y.data(), scratch_);
      expect_close(y, expected);
    }
  }
}

TEST_P(SparseLayers, LinearWithoutPositionsWritesNothing) {
  float y = 7;
  linear({1, 0, 0, 2}, 2, 2).run(nullptr, 0, {}, &y, scratch_);
  EXPECT_EQ(y, 7);
}

TEST_P(SparseLayers, ConvolutionOfAnyShape) {
  struct Case {
    std::size_t outputs;
    ConvolutionShape shape;
    std::size_t images;
  };
  const auto shape = [](std::size_t c, std::size_t h, std::size_t w, std::size_t k, std::size_t stride, std::size_t pad,
                        std::size_t dilation = 1) {
    return ConvolutionShape{c, h, w, k, k, stride, dilation, pad, pad, pad, pad};
  };
  ConvolutionShape uneven = shape(3, 9, 6, 3, 2, 0);
  uneven.kernel_width = 2;
  uneven.pad_top = 1;
  uneven.pad_right = 3;
  Random random(2);
  for (const Case& c : {Case{8, shape(4, 7, 7, 1, 1, 0), 2}, Case{5, shape(3, 10, 11, 3, 1, 1), 1},
                        Case{5, shape(3, 10, 11, 3, 2, 1), 2}, Case{4, shape(2, 9, 9, 3, 1, 2, 2), 1},
                        Case{6, shape(5, 8, 8, 1, 2, 0), 1}, Case{3, shape(2, 40, 43, 3, 2, 1), 1},
                        Case{3, shape(2, 20, 23, 3, 3, 1), 1}, Case{3, shape(2, 2, 2, 5, 1, 0), 2}, Case{4, uneven, 3},
                        Case{2, shape(1, 3, 3, 7, 1, 3), 1}}) {
    const ConvolutionShape& s = c.shape;
    SCOPED_TRACE(::testing::Message() << s.channels << "x" << s.height << "x" << s.width << ", kernel "
                                      << s.kernel_height << ", stride " << s.stride);
    const std::size_t window = s.kernel_height * s.kernel_width, oh = s.out_height(), ow = s.out_width();
    const auto weights = random.weights(c.outputs * s.channels * window, 0.6);
    const auto x = random.numbers(c.images * s.channels * s.height * s.width), bias = random.numbers(c.outputs);
    std::vector<float> expected, y(c.images * c.outputs * oh * ow, -99.0F);
    for (std::size_t n = 0; n < c.images; ++n) {
      for (std::size_t o = 0; o < c.outputs; ++o) {
        for (std::size_t p = 0; p < oh * ow; ++p) {
          double sum = bias[o];
          for (std::size_t i = 0; i < s.channels * window; ++i) {
            const std::size_t row = p / ow * s.stride + i % window / s.kernel_width * s.dilation;
            const std::size_t column = p % ow * s.stride + i % s.kernel_width * s.dilation;
            if (row < s.pad_top || row >= s.pad_top + s.height || column < s.pad_left ||
                column >= s.pad_left + s.width) {
              continue;
            }
            const std::size_t channel = n * s.channels + i / window;
            sum += static_cast<double>(weights[o * s.channels * window + i]) *
                   x[(channel * s.height + row - s.pad_top) * s.width + column - s.pad_left];
          }
          expected.push_back(static_cast<float>(sum));
        }
      }
    }
    const auto layer = Convolution::make(compress(weights, c.outputs, s.channels * window), s);
    ASSERT_TRUE(layer.ok()) << layer.status().message();
    layer->run(x.data(), c.images, {.bias = bias.data()}, y.data(), scratch_);
    expect_close(y, expected);
  }
}

TEST_P(SparseLayers, NanAndInfinityGoWhereTheirWeightsLead) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const float x[] = {1, 2};
  float y[3];
  linear({nan, 0, 0, inf, 0, 3}, 3, 2).run(x, 1, {.relu = true}, y, scratch_);
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], inf);
  EXPECT_EQ(y[2], 6);
}

TEST_P(SparseLayers, ARowWithoutWeightsIsItsBias) {
  const Linear layer = linear(std::vector<float>(3 * 500), 3, 500);
  EXPECT_EQ(layer.weights().nonzeros(), 0U);
  const std::vector<float> x(500, 1.0F), bias{1, -2, 3};
  float y[3];
  layer.run(x.data(), 1, {.bias = bias.data()}, y, scratch_);
  EXPECT_THAT(y, ::testing::ElementsAre(1, -2, 3));
}

TEST(SparseLayersErrors, NumbersThatDoNotMatch) {
  const auto weights = [] { return Matrix::compress(std::vector<float>(2 * 9), 2, 9, kernels::panel_width()).value(); };
  EXPECT_EQ(Convolution::make(weights(), {.channels = 2, .kernel_height = 3, .kernel_width = 3}).status().message(),
            "sparse convolution: 2 channels and a 3x3 filter; the weights have 9 inputs");
  EXPECT_EQ(Convolution::make(weights(), {.channels = 9, .stride = 0}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Convolution::make(weights(), {.channels = 9, .height = 1U << 20, .width = 1U << 20}).status().code(),
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace sparseloom::backend::sparse
