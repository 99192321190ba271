#include "sparseloom/profile/analytical/roofline.h"

#include <gtest/gtest.h>

#include "tests/support/made_graph.h"

namespace sparseloom::profile {
namespace {

using backend::EdgeId;
using backend::Graph;
using backend::Node;
using backend::NodeId;
using backend::Precision;
using backend::Provider;
using testing::MadeGraph;
using testing::node;

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
  MadeGraph made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10));
  const Latency latency = roofline(graph, compute_bound(), backend::Provider::kOpenVino);
  EXPECT_DOUBLE_EQ(latency.median.count(), 2 * 1000 / 1e9);
  EXPECT_EQ(latency.q1, latency.median);
  EXPECT_EQ(latency.count, 1);
  EXPECT_EQ(latency.resident, Bytes{4000});
}

TEST(Roofline, BytesAreInputsWeightsAndOutputs) {
  MadeGraph made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10));
  EXPECT_DOUBLE_EQ(seconds(graph, memory_bound()), (400 + 4000 + 40) / 1e6);
}

TEST(Roofline, EveryOperatorTakesTheLongerOfTheTwo) {
  MadeGraph made;  // the first computes longer than it reads, the second reads longer than it computes
  const EdgeId hidden = made.linear(made.input({1, 100}), 100, 10);
  const Graph& graph = made.returning(made.linear(hidden, 10, 1));
  soc::Rates rates = compute_bound();
  rates.bytes_per_second = 2.5e9;
  EXPECT_DOUBLE_EQ(seconds(graph, rates), 2000 / 1e9 + (40 + 40 + 4) / 2.5e9);
}

TEST(Roofline, LaunchOncePlusOverheadPerOperator) {
  MadeGraph made;
  const EdgeId hidden = made.linear(made.input({1, 100}), 100, 10);
  const Graph& graph = made.returning(made.linear(hidden, 10, 1));
  soc::Rates rates = compute_bound();
  const double without = seconds(graph, rates);
  rates.launch = Seconds(1e-3);
  rates.per_operator = Seconds(1e-4);
  EXPECT_DOUBLE_EQ(seconds(graph, rates), without + 1e-3 + 2e-4);
}

TEST(Roofline, FusesWhatAloneReadsAResultOfItsSize) {
  MadeGraph made;
  const EdgeId x = made.input({1, 100});
  const EdgeId y = made.relu(made.linear(x, 100, 10), 10);
  soc::Rates rates = memory_bound();
  rates.per_operator = Seconds(1);
  EXPECT_DOUBLE_EQ(seconds(made.returning(y), rates), 1 + (400 + 4000 + 40) / 1e6);

  MadeGraph residual;  // x is read twice: by the layer, and by the sum, which is fused with the layer
  const EdgeId again = residual.input({1, 10});
  const EdgeId sum = residual.add(node("Add"), {again, residual.linear(again, 10, 10)}, {1, 10});
  EXPECT_DOUBLE_EQ(seconds(residual.returning(sum), rates), 1 + (40 + 400 + 40 + 40) / 1e6);

  MadeGraph reduced;  // writes fewer numbers: an operator of its own
  const EdgeId mean = reduced.add(node("ReduceMean"), {reduced.linear(reduced.input({1, 100}), 100, 10)}, {1, 1});
  EXPECT_DOUBLE_EQ(seconds(reduced.returning(mean), rates), 2 + (400 + 4000 + 40 + 40 + 4) / 1e6);
}

TEST(Roofline, Int8ComputesAndMovesInBytes) {
  MadeGraph made;
  const EdgeId x = made.add(node("FakeQuantize", Precision::kInt8), {made.input({1, 100})}, {1, 100});
  const Graph& graph = made.returning(made.linear(x, 100, 10, Precision::kInt8));
  EXPECT_DOUBLE_EQ(seconds(graph, compute_bound()), 2000 / 4e9);
  EXPECT_DOUBLE_EQ(seconds(graph, memory_bound()), (400 + 100 + 100 + 1000 + 40) / 1e6);
  EXPECT_EQ(roofline(graph, compute_bound(), backend::Provider::kOpenVino).resident, Bytes{1000});
}

TEST(Roofline, AFormatThatAProcessorLacksRunsAsTheOneItNames) {
  MadeGraph made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10));
  soc::Rates rates = compute_bound();
  rates.of(Precision::kFp32) = {Precision::kFp16, 0};
  EXPECT_DOUBLE_EQ(seconds(graph, rates), 2000 / 2e9);
  EXPECT_EQ(roofline(graph, rates, backend::Provider::kOpenVino).resident, Bytes{2000});
}

TEST(Roofline, Fp16WeightsTakeTwoBytes) {
  MadeGraph made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10, Precision::kFp16));
  EXPECT_DOUBLE_EQ(seconds(graph, compute_bound()), 2000 / 2e9);
  EXPECT_DOUBLE_EQ(seconds(graph, memory_bound()), (400 + 2000 + 20) / 1e6);
}

TEST(Roofline, UnstructuredZerosCountForTheSparseProviderAlone) {
  MadeGraph made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10, Precision::kFp32, 0.9));
  soc::Rates rates = compute_bound();
  rates.unstructured[static_cast<std::size_t>(Precision::kFp32)] = {{0.5, 1}, {0.9, 4}};
  EXPECT_DOUBLE_EQ(seconds(graph, rates, backend::Provider::kOpenVino), 2000 / 1e9);
  EXPECT_DOUBLE_EQ(seconds(graph, rates, backend::Provider::kSparse), 2000 / 4e9);
  EXPECT_EQ(roofline(graph, rates, backend::Provider::kSparse).resident, Bytes{600});  // 100 non-zeros of 6 bytes
}

TEST(Roofline, TwoOfFourCountsWhereTheProcessorHasIt) {
  MadeGraph made;
  const Graph& graph = made.returning(made.linear(made.input({1, 100}), 100, 10, Precision::kInt8, 0.5, true));
  soc::Rates rates = compute_bound();
  EXPECT_DOUBLE_EQ(seconds(graph, rates), 2000 / 4e9);
  rates.two_of_four[static_cast<std::size_t>(Precision::kInt8)] = 2;
  EXPECT_DOUBLE_EQ(seconds(graph, rates), 2000 / 8e9);
  EXPECT_EQ(roofline(graph, rates, backend::Provider::kOpenVino).resident, Bytes{500 + 125});

  MadeGraph scattered;  // as many zeros, but anywhere
  const Graph& other = scattered.returning(scattered.linear(scattered.input({1, 100}), 100, 10, Precision::kInt8, 0.5));
  EXPECT_DOUBLE_EQ(seconds(other, rates), 2000 / 4e9);
}

}  // namespace
}  // namespace sparseloom::profile
