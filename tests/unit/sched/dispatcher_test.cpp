#include "sparseloom/sched/dispatcher.h"

#include <gtest/gtest.h>

#include <random>

#include "script.h"

namespace sparseloom::sched {
namespace {

using testing::made_up_plan;
using testing::Script;

TEST(Dispatcher, StagesOfDifferentRequestsOverlapAsAPipeline) {
  Script s(made_up_plan({{{0, 0}, {0, 1}}}), 2, "fcfs");  // stage 0 on p0, stage 1 on p1
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.arrive(1, 0, 0.1, 9), "");  // p0 is busy
  EXPECT_EQ(s.finish(0, 1.0), "p1:r0.1 p0:r1.0");
  EXPECT_EQ(s.finish(1, 2.0), "end ");
  EXPECT_EQ(s.finish(0, 2.1), "p1:r1.1");
  EXPECT_EQ(s.finish(1, 3.0), "end ");
  EXPECT_EQ(s.dispatcher().in_flight(), 0U);
}

TEST(Dispatcher, ADispatchCarriesWhatThePlanChose) {
  Script s(made_up_plan({{{3, 1}, {1, 0}}}), 2, "edf");
  EXPECT_EQ(s.arrive(7, 0, 0, 9), "p1:r7.0");
  EXPECT_EQ(s.running(1),
            (Dispatch{RequestId(7), zoo::TaskId(0), zoo::StageId(0), zoo::VariantId(3), soc::ProcessorId(1), 0}));
  EXPECT_EQ(s.finish(1, 1), "p0:r7.1");
  EXPECT_EQ(s.running(0).variant, zoo::VariantId(1));
}

TEST(Dispatcher, FcfsPrefersTheRequestThatCameFirstWhateverItsStage) {
  Script s(made_up_plan({{{0, 0}, {0, 0}}}), 1, "fcfs");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.arrive(1, 0, 0.1, 1), "");
  EXPECT_EQ(s.finish(0, 1), "p0:r0.1");
  EXPECT_EQ(s.finish(0, 2), "end p0:r1.0");
}

TEST(Dispatcher, EdfPreemptsBetweenStages) {
  Script s(made_up_plan({{{0, 0}, {0, 0}}}), 1, "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.arrive(1, 0, 0.1, 3), "");
  EXPECT_EQ(s.finish(0, 1), "p0:r1.0");  // the later request is more urgent
  EXPECT_EQ(s.finish(0, 2), "p0:r1.1");
  EXPECT_EQ(s.finish(0, 3), "end p0:r0.1");
}

TEST(Dispatcher, EqualDeadlinesGoByArrivalThenId) {
  Script s(made_up_plan({{{0}, {0}}}), 1, "edf");
  EXPECT_EQ(s.arrive(5, 0, 0.0, 9), "p0:r5.0");
  EXPECT_EQ(s.arrive(4, 0, 0.2, 9), "");
  EXPECT_EQ(s.arrive(3, 0, 0.1, 9), "");
  EXPECT_EQ(s.arrive(2, 0, 0.2, 9), "");
  EXPECT_EQ(s.finish(0, 1), "end p0:r3.0");
  EXPECT_EQ(s.finish(0, 2), "end p0:r2.0");
  EXPECT_EQ(s.finish(0, 3), "end p0:r4.0");
}

TEST(Dispatcher, RequestsInsideKeepThePlanTheyWereAdmittedUnder) {
  Script s(made_up_plan({{{0, 0}, {0, 0}}}), 2, "fcfs");
  EXPECT_EQ(s.arrive(0, 0, 0, 9), "p0:r0.0");
  s.dispatcher().switch_plan(made_up_plan({{{1, 1}, {1, 1}}}));
  EXPECT_EQ(s.dispatcher().plan_version(), 1U);
  EXPECT_EQ(s.dispatcher().plans_in_use(), 2U);
  EXPECT_EQ(s.arrive(1, 0, 1, 9), "p1:r1.0");
  EXPECT_EQ(s.running(1).variant, zoo::VariantId(1));
  EXPECT_EQ(s.running(1).plan_version, 1U);
  EXPECT_EQ(s.finish(0, 2), "p0:r0.1");
  EXPECT_EQ(s.running(0).variant, zoo::VariantId(0));
  EXPECT_EQ(s.finish(0, 3), "end ");
  EXPECT_EQ(s.dispatcher().plans_in_use(), 1U);  // the old plan went with its last request
}

TEST(Dispatcher, LetsUnusedPlansGoAtOnce) {
  const auto first = made_up_plan({{{0}, {0}}});
  Dispatcher dispatcher(first, testing::unlike(1), testing::policy_for("fcfs", testing::unlike(1)));
  for (int i = 0; i < 100; ++i) dispatcher.switch_plan(made_up_plan({{{0}, {0}}}));
  EXPECT_EQ(first.use_count(), 1);
  EXPECT_EQ(dispatcher.plans_in_use(), 1U);
  EXPECT_EQ(dispatcher.plan_version(), 100U);
}

// Two processors of one kind, and plans that place everything on the first.
const soc::Pools kTwins{{{soc::ProcessorId(0), soc::ProcessorId(1)}}, {0, 0}};

TEST(LateBinding, AStageRunsOnWhicheverOfItsPoolIsFreeFirst) {
  Script s(made_up_plan({{{0, 0}, {0, 0}}}, true), kTwins, "fcfs");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");  // where it is placed, if that is idle
  EXPECT_EQ(s.arrive(1, 0, 0.1, 9), "p1:r1.0");  // else on its twin
  EXPECT_EQ(s.finish(1, 1.0), "p1:r1.1");        // and stays there while that is busy
  EXPECT_EQ(s.arrive(2, 0, 1.1, 9), "");
  EXPECT_EQ(s.finish(0, 1.2), "p0:r0.1");
  EXPECT_EQ(s.finish(1, 2.0), "end p1:r2.0");
}

TEST(LateBinding, WithoutItAStageWaitsForItsProcessor) {
  Script s(made_up_plan({{{0}, {0}}}), kTwins, "fcfs");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.arrive(1, 0, 0.1, 9), "");
  EXPECT_EQ(s.finish(0, 1.0), "end p0:r1.0");
}

