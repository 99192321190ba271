#include "sparseloom/plan/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_world.h"

namespace sparseloom::plan {
namespace {

using testing::add_task;
using testing::change_processor;
using ::testing::HasSubstr;
using ::testing::Not;
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

TEST(Explain, SaysWhichAlternativeWasNext) {
  const TaskExplanation e = explained({0.8, from_ms(9)});
  EXPECT_THAT(e.text, HasSubstr("Next would be"));
  ASSERT_TRUE(e.alternatives.next);
  EXPECT_DOUBLE_EQ(to_ms(e.alternatives.next->latency), 3) << "the other way round";
  EXPECT_THAT(e.text, HasSubstr("the busiest processor as busy"));
  EXPECT_THAT(explained({0.9, from_ms(9)}).text, HasSubstr("No other stitched variant keeps all of its bounds."));
}

TEST(Explain, SaysThatTheBottleneckBinds) {
  // `a` would be faster where `b` has to run.
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.kind = "little"; });
  add_task(world, "a", 1, {{"dense", 1, 0.9}}, {0.8, from_ms(9)});
  add_task(world, "b", 1, {{"dense", 4, 0.9}}, {0.8, from_ms(9)});
  testing::set_ms(world, 0, 0, 0, 1, 3);
  testing::set_ms(world, 1, 0, 0, 1, 100);
  const auto plan = (*find_planner("exact"))->plan(world.problem());
  const auto all = explain(world.problem(), *plan);
  ASSERT_TRUE(all.ok());
  EXPECT_THAT((*all)[0].text, HasSubstr("The bottleneck binds: dense on cpu0 (1.00 ms, 90.0 %) is faster alone, but "
                                        "makes the busiest processor 25.0 % more busy."));
  EXPECT_THAT((*all)[1].text, Not(HasSubstr("The bottleneck binds")));
}

TEST(Explain, SaysThatTheMemoryBudgetBinds) {
  World world = world_of(1);
  add_task(world, "a", 1, {{"fast", 1, 0.9}, {"small", 2, 0.9}}, {0.8, from_ms(9)});
  for (const std::size_t v : {0U, 1U}) {
    const Seconds time = from_ms(v == 0 ? 1 : 2);
    world.profile.tasks[0].set_latency(zoo::VariantId(v), zoo::StageId(0), soc::ProcessorId(0),
                                       backend::Provider::kOpenVino,
                                       {time, time, time, 10, Bytes{v == 0 ? 100U : 40U}});
  }
  Problem problem = world.problem();
  problem.memory_budget = Bytes{60};
  const auto plan = (*find_planner("exact"))->plan(problem);
  const auto all = explain(problem, *plan);
  ASSERT_TRUE(all.ok());
  EXPECT_THAT((*all)[0].text,
              HasSubstr("The memory budget binds: without it fast on cpu0 (1.00 ms, 90.0 %) would leave "
                        "the busiest processor 50.0 % less busy."));
}

}  // namespace
}  // namespace sparseloom::plan
