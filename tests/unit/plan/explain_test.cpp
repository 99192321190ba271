#include "sparseloom/plan/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_world.h"

namespace sparseloom::plan {
namespace {

using testing::add_task;
using ::testing::HasSubstr;
using testing::World;
using testing::world_of;

TaskExplanation explained(Slo slo) {
  World world = world_of(1);
  add_task(world, "image", 2, {{"dense", 2, 0.9}, {"small", 1, 0.7}}, slo);
  const auto plan = (*find_planner("sparseloom"))->plan(world.problem());
  EXPECT_TRUE(plan.ok());
  const auto all = explain(world.problem(), *plan);
  EXPECT_TRUE(all.ok());
  return (*all)[0];
}

TEST(Explain, CountsWhatEachBoundLeaves) {
  const TaskExplanation e = explained({0.8, from_ms(3)});
  EXPECT_EQ(e.stitched, 4u);
  EXPECT_EQ(e.accurate, 3u);
  EXPECT_EQ(e.feasible, 2u);
  EXPECT_EQ(e.feasible_originals, 0u);
  EXPECT_TRUE(e.accuracy_binds) << "small|small would be faster";
  EXPECT_TRUE(e.latency_binds) << "dense|dense would be more accurate";
  EXPECT_THAT(e.text, HasSubstr("both bounds bind"));
  EXPECT_THAT(e.text, HasSubstr("(0 of them original)"));
}

TEST(Explain, SaysWhichBoundBinds) {
  EXPECT_THAT(explained({0.8, from_ms(9)}).text, HasSubstr("the accuracy bound binds"));
  EXPECT_THAT(explained({0.1, from_ms(3)}).text, HasSubstr("the latency bound binds"));
  EXPECT_THAT(explained({0.1, from_ms(9)}).text, HasSubstr("neither bound binds"));
}

TEST(Explain, SaysWhichBoundIsMissedAndWhatThereIs) {
  EXPECT_THAT(explained({0.85, from_ms(2.5)}).text,
              HasSubstr("Misses the latency bound of 2.50 ms: this choice takes 4.00 ms, the fastest accurate enough "
                        "4.00 ms."));
  EXPECT_THAT(explained({0.95, from_ms(9)}).text,
              HasSubstr("Misses the accuracy bound of 95.0 %: this choice has 90.0 %, the best there is 90.0 %."));
}

}  // namespace
}  // namespace sparseloom::plan