TEST(LateBinding, AProcessorWeighsItsOwnQueueAgainstItsPools) {
  Script s(made_up_plan({{{0}, {0}}}), kTwins, "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.arrive(1, 0, 0.1, 8), "");  // bound to processor 0
  s.dispatcher().switch_plan(made_up_plan({{{0}, {0}}}, true));
  EXPECT_EQ(s.arrive(2, 0, 0.2, 9), "p1:r2.0");
  EXPECT_EQ(s.arrive(3, 0, 0.3, 7), "");  // open to both
  EXPECT_EQ(s.arrive(4, 0, 0.4, 9), "");
  EXPECT_EQ(s.finish(0, 1.0), "end p0:r3.0");
  EXPECT_EQ(s.finish(0, 2.0), "end p0:r1.0");
  EXPECT_EQ(s.finish(1, 3.0), "end p1:r4.0");
}

TEST(Dispatcher, AFailedStageEndsItsRequestAndFreesTheProcessor) {
  Script s(made_up_plan({{{0, 0}, {0, 0}}}), 1, "fcfs");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.arrive(1, 0, 0.1, 9), "");
  EXPECT_EQ(s.fail(0, 1), "p0:r1.0");
  EXPECT_EQ(s.dispatcher().in_flight(), 1U);
}

// A host with a virtual clock: whatever the load and the switches, every request runs its stages once, in order, on one
// processor at a time, and the same seed gives the same dispatches.
std::vector<Dispatch> play_random(std::uint64_t seed, std::string_view policy) {
  constexpr std::size_t kProcessors = 3, kRequests = 500;
  std::mt19937_64 random(seed);
  const auto any_plan = [&] {
    std::vector<testing::Row> rows(2);
    for (auto& row : rows) {
      for (int i = 0; i < 3; ++i) row.sigma.push_back(random() % 4), row.placement.push_back(random() % kProcessors);
    }
    return made_up_plan(rows, random() % 2 == 0);
  };
  const soc::Pools pools{{{soc::ProcessorId(0), soc::ProcessorId(2)}, {soc::ProcessorId(1)}}, {0, 1, 0}};
  Dispatcher dispatcher(any_plan(), pools, testing::policy_for(policy, pools));
  std::vector<Dispatch> running, trace;
  std::vector<std::size_t> stages(kRequests, 0);
  for (std::size_t sent = 0, ended = 0, step = 0; ended < kRequests; ++step) {
    std::vector<Dispatch> out;
    const Seconds now(static_cast<double>(step));
    if (random() % 20 == 0) dispatcher.switch_plan(any_plan());
    if (sent < kRequests && (running.empty() || random() % 3 == 0)) {
      const Request request{.id = RequestId(sent++),
                            .task = zoo::TaskId(random() % 2),
                            .arrival = now,
                            .deadline = now + Seconds(double(random() % 50))};
      dispatcher.arrive(request, now, out);
    } else {
      std::swap(running[random() % running.size()], running.back());
      const Dispatch done = running.back();
      running.pop_back();
      EXPECT_EQ(done.stage.index(), stages[done.request.index()]++);
      ended += dispatcher.finish(done, now, out) ? 1 : 0;
    }
    for (const Dispatch& d : out) {
      for (const Dispatch& other : running) EXPECT_NE(d.processor, other.processor);
      running.push_back(d);
      trace.push_back(d);
    }
  }
  EXPECT_EQ(dispatcher.in_flight(), 0U);
  EXPECT_EQ(dispatcher.waiting(), 0U);
  EXPECT_EQ(stages, std::vector<std::size_t>(kRequests, 3));
  return trace;
}

TEST(Dispatcher, RandomLoadsRunEveryStageOnceAndRepeat) {
  for (const std::string_view policy : causal_policy_names()) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) EXPECT_EQ(play_random(seed, policy), play_random(seed, policy));
  }
}

TEST(Policies, AnUnknownNameIsToldTheKnownOnes) {
  const auto policy = make_policy("sjff", 1);
  ASSERT_FALSE(policy.ok());
  EXPECT_EQ(policy.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(policy.status().message(),
            "policy 'sjff': not known; allowed: fcfs, edf, sjf, sjf_sparse, prema, planaria, sdrm3, "
            "sdrm3_sparse, dysta_naive, dysta, dysta_oracle, dysta_fixed, stretch");
}

TEST(Policies, AreNamedAsTheTableSays) {
  for (const std::string_view name : policy_names()) EXPECT_EQ(make_policy(name, 2).value()->name(), name);
}

}  // namespace
}  // namespace sparseloom::sched
