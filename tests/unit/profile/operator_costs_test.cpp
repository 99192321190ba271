// What operators cost on a modelled machine, share by share.
#include "sparseloom/profile/analytical/operator_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/made_graph.h"

namespace sparseloom::profile {
namespace {

using ::testing::HasSubstr;
using backend::EdgeId;
using backend::Graph;
using backend::Node;
using testing::MadeGraph;
using testing::node;
using ::testing::SizeIs;

// A CPU of 1 Gop/s and a GPU of 10 with memory of its own, both of 1 MB/s.
soc::SocFile machine() {
  soc::SocFile file;
  file.soc.name = "made up";
  for (const std::string device : {"CPU", "GPU"}) {
    soc::Processor processor;
    processor.name = device;
    processor.device = device;
    processor.memory_domain = device;
    processor.providers = {backend::Provider::kOpenVino};
    file.soc.processors.push_back(processor);
    soc::Rates rates;
    for (soc::Arithmetic& a : rates.arithmetic) a = {backend::Precision::kFp32, device == "CPU" ? 1e9 : 1e10};
    rates.bytes_per_second = 1e6;
    rates.per_operator = Seconds(1e-6);
    file.rates.emplace_back(rates);
  }
  file.transfer = soc::Transfer{Seconds(5e-6), 1e-9};
  return file;
}

// y[1,positions,outputs] = x · w
EdgeId linear(MadeGraph& graph, EdgeId x, std::int64_t positions, std::int64_t inputs, std::int64_t outputs) {
  const EdgeId w = graph.constant({outputs, inputs});
  Node product = node("MatMul");
  product.macs = static_cast<double>(positions * inputs * outputs);
  product.weights = {inputs * outputs, 0.25, false};
  return graph.add(std::move(product), {x, w}, {1, positions, outputs});
}

place::CostTable must_cost(const Graph& graph) {
  auto table = modelled_costs(graph, machine());
  EXPECT_TRUE(table.ok()) << table.status().message();
  return table.ok() ? std::move(table).value() : place::CostTable{};
}

TEST(OperatorCosts, AreThoseOfTheRoofline) {
  MadeGraph made;
  const auto table = must_cost(made.returning(made.linear(made.input({1, 100}), 100, 10)));
  ASSERT_THAT(table.groups, SizeIs(1));
  const place::OperatorGroup& group = table.groups[0];
  EXPECT_EQ(group.kind, "MatMul");
  EXPECT_DOUBLE_EQ(group.operations, 2000);
  EXPECT_DOUBLE_EQ(group.bytes, 400 + 4000 + 40);
  EXPECT_TRUE(group.returned);
  EXPECT_DOUBLE_EQ(group.seconds[0][4], 4440 / 1e6 + 1e-6);
  EXPECT_DOUBLE_EQ(table.handover.synchronisation, 5e-6);
  EXPECT_EQ(table.processors[1].kind, place::ProcessorKind::kGpu);
  EXPECT_NE(table.processors[1].memory_domain, table.processors[0].memory_domain);
}

TEST(OperatorCosts, APositionsShareReadsItsRowsAndAllWeights) {
  MadeGraph made;
  const auto table = must_cost(made.returning(linear(made, made.input({1, 8, 100}), 8, 100, 10)));
  EXPECT_DOUBLE_EQ(table.groups[0].seconds[0][1], (8 * 400 / 4 + 4000 + 8 * 40 / 4) / 1e6 + 1e-6);
  EXPECT_DOUBLE_EQ(table.groups[0].weight_sparsity, 0.25);
}

TEST(OperatorCosts, AnOutputsShareReadsAllRowsAndItsWeights) {
  MadeGraph made;
  const auto table = must_cost(made.returning(made.linear(made.input({1, 100}), 100, 32)));
  EXPECT_DOUBLE_EQ(table.groups[0].seconds[0][1], (400 + 12800 / 4 + 128 / 4) / 1e6 + 1e-6);
}

TEST(OperatorCosts, AShareOfUnevenChannelsIsNone) {
  MadeGraph made;
  const auto table = must_cost(made.returning(made.linear(made.input({1, 100}), 100, 16)));
  EXPECT_EQ(table.groups[0].seconds[0][1], place::kCannot) << "four outputs; kernels compute eight at once";
  EXPECT_LT(table.groups[0].seconds[0][2], place::kCannot);
}

TEST(OperatorCosts, LinearLayersGoAlongUntilSomethingIsMoved) {
  MadeGraph made;
  const EdgeId first = linear(made, made.input({1, 8, 16}), 8, 16, 16);
  const EdgeId second = linear(made, made.add(node("Relu"), {first}, {1, 8, 16}), 8, 16, 16);
  const EdgeId moved = made.add(node("Transpose"), {second}, {1, 16, 8});
  const auto table = must_cost(made.returning(linear(made, moved, 16, 8, 8)));
  ASSERT_THAT(table.groups, SizeIs(3)) << "what is fused is no group of its own";
  EXPECT_TRUE(table.groups[1].along);
  EXPECT_FALSE(table.groups[2].along);
}

TEST(OperatorCosts, WhatNoOutputNeedsIsLeftOut) {
  MadeGraph made;
  const EdgeId x = made.input({1, 16});
  made.linear(x, 16, 64);
  EXPECT_THAT(must_cost(made.returning(made.linear(x, 16, 16))).groups, SizeIs(1));
}

TEST(OperatorCosts, AProcessorWithoutRatesIsNamed) {
  MadeGraph made;
  soc::SocFile file = machine();
  file.rates[1].reset();
  const Status status = modelled_costs(made.returning(made.linear(made.input({1, 4}), 4, 4)), file).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("processor 'GPU' has no rates"));
}

TEST(OperatorCosts, AModelWithoutOperatorsAndOneThatNobodyReadsAreRefused) {
  MadeGraph made;
  EXPECT_THAT(modelled_costs(made.returning(made.input({1})), machine()).status().message(), HasSubstr("no operator"));
  Graph opaque;
  opaque.why_opaque = "m.onnx: strange";
  EXPECT_THAT(modelled_costs(opaque, machine()).status().message(), HasSubstr("m.onnx: strange"));
}

}  // namespace
}  // namespace sparseloom::profile
