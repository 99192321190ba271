#include "sparseloom/simulate/rehearsal.h"

#include <gtest/gtest.h>

#include "tests/unit/sched/script.h"

namespace sparseloom::simulate {
namespace {

using sched::Arrivals;
using Kind = sched::Arrivals::Kind;

/// Tasks "a", "b", ... of two stages of 4 and 6 ms, all on one processor, with a bound of 20 ms each.
struct Rehearsed {
  explicit Rehearsed(std::vector<Arrivals> arrivals) {
    workload.arrivals = std::move(arrivals);
    auto made = std::make_shared<plan::Plan>(*sched::testing::made_up_plan({{{0, 0}, {0, 0}}, {{0, 0}, {0, 0}}}));
    for (plan::TaskPlan& task : made->tasks) {
      task.estimates = {{.latency = from_ms(4), .model_latency = from_ms(4)},
                        {.latency = from_ms(6), .model_latency = from_ms(6)}};
    }
    plan = std::move(made);
  }

  Rehearsal play(std::string_view policy = "edf") {
    struct Log final : Observer {
      void ran(const sched::Request&, const sched::Dispatch&, Seconds, Seconds, bool) override {}
      void finished(const Query& query, Seconds at) override {
        const sched::Request& r = query.request;
        text += fmt::format("{}{}@{:.0f}", text.empty() ? "" : " ", r.task.index() == 0 ? 'a' : 'b', to_ms(at));
      }
      std::string text;
    } log;
    auto result = rehearse({.workload = workload,
                            .slos = slos,
                            .plan = plan,
                            .pools = pools,
                            .slots_per_task = slots,
                            .contention = contention,
                            .observer = &log},
                           policy);
    EXPECT_TRUE(result.ok()) << result.status().message();
    order = log.text;
    return std::move(result).value();
  }

  void put_b_on_another_processor() {
    auto changed = std::make_shared<plan::Plan>(*plan);
    changed->tasks[1].placement = {soc::ProcessorId(1), soc::ProcessorId(1)};
    plan = std::move(changed);
    pools = sched::testing::unlike(2);
  }
  void share_between_two_processors() {
    auto changed = std::make_shared<plan::Plan>(*plan);
    for (plan::TaskPlan& task : changed->tasks) task.pooled = true;
    plan = std::move(changed);
    pools = {{{soc::ProcessorId(0), soc::ProcessorId(1)}}, {0, 0}};
  }
  profile::Contention nothing_slows() const {
    soc::Soc soc;
    while (soc.processors.size() < pools.of.size()) soc.processors.push_back({});
    profile::Contention measured(sched::testing::made_up_zoo(2, 2, 1), soc);
    measured.set_variability({1.0});
    return measured;
  }

