#include "sparseloom/profile/analytical/roofline.h"

#include <gtest/gtest.h>

namespace sparseloom::profile {
namespace {

using backend::Edge;
using backend::EdgeId;
using backend::Graph;
using backend::Node;
using backend::NodeId;
using backend::Precision;
using backend::Provider;

Node node(const std::string& op, Precision precision = Precision::kFp32) {
  Node made;
  made.op = op;
  made.constant = op == "Constant";
  made.precision = precision;
  return made;
}

// A graph put together operator by operator; every operator has one output.
class Made {
 public:
  EdgeId input(const Shape& shape) {
    const EdgeId edge = add(node("Parameter"), {}, shape);
    graph_.inputs.push_back(edge);
    return edge;
  }
  EdgeId constant(const Shape& shape) { return add(node("Constant"), {}, shape); }
  EdgeId add(Node made, const std::vector<EdgeId>& inputs, const Shape& shape) {
    const NodeId id(graph_.nodes.size());
    for (const EdgeId e : inputs) graph_.edges[e.index()].consumers.push_back(id);
    made.inputs = inputs;
    made.outputs = {EdgeId(graph_.edges.size())};
    graph_.nodes.push_back(std::move(made));
    graph_.edges.push_back({.spec = {"", ElementType::kF32, shape}, .producer = id, .consumers = {}});
    return graph_.nodes.back().outputs.front();
  }
  // y[1,outputs] = x[1,inputs] · w
  EdgeId linear(EdgeId x, std::int64_t inputs, std::int64_t outputs, Precision precision = Precision::kFp32,
                double zeros = 0, bool two_of_four = false) {
    const EdgeId w = constant({outputs, inputs});
    Node product = node("MatMul", precision);
    product.macs = static_cast<double>(inputs * outputs);
    product.weights = {inputs * outputs, zeros, two_of_four};
    return add(std::move(product), {x, w}, {1, outputs});
  }
  EdgeId relu(EdgeId x, std::int64_t size) { return add(node("Relu"), {x}, {1, size}); }
  const Graph& returning(EdgeId edge) {
    graph_.outputs = {edge};
    return graph_;
  }

 private:
  Graph graph_;
};

// 1 Gop/s in fp32, 2 in fp16, 4 in int8; memory so fast that it does not count.
soc::Rates compute_bound() {
  soc::Rates rates;
  rates.of(Precision::kFp32) = {Precision::kFp32, 1e9};
  rates.of(Precision::kFp16) = {Precision::kFp16, 2e9};
  rates.of(Precision::kInt8) = {Precision::kInt8, 4e9};
  rates.bytes_per_second = 1e30;
  return rates;
}

// Arithmetic so fast that it does not count; 1 MB/s.
soc::Rates memory_bound() {
  soc::Rates rates = compute_bound();
  for (soc::Arithmetic& a : rates.arithmetic) a.operations_per_second = 1e18;
  rates.bytes_per_second = 1e6;
  return rates;
}

double seconds(const Graph& graph, const soc::Rates& rates, backend::Provider provider = backend::Provider::kOpenVino) {
  return roofline(graph, rates, provider).median.count();
}

TEST(Roofline, AMultiplyAccumulateIsTwoOperations) {
  Made made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10));
  const Latency latency = roofline(graph, compute_bound(), backend::Provider::kOpenVino);
  EXPECT_DOUBLE_EQ(latency.median.count(), 2 * 1000 / 1e9);
  EXPECT_EQ(latency.q1, latency.median);
  EXPECT_EQ(latency.count, 1);
  EXPECT_EQ(latency.resident, Bytes{4000});
}

TEST(Roofline, BytesAreInputsWeightsAndOutputs) {
  Made made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10));
  EXPECT_DOUBLE_EQ(seconds(graph, memory_bound()), (400 + 4000 + 40) / 1e6);
}

TEST(Roofline, EveryOperatorTakesTheLongerOfTheTwo) {
  Made made;  // the first computes longer than it reads, the second reads longer than it computes
  const EdgeId hidden = made.linear(made.input({1, 100}), 100, 10);
  const Graph& graph = made.returning(made.linear(hidden, 10, 1));
  soc::Rates rates = compute_bound();
  rates.bytes_per_second = 2.5e9;
  EXPECT_DOUBLE_EQ(seconds(graph, rates), 2000 / 1e9 + (40 + 40 + 4) / 2.5e9);
}

TEST(Roofline, LaunchOncePlusOverheadPerOperator) {
  Made made;
  const EdgeId hidden = made.linear(made.input({1, 100}), 100, 10);
  const Graph& graph = made.returning(made.linear(hidden, 10, 1));
  soc::Rates rates = compute_bound();
  const double without = seconds(graph, rates);
  rates.launch = Seconds(1e-3);
  rates.per_operator = Seconds(1e-4);
  EXPECT_DOUBLE_EQ(seconds(graph, rates), without + 1e-3 + 2e-4);
}

