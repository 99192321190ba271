// What operators cost on a modelled machine, share by share.
#include "sparseloom/profile/analytical/operator_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/made_graph.h"

namespace sparseloom::profile {
namespace {

using backend::EdgeId;
using backend::Graph;
using backend::Node;
using ::testing::HasSubstr;
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
  auto costs = modelled_costs(graph, machine());
  EXPECT_TRUE(costs.ok()) << costs.status().message();
  return costs.ok() ? std::move(costs)->table : place::CostTable{};
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

TEST(OperatorCosts, EnergyIsThatOfTheMachineAndTrafficTheBytesOfAShare) {
  MadeGraph made;
  const Graph graph = made.returning(made.linear(made.input({1, 100}), 100, 32));
  EXPECT_FALSE(must_cost(graph).energy);
  soc::SocFile drawing = machine();
  drawing.energy = soc::EnergyRates{.power = {{1, 5}, {2, 20}}, .joules_per_byte = 64e-12};
  const auto costs = modelled_costs(graph, drawing);
  ASSERT_TRUE(costs.ok() && costs->table.energy);
  EXPECT_EQ(costs->table.energy->power[1].idle, 2);
  EXPECT_EQ(costs->table.energy->power[1].active, 20);
  EXPECT_EQ(costs->table.energy->joules_per_byte, 64e-12);
  EXPECT_DOUBLE_EQ(costs->table.groups[0].traffic[1][4], 400 + 12800 + 128);
  EXPECT_DOUBLE_EQ(costs->table.groups[0].traffic[1][1], 400 + 12800 / 4 + 128 / 4);
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

TEST(OperatorCosts, GroupsOfAnotherNumberOfRowsAreNotDividedAlike) {
  MadeGraph made;
  const EdgeId x = linear(made, made.input({8, 64, 16}), 512, 16, 16);
  const EdgeId gate = linear(made, made.input({1, 64, 16}), 64, 16, 16);
  Node sum = node("Multiply");
  const auto table = must_cost(made.returning(made.add(std::move(sum), {x, gate}, {8, 64, 16})));
  for (const place::OperatorGroup& group : table.groups)
    EXPECT_FALSE(group.along && group.inputs.size() > 1) << group.name;
}

TEST(OperatorCosts, WhatIsFusedMustBeDivisibleToo) {
  MadeGraph made;
  Node softmax = node("Softmax");
  softmax.reach = backend::Reach::kRow;
  const EdgeId logits = made.linear(made.input({1, 64}), 64, 64);  // one position: divided by outputs
  const auto table = must_cost(made.returning(made.add(std::move(softmax), {logits}, {1, 64})));
  ASSERT_THAT(table.groups, SizeIs(1));
  EXPECT_EQ(table.groups[0].seconds[0][2], place::kCannot) << "each half of a row needs the other one";
}

TEST(OperatorCosts, TheHostsMemoryIsThatOfTheFirstCpu) {
  MadeGraph made;
  soc::SocFile file = machine();
  std::vector<soc::Processor> turned{file.soc.processors[1], file.soc.processors[0]};
  file.soc.processors = {};
  for (soc::Processor& processor : turned) file.soc.processors.push_back(std::move(processor));
  const auto costs = modelled_costs(made.returning(made.linear(made.input({1, 4}), 4, 4)), file);
  ASSERT_TRUE(costs.ok()) << costs.status().message();
  EXPECT_EQ(costs->table.processors[0].name, "GPU");
  EXPECT_EQ(costs->table.processors[0].memory_domain, 1U);
  EXPECT_EQ(costs->table.processors[1].memory_domain, 0U);
}

TEST(OperatorCosts, GroupsAloneHaveTensorsAndNoTimes) {
  MadeGraph made;
  const EdgeId x = made.input({1, 8, 16});
  const EdgeId hidden = made.add(node("Relu"), {linear(made, x, 8, 16, 16)}, {1, 8, 16});
  const EdgeId y = linear(made, hidden, 8, 16, 4);
  const auto groups = operator_groups(made.returning(y));
  ASSERT_TRUE(groups.ok()) << groups.status().message();
  EXPECT_THAT(groups->table.processors, SizeIs(0));
  EXPECT_EQ(groups->reads, (std::vector<std::vector<EdgeId>>{{x}, {hidden}}));
  EXPECT_EQ(groups->writes, (std::vector<EdgeId>{hidden, y}));
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