  sched::Workload workload;
  std::vector<plan::Slo> slos{{0, from_ms(20)}, {0, from_ms(20)}};
  std::shared_ptr<const plan::Plan> plan;
  soc::Pools pools = sched::testing::unlike(1);
  std::size_t slots = 4;
  const profile::Contention* contention = nullptr;
  std::string order;  ///< of completions: task@milliseconds
};

Arrivals at(std::size_t task, const std::vector<double>& times_ms) {
  Arrivals a{.task = zoo::TaskId(task), .kind = Kind::kRecorded, .requests = times_ms.size()};
  for (const double time : times_ms) a.recorded.push_back(from_ms(time));
  return a;
}

Arrivals closed_loop(std::size_t task, std::size_t requests, std::size_t outstanding = 1) {
  return {.task = zoo::TaskId(task), .kind = Kind::kClosedLoop, .requests = requests, .outstanding = outstanding};
}

TEST(Rehearsal, StagesTakeWhatThePlanEstimates) {
  Rehearsed r({at(0, {0, 15})});
  const Rehearsal result = r.play();
  EXPECT_EQ(r.order, "a@10 a@25");
  EXPECT_EQ(result.tasks[0].requests, 2U);
  EXPECT_EQ(result.tasks[0].violations, 0U);
  EXPECT_NEAR(to_ms(result.tasks[0].p50), 10, 0.02);
  EXPECT_EQ(result.all.antt, 1);
  EXPECT_EQ(result.tasks[1].requests, 0U);
}

TEST(Rehearsal, LatenciesCountFromTheArrival) {
  Rehearsed r({at(0, {0, 0, 0})});
  const Rehearsal result = r.play("fcfs");
  EXPECT_EQ(r.order, "a@10 a@20 a@30");
  EXPECT_EQ(result.tasks[0].violations, 1U);
  EXPECT_NEAR(to_ms(result.tasks[0].p99), 30, 0.04);
  EXPECT_NEAR(to_ms(result.tasks[0].p50), 20, 0.04);
}

TEST(Rehearsal, AClosedLoopSendsTheNextRequestWhenOneCompletes) {
  Rehearsed r({closed_loop(0, 5, 2)});
  const Rehearsal result = r.play();
  EXPECT_EQ(r.order, "a@10 a@20 a@30 a@40 a@50");
  EXPECT_NEAR(result.all.throughput, 100, 1e-9);
}

TEST(Rehearsal, AClosedLoopSendsNothingAfterTheEnd) {
  Rehearsed r({closed_loop(0, 0)});
  r.workload.duration = from_ms(25);
  r.play();
  EXPECT_EQ(r.order, "a@10 a@20 a@30");  // what was sent is served
}

// The second request of a is more urgent than b's, but while it waits for a slot b's first stage starts.
TEST(Rehearsal, RequestsBeyondTheSlotsWaitAtTheDoor) {
  Rehearsed r({at(0, {0, 0}), at(1, {1})});
  r.play();
  EXPECT_EQ(r.order, "a@10 a@20 b@30");
  r.slots = 1;
  r.play();
  EXPECT_EQ(r.order, "a@10 a@24 b@30");
}

TEST(Rehearsal, AnEntrysPriorityReachesThePolicy) {
  Rehearsed r({at(0, {0, 0, 0}), at(1, {0, 0, 0})});
  r.workload.arrivals[1].priority = 16;
  r.play("prema");
  const std::string urgent = r.order;
  r.workload.arrivals[1].priority = 1;
  r.play("prema");
  EXPECT_NE(r.order, urgent);
}

TEST(Rehearsal, AnOracleKnowsTheTimes) {
  Rehearsed r({at(0, {0, 0}), at(1, {1})});
  EXPECT_EQ(r.play("dysta_oracle").all.requests, 3U);
}

// Task a on processor 0 and b on processor 1, stages of 4 and 6 ms as ever.
TEST(Rehearsal, StagesAreSlowedByWhatRunsBesideThemWhenTheyStart) {
  Rehearsed r({at(0, {0}), at(1, {1})});
  r.put_b_on_another_processor();
  profile::Contention contention = r.nothing_slows();
  contention.set_slowdown({zoo::TaskId(1), zoo::StageId(0), soc::ProcessorId(1)},
                          {zoo::TaskId(0), zoo::StageId(0), soc::ProcessorId(0)}, 1.5);
  r.contention = &contention;
  r.play();
  EXPECT_EQ(r.order, "a@10 b@13") << "b's first stage takes 6 ms, its second, beside a's second, what it is planned to";
}

TEST(Rehearsal, RunTimesScatterTheSameWayEveryTime) {
  Rehearsed r({at(0, {0, 100, 200, 300})});
  profile::Contention contention = r.nothing_slows();
  contention.set_variability({0.5, 1.0, 2.0});
  r.contention = &contention;
  const Rehearsal once = r.play();
  EXPECT_GT(once.tasks[0].p99, once.tasks[0].p50);
  EXPECT_EQ(r.play().tasks[0].p99, once.tasks[0].p99);
}

// Stages of 4 and 6 ms; the first one has to fetch its weights again after 20 ms of idling, at the latest.
TEST(Rehearsal, AfterIdlingCachesAreCold) {
  Rehearsed r({at(0, {0, 11, 40})});
  profile::Contention contention = r.nothing_slows();
  contention.set_cold_penalties({zoo::TaskId(0), zoo::StageId(0), soc::ProcessorId(0)}, {{from_ms(20), from_ms(2)}});
  r.contention = &contention;
  r.play();
  EXPECT_EQ(r.order, "a@12 a@22 a@52") << "colds of 2 ms (never run before), none (busy till 12), 1.8 ms (18 ms idle)";
}

// The first stage of a takes a millisecond more for each that its pool has idled: 24 ms at first. Of the pool's
// processors one has nothing to do from 30 ms on, the other, which b keeps at work from 22 ms, from 32 ms on.
TEST(Rehearsal, APoolIdlesAsMuchAsItsProcessorsDoOnAverage) {
  Rehearsed r({at(0, {0, 33}), at(1, {22})});
  r.share_between_two_processors();
  profile::Contention contention = r.nothing_slows();
  for (std::size_t p : {0, 1}) {
    contention.set_cold_penalties({zoo::TaskId(0), zoo::StageId(0), soc::ProcessorId(p)}, {{from_ms(20), from_ms(20)}});
  }
  r.contention = &contention;
  r.play();
  EXPECT_EQ(r.order, "a@30 b@32 a@45") << "4 + 6 ms, and 2 for 3 ms of idling here and 1 there";
}

TEST(Rehearsal, ProcessorsOfOtherPoolsMayBeBusyOrNot) {
  Rehearsed r({at(0, {0, 40}), at(1, {29})});
  r.put_b_on_another_processor();
  profile::Contention contention = r.nothing_slows();
  contention.set_cold_penalties({zoo::TaskId(0), zoo::StageId(0), soc::ProcessorId(0)}, {{from_ms(20), from_ms(20)}});
  r.contention = &contention;
  r.play();
  EXPECT_EQ(r.order, "a@30 b@39 a@60") << "4 + 6 ms, and 10 for as many of idling";
}

TEST(Rehearsal, MembersOfAPoolTakeTurnsAtTheSameSubgraph) {
  Rehearsed r({at(0, {0, 1})});
  r.share_between_two_processors();
  r.play();
  EXPECT_EQ(r.order, "a@10 a@11") << "nothing is known of what they share";
  const profile::Contention contention = r.nothing_slows();
  r.contention = &contention;
  r.play();
  EXPECT_EQ(r.order, "a@10 a@16") << "its first stage until 8, its second waits until 10";
}

TEST(Rehearsal, RefusesAPlanThatTakesNoTime) {
  Rehearsed r({closed_loop(0, 0)});
  auto plan = std::make_shared<plan::Plan>(*r.plan);
  for (plan::StageEstimate& estimate : plan->tasks[0].estimates) estimate.latency = Seconds(0);
  const auto result =
      rehearse({.workload = r.workload, .slos = r.slos, .plan = plan, .pools = sched::testing::unlike(1)}, "edf");
  EXPECT_EQ(result.status().message(), "plan 'made-up': task 0 is estimated to take no time");
}

}  // namespace
}  // namespace sparseloom::simulate
