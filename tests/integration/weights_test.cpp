// What a graph says of its operators' weights and arithmetic: a roofline stands on it.
#include <gtest/gtest.h>

#include <algorithm>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/zoo/zoo.h"
#include "tests/errors/cli.h"
#include "tests/support/tiny_ir.h"

namespace sparseloom::backend {
namespace {

using testing::TemporaryFolder;
using testing::TinyIr;

// y = x · w with 16 x 16 weights of which every `keep`-th, by rows, is not zero.
Node product(std::size_t keep, bool outputs_first) {
  TinyIr ir;
  const int x = ir.parameter("x", {1, 16});
  const int w = ir.constant("w", {16, 16}, nullptr, keep);
  const std::string data = outputs_first ? R"(<data transpose_a="false" transpose_b="true"/>)"
                                         : R"(<data transpose_a="false" transpose_b="false"/>)";
  ir.result(ir.add("y", "MatMul", "opset1", data, {x, w}, {1, 16}));
  const TemporaryFolder folder;
  const auto model = make_runtime("openvino").value()->read(ir.write(folder.path() / "m.xml")).value();
  const auto& nodes = model->graph().nodes;
  return *std::find_if(nodes.begin(), nodes.end(), [](const Node& n) { return n.op == "MatMul"; });
}

TEST(Weights, AreCountedWithTheirZeros) {
  const Node dense = product(1, true);
  EXPECT_EQ(dense.weights.count, 256);
  EXPECT_EQ(dense.weights.zeros, 0);
  EXPECT_EQ(dense.precision, Precision::kFp32);
  EXPECT_EQ(product(4, true).weights.zeros, 0.75);
}

TEST(Weights, TwoOfFourIsAPatternAlongTheInputs) {
  EXPECT_FALSE(product(1, true).weights.two_of_four);
  EXPECT_TRUE(product(2, true).weights.two_of_four);
  EXPECT_TRUE(product(4, true).weights.two_of_four);
  // The same numbers, read with inputs down the rows: whole columns stay, so all four neighbours do.
  EXPECT_FALSE(product(4, false).weights.two_of_four);
}

double work(const Graph& graph, Precision precision) {
  double macs = 0;
  for (const Node& node : graph.nodes) macs += node.precision == precision ? node.macs : 0;
  return macs;
}

TEST(Weights, OfTheDemoZooAreAsItsVariantsSay) {
  const auto runtime = make_runtime("openvino").value();
  const zoo::Zoo zoo = zoo::load_zoo(testing::demo_zoo()).value();
  for (const zoo::Task& task : zoo.tasks) {
    for (const zoo::Variant& variant : task.variants) {
      const auto model = runtime->read(variant.model).value();
      const Graph& graph = model->graph();
      double weights = 0, zeros = 0;
      for (const Node& node : graph.nodes) {
        weights += static_cast<double>(node.weights.count);
        zeros += static_cast<double>(node.weights.count) * node.weights.zeros;
      }
      const std::string name = task.name + "/" + variant.name;
      const bool int8 = variant.compression.kind.find("int8") != std::string::npos;
      // Quantizing rounds the smallest to zero.
      EXPECT_NEAR(zeros / weights, variant.weight_sparsity, int8 ? 0.05 : 0.005) << name;
      EXPECT_EQ(work(graph, Precision::kInt8) > work(graph, Precision::kFp32), int8) << name;
    }
  }
}

}  // namespace
}  // namespace sparseloom::backend
