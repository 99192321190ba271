// The cost models step by step: what is asked before a group is placed is what it then takes.
#include "sparseloom/place/timeline.h"

#include <gtest/gtest.h>

#include "tests/support/random_cost_table.h"

namespace sparseloom::place {
namespace {

TEST(Timeline, WhatAGroupWouldTakeIsWhatItTakes) {
  for (const CostModel model : kCostModels) {
    std::mt19937_64 random(1);
    for (int trial = 0; trial < 100; ++trial) {
      const CostTable table = testing::random_table({.groups = 8, .processors = 3}, random);
      const std::vector<Share> shares = all_shares(3);
      Timeline timeline(table, model);
      double before = 0;
      while (timeline.groups() < table.groups.size()) {
        const Share& share = shares[random() % shares.size()];
        if (!can_run(table.groups[timeline.groups()], share)) continue;
        const double end = timeline.end_of(share);
        timeline.add(share);
        double last = 0;
        for (std::size_t p = 0; p < 3; ++p)
          if (share[p] > 0) last = std::max(last, timeline.free_at(p));
        EXPECT_DOUBLE_EQ(last, end);
        EXPECT_GE(timeline.latency(), before) << "what comes later makes nothing earlier";
        before = timeline.latency();
      }
    }
  }
}

TEST(Timeline, ClearedItIsAsItWas) {
  std::mt19937_64 random(2);
  const CostTable table = testing::random_table({.groups = 5, .processors = 1}, random);
  for (const CostModel model : kCostModels) {
    Timeline timeline(table, model);
    for (std::size_t g = 0; g < 5; ++g) timeline.add({kQuarters});
    const double latency = timeline.latency();
    timeline.clear();
    EXPECT_EQ(timeline.groups(), 0U);
    EXPECT_EQ(timeline.latency(), 0);
    for (std::size_t g = 0; g < 5; ++g) timeline.add({kQuarters});
    EXPECT_EQ(timeline.latency(), latency);
  }
}

}  // namespace
}  // namespace sparseloom::place
