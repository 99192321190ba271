// Sparse layers beside OpenVINO's dense ones on the same pruned weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "sparseloom/backend/layer_model.h"
#include "sparseloom/base/file.h"
#include "sparseloom/zoo/cut_check.h"
#include "sparseloom/zoo/dataset.h"
#include "sparseloom/zoo/zoo.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_ir.h"

namespace sparseloom::backend {

/// How tests are listed.
void PrintTo(const LayerShape& shape, std::ostream* out) {
  if (const auto* linear = std::get_if<sparse::LinearShape>(&shape.of)) {
    *out << "linear " << linear->inputs << "->" << shape.outputs << ", " << linear->positions;
    return;
  }
  const auto& c = std::get<sparse::ConvolutionShape>(shape.of);
  *out << c.kernel_height << "x" << c.kernel_width << " " << c.channels << "->" << shape.outputs << ", " << c.height
       << "x" << c.width << " stride " << c.stride << " dilation " << c.dilation << " groups " << shape.groups;
}

namespace {

using sparseloom::testing::TinyIr;

constexpr double kMostRelativeDifference = 1e-4, kMostInt8Difference = 0.008;

/// 64-byte aligned numbers in -1..1, a share of them zero.
class Numbers {
 public:
  Numbers(std::size_t count, unsigned seed, unsigned zero_percent) : buffer_(count * sizeof(float)) {
    std::mt19937 random(seed);
    for (float& x : all()) {
      const auto bits = random();
      x = bits % 100 < zero_percent ? 0.0F : static_cast<float>(bits >> 8 & 0xffff) / 32'768.0F - 1.0F;
    }
  }
  std::span<float> all() { return {reinterpret_cast<float*>(buffer_.data()), buffer_.size() / sizeof(float)}; }
  HostBuffer& buffer() { return buffer_; }

