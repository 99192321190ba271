#include "sparseloom/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <thread>

#include "fake_world.h"
#include "sparseloom/base/thread.h"

namespace sparseloom::engine {
namespace {

using testing::change_processor;
using ::testing::ElementsAre;
using testing::FakeWorld;
using testing::Gate;
using ::testing::HasSubstr;
using testing::Inputs;
using testing::Log;
using testing::request;

TEST(Engine, AnswersEveryRequestOnceWithItsOwnInput) {
  FakeWorld world;
  Log log;
  const Inputs inputs(300);
  {
    const auto engine = world.start(world.plan_of(2), log.callback());
    for (std::size_t s = 0; s < 300; ++s) ASSERT_TRUE(engine->submit(request(s, s % 2), inputs[s]).ok());
    engine->drain();
    ASSERT_EQ(log.all.size(), 300U);
  }
  std::vector<int> answers(300, 0);
  for (const testing::Seen& seen : log.all) {
    EXPECT_TRUE(seen.status.ok());
    EXPECT_THAT(seen.output, ElementsAre(static_cast<float>(seen.id), 2, 2, 2));
    EXPECT_EQ(seen.task, seen.id % 2);
    ++answers[seen.id];
  }
  EXPECT_EQ(answers, std::vector<int>(300, 1));
}

// Stage 1 of request 0 and stage 0 of request 1 each wait for the other to run: without overlap this hangs.
TEST(Engine, StagesOfDifferentRequestsOverlap) {
  FakeWorld world(1, 2, 2);
  std::barrier both(2);
  world.on_run = [&](const SubgraphKey& key, std::span<const float> in, std::span<float>) {
    if ((in[0] == 0 && key.stage.index() == 1) || (in[0] == 1 && key.stage.index() == 0)) both.arrive_and_wait();
    return Status();
  };
  sched::TraceSink trace(2);
  Log log;
  const Inputs inputs(2);
  {
    const auto engine = world.start(world.plan_of(0), log.callback(), {.trace = &trace});
    for (std::size_t s = 0; s < 2; ++s) ASSERT_TRUE(engine->submit(request(s), inputs[s]).ok());
  }
  EXPECT_THAT(log.ids(), ElementsAre(0, 1));
  const auto& first = trace.spans(soc::ProcessorId(0));
  const auto& second = trace.spans(soc::ProcessorId(1));
  ASSERT_EQ(first.size(), 2U);
  ASSERT_EQ(second.size(), 2U);
  EXPECT_LT(first[1].start, second[0].end);
  EXPECT_LT(second[0].start, first[1].end);
}

TEST(Engine, RequestsInsideFinishUnderThePlanTheyEnteredWith) {
  FakeWorld world(1);
  Gate gate;
  world.on_run = [&](const SubgraphKey& key, std::span<const float> in, std::span<float>) {
    if (in[0] == 0 && key.stage.index() == 0) gate.wait();
    return Status();
  };
  Log log;
  const Inputs inputs(2);
  const auto engine = world.start(world.plan_of(0), log.callback());
  ASSERT_TRUE(engine->submit(request(0), inputs[0]).ok());
  gate.until_reached();
  ASSERT_TRUE(engine->switch_plan(world.plan_of(3)).ok());
  ASSERT_TRUE(engine->submit(request(1), inputs[1]).ok());
  gate.open();
  engine->drain();
  ASSERT_THAT(log.ids(), ElementsAre(0, 1));
  EXPECT_THAT(log.all[0].output, ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(log.all[0].plan_version, 0U);
  EXPECT_THAT(log.all[1].output, ElementsAre(1, 3, 3, 3));
  EXPECT_EQ(log.all[1].plan_version, 1U);
}

TEST(Engine, SwitchingUnderLoadLosesNothingAndMixesNothing) {
  FakeWorld world;
  Log log;
  constexpr std::size_t kRequests = 2000, kSwitches = 200;
  const Inputs inputs(kRequests);
  {
    const auto engine = world.start(world.plan_of(0), log.callback());
    std::thread switcher([&] {
      for (std::size_t i = 1; i <= kSwitches; ++i) EXPECT_TRUE(engine->switch_plan(world.plan_of(i % 3)).ok());
    });
    for (std::size_t s = 0; s < kRequests; ++s) ASSERT_TRUE(engine->submit(request(s, s % 2), inputs[s]).ok());
    switcher.join();
    EXPECT_EQ(engine->plan_version(), kSwitches);
  }
  ASSERT_EQ(log.all.size(), kRequests);
  for (const testing::Seen& seen : log.all) {
    const auto v = static_cast<float>(seen.plan_version % 3);
    EXPECT_THAT(seen.output, ElementsAre(static_cast<float>(seen.id), v, v, v));
    EXPECT_THAT(seen.sigma, ElementsAre(v, v, v));
  }
}

TEST(Engine, SwitchingBackCompilesAndBindsNothing) {
  FakeWorld world;
  const auto engine = world.start(world.plan_of(0), nullptr);
  ASSERT_TRUE(engine->prepare(*world.plan_of(1)).ok());
  const int compiled = world.counts.compiled, sessions = world.counts.sessions;
  EXPECT_EQ(compiled, 12);  // two tasks, three stages, two variants
  for (std::size_t i = 0; i < 10; ++i) ASSERT_TRUE(engine->switch_plan(world.plan_of(i % 2)).ok());
  EXPECT_EQ(world.counts.compiled, compiled);
  EXPECT_EQ(world.counts.sessions, sessions);
}

TEST(Engine, SwitchingToAnotherProviderServesFromThatOnesSubgraphs) {
  FakeWorld world;
  std::atomic<int> sparse_runs{0};
  world.on_run = [&](const SubgraphKey& key, auto, auto) {
    sparse_runs += key.provider == backend::Provider::kSparse ? 1 : 0;
    return Status();
  };
  const Inputs inputs(2);
  Log log;
  const auto engine = world.start(world.plan_of(1), log.callback());
  ASSERT_TRUE(engine->submit(request(0), inputs[0]).ok());
  engine->drain();
  EXPECT_EQ(sparse_runs, 0);
  ASSERT_TRUE(engine->switch_plan(world.plan_of(1, backend::Provider::kSparse)).ok());
  ASSERT_TRUE(engine->submit(request(1), inputs[1]).ok());
  engine->drain();
  EXPECT_EQ(sparse_runs, 3);
  EXPECT_THAT(log.ids(), ElementsAre(0, 1));
}

TEST(Engine, SwitchingToAResidentPlanDoesNotWaitForOneThatLoads) {
  FakeWorld world;
  testing::Gate loading;
  world.on_compile = [&](const SubgraphKey& key) {
    if (key.variant == zoo::VariantId(2)) loading.wait();
  };
  const auto engine = world.start(world.plan_of(0), nullptr);
  ASSERT_TRUE(engine->prepare(*world.plan_of(1)).ok());
  std::thread slow([&] { EXPECT_TRUE(engine->switch_plan(world.plan_of(2)).ok()); });
  loading.until_reached();
  EXPECT_TRUE(engine->switch_plan(world.plan_of(1)).ok());
  EXPECT_EQ(engine->plan_version(), 1U);
  loading.open();
  slow.join();
  EXPECT_EQ(engine->plan_version(), 2U);
}

TEST(Engine, FreesWhatIsEvictedOnceNoPlanUsesIt) {
  FakeWorld world(1);
  const auto engine = world.start(world.plan_of(0), nullptr, {.slots_per_task = 2});
  const auto evict_all = [&](std::size_t v) {
    for (std::size_t i = 0; i < 3; ++i) {
      world.residency.evict({zoo::TaskId(0), zoo::VariantId(v), zoo::StageId(i), soc::ProcessorId(i % 2)});
    }
  };
  EXPECT_EQ(world.counts.live_sessions, 6);  // three stages, two slots
  ASSERT_TRUE(engine->switch_plan(world.plan_of(1)).ok());
  EXPECT_EQ(world.counts.live_sessions, 12);
  evict_all(0);
  evict_all(1);  // in use: stays usable
  ASSERT_TRUE(engine->prepare(*world.plan_of(1)).ok());
  EXPECT_EQ(world.residency.size(), 3U);  // loaded again
  ASSERT_TRUE(engine->switch_plan(world.plan_of(1)).ok());
  EXPECT_EQ(world.counts.live_sessions, 6);
}

TEST(Engine, APlanThatDoesNotFitLeavesTheActiveOne) {
  FakeWorld world;
  world.misfit = zoo::VariantId(3);
  Log log;
  const Inputs inputs(1);
  const auto engine = world.start(world.plan_of(1), log.callback());
  const Status status = engine->switch_plan(world.plan_of(3));
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(), "a/v3: stage 1 takes (x f32[1,99]) where (x f32[1,4]) is passed");
  auto long_plan = std::make_shared<plan::Plan>(*world.plan_of(0));
  long_plan->tasks.push_back(long_plan->tasks[0]);
  EXPECT_EQ(engine->switch_plan(long_plan).message(), "plan 'fake': 3 tasks; the zoo has 2");
  auto far_plan = std::make_shared<plan::Plan>(*world.plan_of(0));
  far_plan->tasks[1].placement[2] = soc::ProcessorId(7);
  const auto elsewhere = std::make_shared<plan::Plan>(*world.plan_of(0));
  elsewhere->tasks[1].providers[2] = backend::Provider::kScripted;
  EXPECT_EQ(engine->switch_plan(elsewhere).message(),
            "plan 'fake': task 'b' stage 2: provider scripted, which 'cpu0' does not offer");
  EXPECT_EQ(engine->switch_plan(far_plan).message(),
            "plan 'fake': task 'b' stage 2: variant 0 on processor 7; there are 4 and 2");
  EXPECT_EQ(engine->plan_version(), 0U);
  ASSERT_TRUE(engine->submit(request(0), inputs[0]).ok());
  engine->drain();
  EXPECT_THAT(log.all.at(0).output, ElementsAre(0, 1, 1, 1));
}

TEST(Engine, AFailingStageEndsItsRequestAlone) {
  FakeWorld world(1);
  world.on_run = [](const SubgraphKey& key, std::span<const float> in, std::span<float>) {
    if (in[0] == 3 && key.stage.index() == 1) return error(Code::kInternal, "device lost");
    return Status();
  };
  Log log;
  const Inputs inputs(10);
  {
    const auto engine = world.start(world.plan_of(0), log.callback(), {.slots_per_task = 2});
    for (std::size_t s = 0; s < 10; ++s) ASSERT_TRUE(engine->submit(request(s), inputs[s]).ok());
  }
  ASSERT_EQ(log.all.size(), 10U);
  for (const testing::Seen& seen : log.all) {
    EXPECT_EQ(seen.status.ok(), seen.id != 3);
    EXPECT_EQ(seen.status.message(), seen.id == 3 ? "a/v0 stage 1 on cpu1: device lost" : "");
  }
}

TEST(Engine, MoreRequestsThanSlotsWaitEarliestDeadlineFirst) {
  FakeWorld world(1);
  Gate gate;
  world.on_run = [&](const SubgraphKey&, std::span<const float> in, std::span<float>) {
    if (in[0] == 0) gate.wait();
    return Status();
  };
  Log log;
  const Inputs inputs(6);
  const auto engine = world.start(world.plan_of(0), log.callback(), {.slots_per_task = 1});
  for (std::size_t s = 0; s < 6; ++s) {
    sched::Request r = request(s);
    r.deadline = Seconds(static_cast<double>(100 - s));
    ASSERT_TRUE(engine->submit(r, inputs[s]).ok());
  }
  gate.open();
  engine->drain();
  EXPECT_THAT(log.ids(), ElementsAre(0, 5, 4, 3, 2, 1));
}

TEST(Engine, ServesOnAfterDrainingWithNothingToDo) {
  FakeWorld world;
  const Inputs inputs(1);
  Log log;
  const auto engine = world.start(world.plan_of(0), log.callback());
  engine->drain();
  engine->drain();
  ASSERT_TRUE(engine->submit(request(0), inputs[0]).ok());
  engine->drain();
  EXPECT_THAT(log.ids(), ElementsAre(0));
}

TEST(Engine, ACallbackMaySubmit) {
  FakeWorld world(1);
  const Inputs inputs(50);
  Log log;
  Engine* self = nullptr;
  const auto engine = world.start(world.plan_of(0), [&](const Completion& c) {
    log.add(c);
    const std::size_t next = c.request.id.index() + 1;
    if (next == 50) return;
    EXPECT_TRUE(self->submit(request(next), inputs[next]).ok());
  });
  self = engine.get();
  ASSERT_TRUE(engine->submit(request(0), inputs[0]).ok());
  engine->drain();
  EXPECT_EQ(log.all.size(), 50U);
}

TEST(Engine, TwoCallersMayUseTheSameIds) {
  FakeWorld world(1);
  Log log;
  const Inputs inputs(2);
  const auto engine = world.start(world.plan_of(0), log.callback());
  for (std::size_t s = 0; s < 2; ++s) ASSERT_TRUE(engine->submit(request(7), inputs[s]).ok());
  engine->drain();
  EXPECT_THAT(log.ids(), ElementsAre(7, 7));
}

TEST(Engine, StagesShareTheirBoundaryBufferAndLargeInputsAreNotCopied) {
  constexpr std::size_t kWidth = 64 * 1024;
  FakeWorld world(1, 2, 3, kWidth);
  std::vector<std::pair<const float*, const float*>> passed;  // in, out; one request: no two stages at once
  world.on_run = [&](const SubgraphKey&, std::span<const float> in, std::span<float> out) {
    passed.emplace_back(in.data(), out.data());
    return Status();
  };
  const Inputs inputs(1, kWidth);
  const auto engine = world.start(world.plan_of(0), nullptr);
  ASSERT_TRUE(engine->submit(request(0), inputs[0]).ok());
  engine->drain();
  ASSERT_EQ(passed.size(), 3U);
  EXPECT_EQ(static_cast<const void*>(passed[0].first), inputs[0][0].data());
  EXPECT_EQ(passed[0].second, passed[1].first);
  EXPECT_EQ(passed[1].second, passed[2].first);
}

TEST(Engine, RefusesWhatDoesNotFit) {
  FakeWorld world;
  const Inputs inputs(1);
  const auto engine = world.start(world.plan_of(0), nullptr);
  EXPECT_EQ(engine->submit(request(0, 2), inputs[0]).message(), "task 2: the zoo has 2");
  EXPECT_EQ(engine->submit(request(0), {}).message(), "task 'a': 0 inputs; its model has 1");
  const std::vector<std::span<const std::byte>> cut{inputs[0][0].first(3)};
  EXPECT_EQ(engine->submit(request(0), cut).message(), "task 'a': input 0: 3 bytes; x f32[1,4] has 16");
  const auto start = [&](EngineOptions options) {
    return Engine::start(world.zoo, world.soc, world.residency, world.plan_of(0), std::move(options), nullptr).status();
  };
  EXPECT_THAT(start({.policy = "lifo"}).message(), HasSubstr("policy 'lifo': not known"));
  EXPECT_EQ(start({.slots_per_task = 0}).message(), "slots per task: got 0; allowed: 1..65536");
}

TEST(Engine, WorkersStayOnTheirProcessorsCores) {
  FakeWorld world(1, 2, 2);
  const std::vector<CpuIndex> cpus = allowed_cpus();
  for (std::size_t p = 0; p < 2; ++p) {
    change_processor(world.soc, p, [&](soc::Processor& processor) { processor.cores = {cpus[p % cpus.size()]}; });
  }
  std::vector<std::vector<CpuIndex>> seen(2);
  world.on_run = [&](const SubgraphKey& key, std::span<const float>, std::span<float>) {
    seen[key.stage.index()] = allowed_cpus();
    return Status();
  };
  const Inputs inputs(1);
  const auto engine = world.start(world.plan_of(0), nullptr);
  ASSERT_TRUE(engine->submit(request(0), inputs[0]).ok());
  engine->drain();
  EXPECT_EQ(seen[0], world.soc.processors[0].cores);
  EXPECT_EQ(seen[1], world.soc.processors[1].cores);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.cores = {1'000'000}; });
  EXPECT_FALSE(Engine::start(world.zoo, world.soc, world.residency, world.plan_of(0), {}, nullptr).ok());
}

