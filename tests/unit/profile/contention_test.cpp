#include "sparseloom/profile/measure/contention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <utility>
#include <vector>

#include "scripted_world.h"

namespace sparseloom::profile {
namespace {

using ::testing::AllOf, ::testing::DoubleNear, ::testing::Each, ::testing::ElementsAre, ::testing::Pointwise;
using ::testing::SizeIs;

/// Every stage takes a millisecond, and the first one after a pause as much more as the pause took.
class MadeUpTime {
 public:
  Seconds now() {
    running_ = !running_;
    if (!running_) now_ += from_ms(1) + std::exchange(paused_, Seconds(0));
    return now_;
  }
  void sleep(Seconds time) { paused_ = time; }

 private:
  bool running_ = false;  // between the two readings that a stage is timed by
  Seconds now_{0}, paused_{0};
};

struct ContentionWorld : ScriptedWorld {
  explicit ContentionWorld(std::size_t processors) {
    const soc::Processor first = soc.processors.front();
    soc.processors = {};
    while (soc.processors.size() < processors) soc.processors.push_back(first);
  }
  Result<Contention> measure(const std::atomic<bool>* stop = nullptr) {
    return measure_contention(zoo, soc, *runtime, pieces,
                              {.rounds = 3,
                               .idle_rounds = 3,
                               .compile_cache = {},
                               .control = {.on_progress = {}, .stop = stop},
                               .clock = [this] { return time.now(); },
                               .sleep = [this](Seconds pause) { time.sleep(pause); }});
  }
  MadeUpTime time;
};

Contention::Stage place(std::size_t i, std::size_t processor) {
  return {zoo::TaskId(0), zoo::StageId(i), soc::ProcessorId(processor)};
}

TEST(Contention, OfUnknownThingsIsNone) {
  const Contention nothing;
  EXPECT_EQ(nothing.slowdown(place(0, 0), place(1, 1)), 1);
  EXPECT_EQ(nothing.mean_slowdown(zoo::TaskId(0), zoo::TaskId(0)), 1);
  EXPECT_EQ(nothing.variability(0.99), 1);
  EXPECT_EQ(nothing.cold_penalty(place(0, 0), Seconds(1)), Seconds(0));
  EXPECT_FALSE(nothing.known());
}

TEST(Contention, ColdCachesCostMoreTheLongerProcessorsIdledUpToTheLastPoint) {
  ContentionWorld world(2);
  Contention contention(world.zoo, world.soc);
  contention.set_cold_penalties(place(0, 1), {{from_ms(10), from_ms(1)}, {from_ms(30), from_ms(2)}});
  EXPECT_TRUE(contention.known());
  EXPECT_EQ(contention.cold_penalty(place(0, 1), from_ms(0)), from_ms(0));
  EXPECT_DOUBLE_EQ(to_ms(contention.cold_penalty(place(0, 1), from_ms(5))), 0.5);
  EXPECT_DOUBLE_EQ(to_ms(contention.cold_penalty(place(0, 1), from_ms(20))), 1.5);
  EXPECT_EQ(contention.cold_penalty(place(0, 1), Seconds(std::numeric_limits<double>::infinity())), from_ms(2));
  EXPECT_EQ(contention.cold_penalty(place(1, 1), from_ms(20)), from_ms(0)) << "another stage";
}

TEST(MeasureContention, TimesEveryStageBesideEveryOther) {
  ContentionWorld world(3);
  const auto contention = world.measure();
  ASSERT_TRUE(contention.ok()) << contention.status().message();
  ASSERT_FALSE(contention->variability().empty()) << "nothing was kept, and all below holds of nothing";
  EXPECT_DOUBLE_EQ(contention->slowdown(place(0, 0), place(1, 1)), 1);
  EXPECT_EQ(contention->slowdown(place(0, 0), place(1, 1)), contention->slowdown(place(0, 2), place(1, 0)))
      << "two members of a pool stand for all";
  EXPECT_EQ(contention->slowdown(place(0, 0), place(0, 1)), 1) << "one subgraph: its members take turns";
  EXPECT_EQ(contention->slowdown(place(0, 0), place(1, 0)), 1) << "one processor";
  EXPECT_DOUBLE_EQ(contention->variability(0.5), 1);
  EXPECT_DOUBLE_EQ(contention->variability(1), 1) << "made-up time does not vary";
}

TEST(MeasureContention, TimesWhatIdlingAddsToEveryStage) {
  const auto contention = ContentionWorld(3).measure();
  ASSERT_TRUE(contention.ok()) << contention.status().message();
  std::vector<double> idle, extra, later;
  for (const auto& point : contention->cold_penalties(place(0, 2))) {
    idle.push_back(to_ms(point.idle));
    extra.push_back(to_ms(point.extra));
  }
  for (const auto& point : contention->cold_penalties(place(1, 2))) later.push_back(to_ms(point.extra));
  EXPECT_THAT(idle, ElementsAre(1, 3, 10, 30, 100, 300));
  EXPECT_THAT(extra, Pointwise(DoubleNear(1e-6), idle)) << "the first stage after the pause";
  EXPECT_THAT(later, AllOf(SizeIs(idle.size()), Each(DoubleNear(0, 1e-6))));
}

TEST(MeasureContention, AProcessorAloneHasNone) {
  const auto contention = ContentionWorld(1).measure();
  ASSERT_TRUE(contention.ok()) << contention.status().message();
  EXPECT_TRUE(contention->variability().empty()) << "nobody beside it";
  EXPECT_FALSE(contention->cold_penalties(place(0, 0)).empty()) << "but it idles";
}

TEST(MeasureContention, StopsWhenAsked) {
  const std::atomic<bool> stop{true};
  EXPECT_EQ(ContentionWorld(2).measure(&stop).status().code(), Code::kCancelled);
}

}  // namespace
}  // namespace sparseloom::profile