 private:
  HostBuffer buffer_;
};

/// Relative to the largest number of `expected`; infinite where only one of the two is a NaN.
double difference(const std::vector<float>& actual, std::span<const std::byte> expected) {
  const TensorSpec spec{.name = "y", .type = ElementType::kF32, .shape = {static_cast<std::int64_t>(actual.size())}};
  EXPECT_EQ(expected.size(), spec.bytes());
  return zoo::compare(spec, expected, std::as_bytes(std::span(actual))).max_rel;
}

class SparseAgainstDense : public ::testing::TestWithParam<LayerShape> {};

INSTANTIATE_TEST_SUITE_P(
    , SparseAgainstDense,
    ::testing::Values(LayerShape{sparse::LinearShape{96, 50}, 40}, LayerShape{sparse::LinearShape{300, 1}, 1000},
                      LayerShape{sparse::ConvolutionShape{.channels = 24, .height = 14, .width = 14}, 33},
                      LayerShape{sparse::ConvolutionShape{16, 15, 17, 3, 3, 1, 1, 1, 1, 1, 1}, 20},
                      LayerShape{sparse::ConvolutionShape{16, 28, 28, 3, 3, 2, 1, 1, 1, 1, 1}, 20},
                      LayerShape{sparse::ConvolutionShape{32, 1, 99, 1, 3, 2}, 16},
                      LayerShape{sparse::ConvolutionShape{8, 20, 20, 3, 3, 1, 2, 2, 2, 2, 2}, 8},
                      LayerShape{sparse::ConvolutionShape{24, 12, 12, 3, 3, 1, 1, 1, 1, 1, 1}, 16, 4}));

/// What OpenVINO's dense layer makes of x.
HostBuffer run_dense(const LayerShape& shape, Numbers& weights, Numbers& bias, Numbers& x, LayerPrecision precision) {
  HostBuffer y(shape.y_elements() * sizeof(float));
  const auto executable = compile_dense_layer(shape, weights.all(), bias.all(), precision, {}).value();
  const auto session = executable->new_session().value();
  EXPECT_TRUE(session->bind_input(0, x.buffer().span()).ok());
  EXPECT_TRUE(session->bind_output(0, y.span()).ok());
  EXPECT_TRUE(session->run().ok());
  EXPECT_GT(std::abs(*reinterpret_cast<const float*>(y.data())), 0);
  return y;
}

std::vector<float> run_sparse(const LayerShape& shape, sparse::Weights weights, Numbers& bias, Numbers& x) {
  std::vector<float> y(shape.y_elements());
  if (const auto* linear = std::get_if<sparse::LinearShape>(&shape.of)) {
    sparse::Linear(std::move(weights)).run(x.all().data(), linear->positions, {.bias = bias.all().data()}, y.data());
  } else {
    sparse::Convolution::make(std::move(weights), std::get<sparse::ConvolutionShape>(shape.of))
        ->run(x.all().data(), 1, {.bias = bias.all().data()}, y.data());
  }
  return y;
}

TEST_P(SparseAgainstDense, Agrees) {
  const LayerShape& shape = GetParam();
  Numbers weights(shape.outputs * shape.inputs(), 1, 80), bias(shape.outputs, 2, 0), x(shape.x_elements(), 3, 0);
  auto matrix = sparse::Matrix::compress(weights.all(), shape.outputs, shape.inputs() * shape.groups,
                                         sparse::kernels::layout(), shape.groups)
                    .value();
  const auto y = run_sparse(shape, sparse::Weights::make(std::move(matrix)).value(), bias, x);
  EXPECT_LE(difference(y, run_dense(shape, weights, bias, x, LayerPrecision::kF32).span()), kMostRelativeDifference);
}

TEST_P(SparseAgainstDense, AgreesWhenQuantized) {
  const LayerShape& shape = GetParam();
  Numbers weights(shape.outputs * shape.inputs(), 1, 80), bias(shape.outputs, 2, 0), x(shape.x_elements(), 3, 0);
  const QuantizedLayer layer = quantize_layer(shape, weights.all());
  auto matrix = sparse::Matrix::compress(layer.integers, layer.scales, shape.outputs, shape.inputs() * shape.groups,
                                         sparse::kernels::layout(), shape.groups)
                    .value();
  const auto y = run_sparse(shape, sparse::Weights::make(std::move(matrix), layer.x).value(), bias, x);
  EXPECT_LE(difference(y, run_dense(shape, weights, bias, x, LayerPrecision::kI8).span()), kMostInt8Difference);
}

TEST(DenseLayer, RefusesNumbersThatDoNotMatchItsShape) {
  const std::vector<float> numbers(10);
  const auto layer = compile_dense_layer({sparse::LinearShape{3, 1}, 2}, numbers, numbers, LayerPrecision::kF32, {});
  EXPECT_EQ(layer.status().message(), "layer: 10 weights, 10 biases; it has 2 x 3 and 2");
}

/// Two layers that read the same input and differ in nothing but their weights; their difference is the output.
class SparseModel : public ::testing::Test {
 protected:
  SparseModel() {
    sparseloom::testing::TinyIr ir;
    const int x = ir.parameter("x", {2, 32});
    std::vector<int> layers;
    for (const std::string name : {"query", "key"}) {
      const int weights = ir.constant(name + "/w", {32, 32}, nullptr, 3);
      layers.push_back(ir.add(name, "MatMul", "opset1", R"(<data transpose_a="false" transpose_b="false"/>)",
                              {x, weights}, {2, 32}));
    }
    ir.result(ir.add("y", "Subtract", "opset1", R"(<data auto_broadcast="numpy"/>)", layers, {2, 32}));
    model_ = ir.write(folder_.path() / "m.xml");
    options_.sparse_layers = SparseLayers::kAll;
    options_.cache_dir = folder_.path() / "cache";
  }

  std::vector<float> answer() {
    auto executable = runtime_->load(model_, options_);
    EXPECT_TRUE(executable.ok()) << executable.status().message();
    EXPECT_EQ((*executable)->sparse_layers(), 2U);
    const auto session = (*executable)->new_session().value();
    HostBuffer in(2 * 32 * sizeof(float)), out(2 * 32 * sizeof(float));
    std::fill_n(reinterpret_cast<float*>(in.data()), 2 * 32, 1.0F);
    EXPECT_TRUE(session->bind_input(0, in.span()).ok());
    EXPECT_TRUE(session->bind_output(0, out.span()).ok());
    EXPECT_TRUE(session->run().ok());
    const auto* numbers = reinterpret_cast<const float*>(out.data());
    return {numbers, numbers + 2 * 32};
  }

