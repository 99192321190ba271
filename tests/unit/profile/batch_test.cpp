// Graphs of models that serve several requests at once.
#include "sparseloom/profile/analytical/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/made_graph.h"

namespace sparseloom::profile {
namespace {

using backend::EdgeId;
using backend::Graph;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MadeGraph;
using testing::node;

TEST(WithBatch, WhatDependsOnInputsGrowsAndWeightsStay) {
  MadeGraph made;
  const EdgeId x = made.input({1, 100});
  const EdgeId scale = made.add(node("Relu"), {made.constant({1, 10})}, {1, 10});
  const EdgeId product = made.linear(x, 100, 10);
  const EdgeId y = made.add(node("Multiply"), {product, scale}, {1, 10});
  const auto graph = with_batch(made.returning(y), 4);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_THAT(graph->edge(x).spec.shape, ElementsAre(4, 100));
  EXPECT_THAT(graph->edge(product).spec.shape, ElementsAre(4, 10));
  EXPECT_THAT(graph->edge(y).spec.shape, ElementsAre(4, 10));
  EXPECT_THAT(graph->edge(scale).spec.shape, ElementsAre(1, 10)) << "no request has a part in it";
  const backend::Node& matmul = graph->node(graph->edge(product).producer);
  EXPECT_EQ(matmul.macs, 4 * 1000);
  EXPECT_EQ(matmul.weights.count, 1000);
  EXPECT_THAT(graph->edge(matmul.inputs[1]).spec.shape, ElementsAre(10, 100));
}

TEST(WithBatch, OfOneIsTheSame) {
  MadeGraph made;
  const Graph& one = made.returning(made.linear(made.input({3, 100}), 100, 10));
  EXPECT_THAT(with_batch(one, 1)->edge(one.inputs[0]).spec.shape, ElementsAre(3, 100));
}

TEST(WithBatch, IsRefusedWhereTheFirstAxisIsNoBatchOfOne) {
  MadeGraph made;
  const Graph& graph = made.returning(made.linear(made.input({128, 100}), 100, 10));
  const Status refused = with_batch(graph, 2).status();
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.message(), HasSubstr("has the shape [128,100]: a batch is a first axis"));
  EXPECT_EQ(with_batch(graph, 0).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace sparseloom::profile
