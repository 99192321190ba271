#include "sparseloom/eval/placements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sparseloom::eval {
namespace {

using ::testing::DoubleNear;
using ::testing::SizeIs;

PlacementRow row(const char* network, const char* method, double latency, double alone) {
  PlacementRow row;
  row.network = network;
  row.soc = "s";
  row.method = method;
  row.latency = latency;
  row.over_alone = alone / latency;
  row.decided_in = latency / 10;
  return row;
}

TEST(Placements, AreSummedUpByMethod) {
  PlacementRow none = row("a", "gpu", 1, 1);
  none.why_not = "this machine has no GPU";
  const auto methods = summarize(
      {row("a", "exact", 2, 4), row("a", "greedy", 8, 4), none, row("b", "exact", 2, 2), row("b", "greedy", 2, 2)});
  ASSERT_THAT(methods, SizeIs(2)) << "gpu has no answer";
  EXPECT_EQ(methods[0].method, "exact");
  EXPECT_THAT(methods[0].over_alone, DoubleNear(1.4142, 1e-3)) << "2 and 1, geometric mean";
  EXPECT_EQ(methods[0].worst_over_alone, 1);
  EXPECT_EQ(methods[0].worst_over_exact, 1);
  EXPECT_EQ(methods[1].method, "greedy");
  EXPECT_EQ(methods[1].worst_over_alone, 0.5);
  EXPECT_THAT(methods[1].over_exact, DoubleNear(2, 1e-9)) << "4 and 1";
  EXPECT_EQ(methods[1].worst_over_exact, 4);
  EXPECT_DOUBLE_EQ(methods[1].slowest_decision, 0.8);
}

}  // namespace
}  // namespace sparseloom::eval