  /// What is kept: a compiled model, and two files of weights.
  std::vector<std::filesystem::path> kept(const std::string& ending) const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(options_.cache_dir)) {
      if (entry.path().extension() == ending) files.push_back(entry.path());
    }
    return files;
  }

  sparseloom::testing::TemporaryFolder folder_;
  std::filesystem::path model_;
  std::unique_ptr<Runtime> runtime_ = make_runtime("openvino").value();
  CompileOptions options_;
};

// OpenVINO once took the two for one.
TEST_F(SparseModel, LayersThatReadTheSameInputStayApart) {
  options_.cache_dir.clear();
  EXPECT_NE(answer()[0], 0.0F);
}

TEST_F(SparseModel, AnswersAlikeFromTheCache) {
  const auto first = answer();
  ASSERT_EQ(kept(".model").size(), 1U);
  EXPECT_EQ(kept(".weights").size(), 2U);
  const auto written = std::filesystem::last_write_time(kept(".model")[0]);
  EXPECT_EQ(answer(), first);
  EXPECT_EQ(std::filesystem::last_write_time(kept(".model")[0]), written);
}

TEST_F(SparseModel, IsCompiledAnewWhereTheCacheIsDamaged) {
  const auto first = answer();
  for (const std::string ending : {".model", ".weights"}) {
    const auto file = kept(ending)[0];
    const std::string whole = read_file(file).value();
    std::string altered = whole;
    altered[whole.size() - 20] = static_cast<char>(altered[whole.size() - 20] ^ 1);
    for (const std::string& content : {std::string(), whole.substr(0, whole.size() / 2), altered}) {
      SCOPED_TRACE(ending + " of " + std::to_string(content.size()) + " bytes");
      ASSERT_TRUE(write_file(file, content).ok());
      EXPECT_EQ(answer(), first);
      EXPECT_TRUE(read_file(file).value() != content);  // OpenVINO's names differ from time to time
    }
    std::filesystem::remove(file);
    EXPECT_EQ(answer(), first);
  }
}

TEST_F(SparseModel, OfAnotherCpuIsCompiledAnew) {
  sparse::kernels::use_instruction_set("SCALAR");
  const auto first = answer();
  sparse::kernels::use_instruction_set("");
  const auto second = answer();
  EXPECT_LE(difference(second, std::as_bytes(std::span(first))), kMostRelativeDifference);
  EXPECT_EQ(kept(".model").size(), 2U);
}

TEST_F(SparseModel, GoesWithoutACacheThatCannotBeWritten) {
  ASSERT_TRUE(write_file(folder_.path() / "file", "").ok());
  options_.cache_dir = folder_.path() / "file" / "cache";
  const auto executable = runtime_->load(model_, options_);
  ASSERT_TRUE(executable.ok()) << executable.status().message();
  EXPECT_GT((*executable)->sparse_layers(), 0U);
}

/// What the pass meets in graphs, one thing each.
struct GraphCase {
  std::string name;
  std::size_t sparse_layers;
  std::function<void(TinyIr&)> build;
  double most_difference = kMostRelativeDifference;
};

void PrintTo(const GraphCase& c, std::ostream* out) { *out << c.name; }

constexpr const char* kMatMul = R"(<data transpose_a="false" transpose_b="false"/>)";
constexpr const char* kSum = R"(<data auto_broadcast="numpy"/>)";
constexpr const char* kConvolution =
    R"(<data strides="1,1" dilations="1,1" pads_begin="1,1" pads_end="1,1" auto_pad="explicit"/>)";

// Every `keep`-th weight is not zero.
int convolution(TinyIr& ir, const std::string& name, int x, std::int64_t batch, std::size_t keep = 4) {
  const int w = ir.constant(name + "/w", {16, 16, 3, 3}, nullptr, keep);
  return ir.add(name, "Convolution", "opset1", kConvolution, {x, w}, {batch, 16, 12, 12});
}

int linear(TinyIr& ir, const std::string& name, int x) {
  const int w = ir.constant(name + "/w", {32, 32}, nullptr, 4);
  return ir.add(name, "MatMul", "opset1", kMatMul, {x, w}, {8, 32});
}

