// Requests that are cancelled, tasks that no plan serves (yet), and engines that stop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_world.h"

namespace sparseloom::engine {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::FakeWorld;
using testing::Gate;
using testing::Inputs;
using testing::Log;
using ::testing::UnorderedElementsAre;

constexpr zoo::TaskId kTask(0);

std::vector<std::size_t> cancelled(const Log& log) {
  std::vector<std::size_t> ids;
  for (const testing::Seen& seen : log.all) {
    if (seen.status.code() == Code::kCancelled) ids.push_back(seen.id);
  }
  return ids;
}

/// One task and one slot; request 0 waits at a gate in the stage `held`.
struct Held {
  explicit Held(std::size_t stage, EngineOptions options = {.slots_per_task = 1}) : world(1), inputs(4) {
    world.on_run = [this, stage](const SubgraphKey& key, std::span<const float> in, std::span<float>) {
      stages_run += in[0] == 0 ? 1 : 0;
      if (in[0] == 0 && key.stage.index() == stage) gate.wait();
      return Status();
    };
    engine = world.start(world.plan_of(0), log.callback(), std::move(options));
    EXPECT_TRUE(engine->submit(testing::request(0), inputs[0]).ok());
    gate.until_reached();
  }
  FakeWorld world;
  Inputs inputs;
  Gate gate;
  Log log;
  std::atomic<int> stages_run{0};
  std::unique_ptr<Engine> engine;
};

TEST(Cancel, ARequestThatWaitsIsRemovedAtOnce) {
  Held held(0);
  for (std::size_t s = 1; s < 4; ++s) ASSERT_TRUE(held.engine->submit(testing::request(s), held.inputs[s]).ok());
  EXPECT_TRUE(held.engine->cancel(kTask, sched::RequestId(2)));
  EXPECT_THAT(cancelled(held.log), ElementsAre(2)) << "before the others have been served";
  EXPECT_FALSE(held.engine->cancel(kTask, sched::RequestId(2)));
  held.gate.open();
  held.engine->drain();
  EXPECT_THAT(held.log.ids(), ElementsAre(2, 0, 1, 3));
}

TEST(Cancel, ARequestInFlightEndsAfterTheStageThatItIsIn) {
  Held held(0);
  ASSERT_TRUE(held.engine->submit(testing::request(1), held.inputs[1]).ok());
  EXPECT_TRUE(held.engine->cancel(kTask, sched::RequestId(0)));
  EXPECT_TRUE(held.log.all.empty());
  held.gate.open();
  held.engine->drain();
  EXPECT_THAT(held.log.ids(), ElementsAre(0, 1));
  EXPECT_THAT(cancelled(held.log), ElementsAre(0));
  EXPECT_EQ(held.stages_run, 1);
}

TEST(Cancel, ARequestInItsLastStageCompletes) {
  Held held(2);
  EXPECT_TRUE(held.engine->cancel(kTask, sched::RequestId(0)));
  held.gate.open();
  held.engine->drain();
  ASSERT_EQ(held.log.all.size(), 1U);
  EXPECT_TRUE(held.log.all[0].status.ok());
  EXPECT_FALSE(held.engine->cancel(kTask, sched::RequestId(0)));
}

TEST(Cancel, FromManyThreadsEveryRequestCompletesOnce) {
  FakeWorld world;
  Log log;
  constexpr std::size_t kRequests = 4000;
  const Inputs inputs(kRequests);
  {
    const auto engine = world.start(world.plan_of(1), log.callback(), {.slots_per_task = 2});
    std::atomic<std::size_t> sent{0};
    std::thread canceller([&] {
      for (std::size_t id = 0; id < kRequests; id += 3) {
        while (sent <= id) std::this_thread::yield();
        engine->cancel(zoo::TaskId(id % 2), sched::RequestId(id));
      }
    });
    for (std::size_t s = 0; s < kRequests; ++s) {
      ASSERT_TRUE(engine->submit(testing::request(s, s % 2), inputs[s]).ok());
      sent = s + 1;
    }
    canceller.join();
  }
  std::vector<int> times(kRequests, 0);
  for (const testing::Seen& seen : log.all) {
    ++times[seen.id];
    if (seen.status.ok()) {
      EXPECT_THAT(seen.output, ElementsAre(static_cast<float>(seen.id), 1, 1, 1));
    } else {
      EXPECT_EQ(seen.id % 3, 0U) << seen.status.message();
    }
  }
  EXPECT_THAT(times, Each(1));
}

TEST(Stop, CancelsWhatIsLeftWhenTheGraceIsOver) {
  Held held(1);
  std::size_t submitted = 1, dropped = 0;
  for (; submitted < 4; ++submitted) {
    ASSERT_TRUE(held.engine->submit(testing::request(submitted), held.inputs[submitted]).ok());
  }
  std::thread stopper([&] { dropped = held.engine->stop(Seconds(0)); });
  while (held.engine->submit(testing::request(9), held.inputs[1]).ok()) ++submitted;
  held.gate.open();
  stopper.join();
  EXPECT_EQ(held.log.all.size(), submitted);
  EXPECT_EQ(cancelled(held.log).size(), dropped);
  EXPECT_EQ(held.engine->submit(testing::request(4), held.inputs[1]).code(), Code::kFailedPrecondition);
}

TEST(Stop, WaitsForWhatIsInFlight) {
  FakeWorld world(1);
  Log log;
  const Inputs inputs(50);
  const auto engine = world.start(world.plan_of(0), log.callback());
  for (std::size_t s = 0; s < 50; ++s) ASSERT_TRUE(engine->submit(testing::request(s), inputs[s]).ok());
  EXPECT_EQ(engine->stop(Seconds(60)), 0U);
  EXPECT_EQ(log.all.size(), 50U);
}

/// A plan that does not serve `task`.
std::shared_ptr<const plan::Plan> without(const plan::Plan& plan, zoo::TaskId task) {
  auto less = std::make_shared<plan::Plan>(plan);
  less->tasks[task.index()] = {};
  return less;
}

TEST(TasksThatAreNotServed, WaitForAPlanThatServesThem) {
  FakeWorld world;
  Log log;
  const Inputs inputs(8);
  const auto engine = world.start(without(*world.plan_of(0), kTask), log.callback(), {.slots_per_task = 2});
  for (std::size_t s = 0; s < 8; ++s) {
    ASSERT_TRUE(engine->submit(testing::request(s, s % 2), inputs[s]).ok());
  }
  ASSERT_TRUE(engine->switch_plan(world.plan_of(2)).ok());
  engine->drain();
  EXPECT_THAT(log.ids(), UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  for (const testing::Seen& seen : log.all) {
    if (seen.task == 0) {
      EXPECT_THAT(seen.sigma, ElementsAre(2, 2, 2));
    }
  }
}

TEST(TasksThatAreNotServed, AreCancelledWhenTheEngineEnds) {
  FakeWorld world(1);
  Log log;
  const Inputs inputs(2);
  {
    const auto engine = world.start(without(*world.plan_of(0), kTask), log.callback());
    for (std::size_t s = 0; s < 2; ++s) ASSERT_TRUE(engine->submit(testing::request(s), inputs[s]).ok());
  }
  EXPECT_THAT(cancelled(log), UnorderedElementsAre(0, 1));
}

TEST(TasksThatAreNotServed, MayBeAddedWhileOthersAre) {
  FakeWorld world(2);
  zoo::Zoo grown = world.zoo;
  grown.tasks.push_back(world.zoo.tasks[0]);
  grown.tasks.back().name = "c";
  Log log;
  const Inputs inputs(3);
  const auto engine = world.start(world.plan_of(0), log.callback(), {.task_capacity = 3});
  EXPECT_EQ(engine->submit(testing::request(0, 2), inputs[0]).message(), "task 2: the zoo has 2");
  ASSERT_TRUE(engine->extend(grown).ok());
  for (std::size_t t = 0; t < 3; ++t) ASSERT_TRUE(engine->submit(testing::request(t, t), inputs[t]).ok());
  auto plan = std::make_shared<plan::Plan>(*world.plan_of(1));
  plan->tasks.push_back(plan->tasks[0]);
  ASSERT_TRUE(engine->switch_plan(plan).ok());
  engine->drain();
  EXPECT_THAT(log.ids(), UnorderedElementsAre(0, 1, 2));
  grown.tasks.push_back(grown.tasks[0]);
  EXPECT_EQ(engine->extend(grown).message(), "4 tasks; room was made for 3");
}

}  // namespace
}  // namespace sparseloom::engine