// Which of two requests of one task, two stages of a millisecond each, completes first. The first shows no zeros after
// its stage 0, while the second, which arrives meanwhile, waits with both its stages to run and will show 3 in 4.
std::vector<std::size_t> completed(const std::string& policy, double usual_sparsity) {
  FakeWorld world(1, 1, 2);
  world.usual_sparsity = usual_sparsity;
  Gate gate;
  world.on_run = [&](const SubgraphKey& key, std::span<const float> in, std::span<float> out) {
    if (in[0] == 2 && key.stage.index() == 0) {
      gate.wait();
      std::fill(out.begin(), out.end(), 2.0F);
    }
    return Status();
  };
  Log log;
  const Inputs inputs(3);
  {
    const auto engine = world.start(world.plan_of(0), log.callback(), {.policy = policy});
    EXPECT_TRUE(engine->submit(request(2), inputs[2]).ok());
    gate.until_reached();
    EXPECT_TRUE(engine->submit(request(1), inputs[1]).ok());
    gate.open();
  }
  return log.ids();
}

TEST(Engine, TellsPoliciesWhatItSawOfSparsity) {
  // γ = (1 - 0) / (1 - 0.75) = 4: the first has four milliseconds left, the second two.
  EXPECT_THAT(completed("sjf_sparse", 0.75), ElementsAre(1, 2));
  // γ = 1 / (1 - 0.4): 1.7 ms left.
  EXPECT_THAT(completed("sjf_sparse", 0.4), ElementsAre(2, 1));
  EXPECT_THAT(completed("sjf_sparse", 0), ElementsAre(2, 1)) << "nothing known: nothing to correct";
  EXPECT_THAT(completed("sjf", 0.75), ElementsAre(2, 1)) << "does not ask";
}

TEST(Engine, SurvivesManySubmittersAndSwitchers) {
  FakeWorld world(3, 3);
  world.usual_sparsity = 0.5;  // so that the workers look at what they hand on
  std::atomic<std::size_t> completed{0};
  constexpr std::size_t kThreads = 4, kEach = 500;
  const Inputs inputs(1);
  sched::TraceSink trace(3);
  {
    const auto engine = world.start(world.plan_of(0), [&](const Completion&) { ++completed; },
                                    {.policy = "dysta", .slots_per_task = 2, .trace = &trace});
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (std::size_t k = 0; k < kEach; ++k) {
          EXPECT_TRUE(engine->submit(request(k, (i + k) % 3), inputs[0]).ok());
          if (k % 50 == 0) {
            EXPECT_TRUE(engine->switch_plan(world.plan_of((i + k) % 4)).ok());
          }
          if (k % 200 == 0) {
            engine->drain();
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(completed, kThreads * kEach);
  std::size_t spans = 0;
  for (std::size_t p = 0; p < 3; ++p) spans += trace.spans(soc::ProcessorId(p)).size();
  EXPECT_EQ(spans, kThreads * kEach * 3);
}

}  // namespace
}  // namespace sparseloom::engine