int fake_quantize(TinyIr& ir, int x, const TinyIr::Dims& range) {
  const float low = -1, high = 1;
  const int a = ir.constant("low", range, &low), b = ir.constant("high", range, &high);
  return ir.add("quantized", "FakeQuantize", "opset1", R"(<data levels="256" auto_broadcast="numpy"/>)",
                {x, a, b, a, b}, {8, 32});
}

class SparseGraphs : public ::testing::TestWithParam<GraphCase> {
 protected:
  std::vector<float> answer(SparseLayers layers, std::size_t* sparse_layers = nullptr) {
    CompileOptions options;
    options.sparse_layers = layers;
    auto executable = runtime_->load(model_, options);
    EXPECT_TRUE(executable.ok()) << executable.status().message();
    if (sparse_layers != nullptr) *sparse_layers = (*executable)->sparse_layers();
    const auto session = (*executable)->new_session().value();
    std::vector<Numbers> inputs;
    for (std::size_t k = 0; k < (*executable)->inputs().size(); ++k) {
      inputs.emplace_back((*executable)->inputs()[k].bytes() / sizeof(float), static_cast<unsigned>(k), 0);
      EXPECT_TRUE(session->bind_input(k, inputs.back().buffer().span()).ok());
    }
    std::vector<HostBuffer> outputs;
    for (std::size_t k = 0; k < (*executable)->outputs().size(); ++k) {
      outputs.emplace_back((*executable)->outputs()[k].bytes());
      EXPECT_TRUE(session->bind_output(k, outputs.back().span()).ok());
    }
    EXPECT_TRUE(session->run().ok());
    std::vector<float> all;
    for (const HostBuffer& y : outputs) {
      const auto* numbers = reinterpret_cast<const float*>(y.data());
      all.insert(all.end(), numbers, numbers + y.size() / sizeof(float));
    }
    return all;
  }

  sparseloom::testing::TemporaryFolder folder_;
  std::filesystem::path model_;
  std::unique_ptr<Runtime> runtime_ = make_runtime("openvino").value();
};

INSTANTIATE_TEST_SUITE_P(
    , SparseGraphs,
    ::testing::Values(
        GraphCase{"batch of images, bias, residual and ReLU", 2,
                  [](TinyIr& ir) {
                    const int x = ir.parameter("x", {3, 16, 12, 12});
                    const int first = convolution(ir, "first", x, 3);
                    const int bias = ir.constant("bias", {1, 16, 1, 1});
                    const int biased = ir.add("biased", "Add", "opset1", kSum,
                                              {convolution(ir, "second", first, 3), bias}, {3, 16, 12, 12});
                    const int sum = ir.add("sum", "Add", "opset1", kSum, {biased, first}, {3, 16, 12, 12});
                    ir.result(ir.add("y", "ReLU", "opset1", "", {sum}, {3, 16, 12, 12}));
                  }},
        GraphCase{"a result that others read too", 1,
                  [](TinyIr& ir) {
                    const int x = ir.parameter("x", {8, 32});
                    const int y = linear(ir, "layer", x);
                    ir.result(y);
                    ir.result(ir.add("sum", "Add", "opset1", kSum, {y, x}, {8, 32}));
                  }},
        GraphCase{"a layer added to itself", 1,
                  [](TinyIr& ir) {
                    const int y = linear(ir, "layer", ir.parameter("x", {8, 32}));
                    ir.result(ir.add("sum", "Add", "opset1", kSum, {y, y}, {8, 32}));
                  }},
        GraphCase{
            "one quantization of two inputs", 2,
            [](TinyIr& ir) {
              const int x = fake_quantize(ir, ir.parameter("x", {8, 32}), {});
              ir.result(ir.add("y", "Subtract", "opset1", kSum, {linear(ir, "a", x), linear(ir, "b", x)}, {8, 32}));
            },
            kMostInt8Difference},
        GraphCase{"a range per channel", 1,
                  [](TinyIr& ir) {
                    ir.result(linear(ir, "layer", fake_quantize(ir, ir.parameter("x", {8, 32}), {1, 32})));
                  },
                  kMostInt8Difference},
        GraphCase{"groups", 1,
                  [](TinyIr& ir) {
                    const int x = ir.parameter("x", {2, 16, 12, 12}), w = ir.constant("w", {4, 4, 4, 3, 3}, nullptr, 3);
                    ir.result(ir.add("y", "GroupConvolution", "opset1", kConvolution, {x, w}, {2, 16, 12, 12}));
                  }},
        GraphCase{"sound", 1,
                  [](TinyIr& ir) {
                    const int x = ir.parameter("x", {2, 8, 50}), w = ir.constant("w", {16, 8, 3}, nullptr, 3);
                    ir.result(
                        ir.add("y", "Convolution", "opset1",
                               R"(<data strides="2" dilations="1" pads_begin="1" pads_end="0" auto_pad="explicit"/>)",
                               {x, w}, {2, 16, 25}));
                  }},
        GraphCase{"nothing pruned", 0,
                  [](TinyIr& ir) {
                    ir.result(convolution(ir, "y", ir.parameter("x", {1, 16, 12, 12}), 1, 1));
                  }}),
    [](const auto& each) { return std::to_string(each.index); });

