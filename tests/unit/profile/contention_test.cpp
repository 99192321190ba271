#include "sparseloom/profile/contention.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>

#include "scripted_world.h"

namespace sparseloom::profile {
namespace {

struct ContentionWorld : ScriptedWorld {
  explicit ContentionWorld(std::size_t processors) {
    while (soc.processors.size() < processors) {
      soc.processors.push_back(soc.processors.front());
      soc.processors.back().name = fmt::format("cpu{}", soc.processors.size());
    }
    soc.processors.resize(processors);
  }
  Result<Contention> measure(const std::atomic<bool>* stop = nullptr) {
    return measure_contention(zoo, soc, *runtime, pieces,
                              {.rounds = 3, .compile_cache = {}, .control = {.on_progress = {}, .stop = stop}});
  }
};

Contention::Stage place(std::size_t i, std::size_t processor) {
  return {zoo::TaskId(0), zoo::StageId(i), soc::ProcessorId(processor)};
}

TEST(Contention, OfUnknownThingsIsNone) {
  const Contention nothing;
  EXPECT_EQ(nothing.slowdown(place(0, 0), place(1, 1)), 1);
  EXPECT_EQ(nothing.mean_slowdown(zoo::TaskId(0), zoo::TaskId(0)), 1);
  EXPECT_EQ(nothing.scatter(0.99), 1);
  EXPECT_EQ(nothing.cold(place(0, 0), Seconds(1)), Seconds(0));
  EXPECT_FALSE(nothing.known());
}

TEST(Contention, ColdCachesCostMoreTheLongerProcessorsIdledUpToTheLastPoint) {
  ContentionWorld world(2);
  Contention contention(world.zoo, world.soc);
  contention.set_cold(place(0, 1), {{from_ms(10), from_ms(1)}, {from_ms(30), from_ms(2)}});
  EXPECT_TRUE(contention.known());
  EXPECT_EQ(contention.cold(place(0, 1), from_ms(0)), from_ms(0));
  EXPECT_DOUBLE_EQ(to_ms(contention.cold(place(0, 1), from_ms(5))), 0.5);
  EXPECT_DOUBLE_EQ(to_ms(contention.cold(place(0, 1), from_ms(20))), 1.5);
  EXPECT_EQ(contention.cold(place(0, 1), Seconds(std::numeric_limits<double>::infinity())), from_ms(2));
  EXPECT_EQ(contention.cold(place(1, 1), from_ms(20)), from_ms(0)) << "another stage";
}

TEST(MeasureContention, TimesEveryStageBesideEveryOther) {
  ContentionWorld world(3);
  const auto contention = world.measure();
  ASSERT_TRUE(contention.ok()) << contention.status().message();
  ASSERT_FALSE(contention->scatter().empty()) << "nothing was kept, and all below holds of nothing";
  EXPECT_GT(contention->slowdown(place(0, 0), place(1, 1)), 0);
  EXPECT_EQ(contention->slowdown(place(0, 0), place(1, 1)), contention->slowdown(place(0, 2), place(1, 0)))
      << "two members of a pool stand for all";
  EXPECT_EQ(contention->slowdown(place(0, 0), place(0, 1)), 1) << "one subgraph: its members take turns";
  EXPECT_EQ(contention->slowdown(place(0, 0), place(1, 0)), 1) << "one processor";
  EXPECT_EQ(contention->scatter(0.5), 1);
  EXPECT_GE(contention->scatter(1), contention->scatter(0));
  const auto& cold = contention->cold_points(place(0, 2));
  ASSERT_FALSE(cold.empty());
  EXPECT_GE(cold.front().extra, Seconds(0));
  EXPECT_GE(cold.back().extra, cold.front().extra);
}

TEST(MeasureContention, AProcessorAloneHasNone) {
  const auto contention = ContentionWorld(1).measure();
  ASSERT_TRUE(contention.ok()) << contention.status().message();
  EXPECT_TRUE(contention->scatter().empty()) << "nobody beside it";
  EXPECT_FALSE(contention->cold_points(place(0, 0)).empty()) << "but it idles";
}

TEST(MeasureContention, StopsWhenAsked) {
  const std::atomic<bool> stop{true};
  EXPECT_EQ(ContentionWorld(2).measure(&stop).status().code(), Code::kCancelled);
}

}  // namespace
}  // namespace sparseloom::profile
