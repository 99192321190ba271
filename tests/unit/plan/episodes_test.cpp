#include "sparseloom/plan/episodes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sparseloom::plan {
namespace {

TEST(EpisodeOrders, OfFewTasksAreAll) {
  EXPECT_EQ(episode_orders(4).size(), 24U);
  EXPECT_EQ(episode_orders(1).size(), 1U);
  EXPECT_EQ(episode_orders(3)[1], (std::vector{zoo::TaskId(0), zoo::TaskId(2), zoo::TaskId(1)}));
}

TEST(EpisodeOrders, OfManyTasksAreAFewDrawnOnceForAll) {
  for (const std::size_t tasks : {5U, 20U}) {
    const auto orders = episode_orders(tasks);
    EXPECT_EQ(orders.size(), 24U);
    EXPECT_EQ(orders, episode_orders(tasks));
    EXPECT_NE(orders[0], orders[1]);
    for (std::vector<zoo::TaskId> order : orders) {
      std::sort(order.begin(), order.end());
      for (std::size_t t = 0; t < tasks; ++t) EXPECT_EQ(order[t], zoo::TaskId(t));
    }
  }
}

TEST(Episode, HasOneRequestPerEntryEachAShareOfTheBoundAfterItsPredecessor) {
  const std::vector<Slo> slos{{0, from_ms(4)}, {0, from_ms(10)}};
  const ArrivalSequence episode = episode_arrivals({zoo::TaskId(1), zoo::TaskId(0), zoo::TaskId(1)}, slos, 2);
  ASSERT_EQ(episode.size(), 3U);
  EXPECT_EQ(episode[0].at, Seconds(0));
  EXPECT_DOUBLE_EQ(to_ms(episode[1].at), 5);
  EXPECT_DOUBLE_EQ(to_ms(episode[2].at), 5 + 2);
  EXPECT_EQ(episode[1].task, zoo::TaskId(0));
}

}  // namespace
}  // namespace sparseloom::plan