TEST(Roofline, FusesWhatAloneReadsAResultOfItsSize) {
  Made made;
  const EdgeId x = made.input({1, 100});
  const EdgeId y = made.relu(made.linear(x, 100, 10), 10);
  soc::Rates rates = memory_bound();
  rates.per_operator = Seconds(1);
  EXPECT_DOUBLE_EQ(seconds(made.returning(y), rates), 1 + (400 + 4000 + 40) / 1e6);

  Made residual;  // x is read twice: by the layer, and by the sum, which is fused with the layer
  const EdgeId again = residual.input({1, 10});
  const EdgeId sum = residual.add(node("Add"), {again, residual.linear(again, 10, 10)}, {1, 10});
  EXPECT_DOUBLE_EQ(seconds(residual.returning(sum), rates), 1 + (40 + 400 + 40 + 40) / 1e6);

  Made reduced;  // writes fewer numbers: an operator of its own
  const EdgeId mean = reduced.add(node("ReduceMean"), {reduced.linear(reduced.input({1, 100}), 100, 10)}, {1, 1});
  EXPECT_DOUBLE_EQ(seconds(reduced.returning(mean), rates), 2 + (400 + 4000 + 40 + 40 + 4) / 1e6);
}

TEST(Roofline, Int8ComputesAndMovesInBytes) {
  Made made;
  const EdgeId x = made.add(node("FakeQuantize", Precision::kInt8), {made.input({1, 100})}, {1, 100});
  const Graph& graph = made.returning(made.linear(x, 100, 10, Precision::kInt8));
  EXPECT_DOUBLE_EQ(seconds(graph, compute_bound()), 2000 / 4e9);
  EXPECT_DOUBLE_EQ(seconds(graph, memory_bound()), (400 + 100 + 100 + 1000 + 40) / 1e6);
  EXPECT_EQ(roofline(graph, compute_bound(), backend::Provider::kOpenVino).resident, Bytes{1000});
}

TEST(Roofline, AFormatThatAProcessorLacksRunsAsTheOneItNames) {
  Made made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10));
  soc::Rates rates = compute_bound();
  rates.of(Precision::kFp32) = {Precision::kFp16, 0};
  EXPECT_DOUBLE_EQ(seconds(graph, rates), 2000 / 2e9);
  EXPECT_EQ(roofline(graph, rates, backend::Provider::kOpenVino).resident, Bytes{2000});
}

TEST(Roofline, Fp16WeightsTakeTwoBytes) {
  Made made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10, Precision::kFp16));
  EXPECT_DOUBLE_EQ(seconds(graph, compute_bound()), 2000 / 2e9);
  EXPECT_DOUBLE_EQ(seconds(graph, memory_bound()), (400 + 2000 + 20) / 1e6);
}

TEST(Roofline, UnstructuredZerosCountForTheSparseProviderAlone) {
  Made made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10, Precision::kFp32, 0.9));
  soc::Rates rates = compute_bound();
  rates.unstructured[static_cast<std::size_t>(Precision::kFp32)] = {{0.5, 1}, {0.9, 4}};
  EXPECT_DOUBLE_EQ(seconds(graph, rates, backend::Provider::kOpenVino), 2000 / 1e9);
  EXPECT_DOUBLE_EQ(seconds(graph, rates, backend::Provider::kSparse), 2000 / 4e9);
  EXPECT_EQ(roofline(graph, rates, backend::Provider::kSparse).resident, Bytes{600});  // 100 non-zeros of 6 bytes
}

TEST(Roofline, TwoOfFourCountsWhereTheProcessorHasIt) {
  Made made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10, Precision::kInt8, 0.5, true));
  soc::Rates rates = compute_bound();
  EXPECT_DOUBLE_EQ(seconds(graph, rates), 2000 / 4e9);
  rates.two_of_four[static_cast<std::size_t>(Precision::kInt8)] = 2;
  EXPECT_DOUBLE_EQ(seconds(graph, rates), 2000 / 8e9);
  EXPECT_EQ(roofline(graph, rates, backend::Provider::kOpenVino).resident, Bytes{500 + 125});

  Made scattered;  // as many zeros, but anywhere
  const Graph& other = scattered.returning(scattered.linear(scattered.input({1, 100}), 100, 10, Precision::kInt8, 0.5));
  EXPECT_DOUBLE_EQ(seconds(other, rates), 2000 / 4e9);
}

}  // namespace
}  // namespace sparseloom::profile