TEST_P(SparseGraphs, AnswerAsTheDenseOnesDo) {
  TinyIr ir;
  GetParam().build(ir);
  model_ = ir.write(folder_.path() / "m.xml");
  const auto dense = answer(SparseLayers::kNone);
  std::size_t sparse_layers = 0;
  const auto sparse = answer(SparseLayers::kAll, &sparse_layers);
  EXPECT_EQ(sparse_layers, GetParam().sparse_layers);
  EXPECT_LE(difference(sparse, std::as_bytes(std::span(dense))), GetParam().most_difference);
  EXPECT_LE(difference(answer(SparseLayers::kWhereFaster), std::as_bytes(std::span(dense))),
            GetParam().most_difference);
}

// The demo zoo's most pruned variants, each whole, with every layer that can be sparse so.
TEST(SparseModels, AnswerAsTheDenseOnesDo) {
  const zoo::Zoo zoo = zoo::load_zoo(SPARSELOOM_SOURCE_DIR "/zoos/demo").value();
  const auto runtime = make_runtime("openvino").value();
  for (const zoo::Task& task : zoo.tasks) {
    SCOPED_TRACE(task.name);
    const auto variant = std::find_if(task.variants.rbegin(), task.variants.rend(),
                                      [](const zoo::Variant& v) { return v.name.starts_with("unstructured"); });
    ASSERT_NE(variant, task.variants.rend());
    const zoo::Dataset data = zoo::Dataset::load(zoo, task, task.profile).value();
    std::vector<std::vector<float>> answers;
    for (const SparseLayers layers : {SparseLayers::kNone, SparseLayers::kAll, SparseLayers::kWhereFaster}) {
      CompileOptions options;
      options.sparse_layers = layers;
      const auto executable = runtime->load(variant->model, options).value();
      if (layers == SparseLayers::kAll) {
        EXPECT_GE(executable->sparse_layers(), 8U);
      } else if (layers == SparseLayers::kNone) {
        EXPECT_EQ(executable->sparse_layers(), 0U);
      }
      const auto session = executable->new_session().value();
      HostBuffer y(executable->outputs()[0].bytes());
      ASSERT_TRUE(session->bind_output(0, y.span()).ok());
      std::vector<float>& all = answers.emplace_back();
      for (std::size_t sample = 0; sample < 4; ++sample) {
        std::vector<HostBuffer> inputs;
        for (std::size_t k = 0; k < task.inputs.size(); ++k) {
          const auto bytes = data.input(sample, k);
          std::memcpy(inputs.emplace_back(bytes.size()).data(), bytes.data(), bytes.size());
          ASSERT_TRUE(session->bind_input(k, inputs.back().span()).ok());
        }
        ASSERT_TRUE(session->run().ok());
        const auto* values = reinterpret_cast<const float*>(y.data());
        all.insert(all.end(), values, values + y.size() / sizeof(float));
      }
    }
    EXPECT_LE(difference(answers[1], std::as_bytes(std::span(answers[0]))), kMostRelativeDifference);
    EXPECT_LE(difference(answers[2], std::as_bytes(std::span(answers[0]))), kMostRelativeDifference);
  }
}

}  // namespace
}  // namespace sparseloom::backend
