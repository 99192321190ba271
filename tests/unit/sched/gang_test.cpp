// Stages on gangs: processors that run one subgraph together (docs/scheduling.md).
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "script.h"

namespace sparseloom::sched {
namespace {

using testing::made_up_plan;
using testing::Script;

constexpr std::size_t kGang = 2;

// Processors 0 and 1, alike, and place 2, the gang of both.
const soc::Pools kPair{{{soc::ProcessorId(0), soc::ProcessorId(1)}, {soc::ProcessorId(kGang)}},
                       {0, 0, 1},
                       {{soc::ProcessorId(0), soc::ProcessorId(1)}}};

// Processors 0 to 3, alike; places 4 and 5, gangs of two; place 6, the gang of all.
soc::Pools four() {
  const auto ids = [](std::initializer_list<std::size_t> list) {
    return std::vector<soc::ProcessorId>(list.begin(), list.end());
  };
  return {
      {ids({0, 1, 2, 3}), ids({4, 5}), ids({6})}, {0, 0, 0, 0, 1, 1, 2}, {ids({0, 1}), ids({2, 3}), ids({0, 1, 2, 3})}};
}

/// Tasks of one stage each, by the place it is on and how long it is estimated to take.
struct Task {
  std::size_t place;
  double seconds;
};
std::shared_ptr<const plan::Plan> tasks(const std::vector<Task>& all, bool pooled = false) {
  std::vector<testing::Row> rows;
  for (const Task& task : all) rows.push_back({{0}, {task.place}});
  auto plan = std::make_shared<plan::Plan>(*made_up_plan(rows, pooled));
  for (std::size_t t = 0; t < all.size(); ++t) {
    const Seconds time(all[t].seconds);
    plan->tasks[t].estimates = {{.latency = time, .model_latency = time}};
  }
  return plan;
}

TEST(Gangs, KeepAllTheirMembersBusy) {
  Script s(tasks({{kGang, 1}, {0, 1}, {1, 1}}), kPair, "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p2:r0.0");
  EXPECT_EQ(s.arrive(1, 1, 0.1, 5), "");
  EXPECT_EQ(s.arrive(2, 2, 0.2, 5), "");
  EXPECT_EQ(s.dispatcher().running(), 1U);
  EXPECT_EQ(s.finish(kGang, 1.0), "end p0:r1.0 p1:r2.0");
}

TEST(Gangs, AreFreeAgainWhenTheirStageFails) {
  Script s(tasks({{kGang, 1}, {0, 1}, {1, 1}}), kPair, "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p2:r0.0");
  EXPECT_EQ(s.arrive(1, 1, 0.1, 5), "");
  EXPECT_EQ(s.arrive(2, 2, 0.2, 5), "");
  EXPECT_EQ(s.fail(kGang, 0.5), "p0:r1.0 p1:r2.0");
}

// The most urgent stage is a gang's: its members start nothing that would make it wait longer.
TEST(Gangs, HaveTheTimeReservedWhenTheyAreTheMostUrgent) {
  Script s(tasks({{0, 1}, {kGang, 1}, {1, 1}, {1, 0.5}}), kPair, "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");  // until 1.0
  EXPECT_EQ(s.arrive(1, 1, 0.1, 3), "");         // so the gang starts then
  EXPECT_EQ(s.arrive(2, 2, 0.2, 9), "");         // 0.2 + 1.1 is later
  EXPECT_EQ(s.arrive(3, 3, 0.3, 5), "p1:r3.0");  // 0.3 + 1.1 * 0.5 is not
  EXPECT_EQ(s.finish(1, 0.85), "end ");
  EXPECT_EQ(s.finish(0, 1.0), "end p2:r1.0");
  EXPECT_EQ(s.finish(kGang, 2.0), "end p1:r2.0");
}

TEST(Gangs, WaitLikeOthersWhenAnotherStageIsMoreUrgent) {
  Script s(tasks({{0, 1}, {kGang, 1}, {1, 1}}), kPair, "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.arrive(1, 1, 0.1, 8), "");
  EXPECT_EQ(s.arrive(2, 2, 0.2, 5), "p1:r2.0");
  EXPECT_EQ(s.finish(0, 1.0), "end ");
  EXPECT_EQ(s.finish(1, 1.2), "end p2:r1.0");
}

// The gang is done, and a second one of its stages waits beside a more urgent one for the second processor: that has it
// first, also if the first processor is asked before.
TEST(Gangs, TakeNoProcessorThatAnotherStageWantsMore) {
  Script s(tasks({{kGang, 1}, {1, 1}}), kPair, "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p2:r0.0");
  EXPECT_EQ(s.arrive(1, 0, 0.1, 9), "");
  EXPECT_EQ(s.arrive(2, 1, 0.2, 5), "");
  EXPECT_EQ(s.finish(kGang, 1.0), "end p1:r2.0");
  EXPECT_EQ(s.finish(1, 2.0), "end p2:r1.0");
}

// Nobody knows when it ends, so nothing starts in the hope that it will be over before.
TEST(Gangs, KeepTheirReservationWhileAMemberTakesLongerThanPredicted) {
  Script s(tasks({{0, 1}, {kGang, 1}, {1, 0.1}}), kPair, "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.arrive(1, 1, 0.1, 3), "");
  EXPECT_EQ(s.arrive(2, 2, 1.5, 9), "");
  EXPECT_EQ(s.finish(0, 2.0), "end p2:r1.0");
}

TEST(Gangs, LeaveProcessorsAloneThatAreNotTheirs) {
  Script s(tasks({{0, 1}, {4, 1}, {2, 7}}), four(), "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.arrive(1, 1, 0.1, 3), "");
  EXPECT_EQ(s.arrive(2, 2, 0.2, 9), "p2:r2.0");
}

TEST(Gangs, OfAPoolTakeTurnsByWhoIsFreeFirst) {
  Script s(tasks({{0, 1}, {2, 3}, {4, 1}, {6, 1}}, true), four(), "edf");
  EXPECT_EQ(s.arrive(0, 2, 0.0, 9), "p4:r0.0");  // where it is placed
  EXPECT_EQ(s.arrive(1, 2, 0.1, 9), "p5:r1.0");  // else on its twin
  EXPECT_EQ(s.arrive(2, 2, 0.2, 9), "");
  EXPECT_EQ(s.finish(5, 1.0), "end p5:r2.0");
  EXPECT_EQ(s.arrive(3, 3, 1.1, 2), "");  // all four, reserved for when both are done
  EXPECT_EQ(s.finish(4, 1.2), "end ");
  EXPECT_EQ(s.arrive(4, 0, 1.3, 9), "");  // 1.3 + 1.1 is later than 2.0
  EXPECT_EQ(s.finish(5, 2.0), "end p6:r3.0");
  EXPECT_EQ(s.finish(6, 3.0), "end p0:r4.0");
}

TEST(Gangs, FollowRequestsFromStageToStage) {
  Script s(made_up_plan({{{0, 0, 0}, {0, kGang, 1}}}), kPair, "edf");
  EXPECT_EQ(s.arrive(0, 0, 0.0, 9), "p0:r0.0");
  EXPECT_EQ(s.finish(0, 1.0), "p2:r0.1");
  EXPECT_EQ(s.arrive(1, 0, 1.5, 9), "");
  EXPECT_EQ(s.finish(kGang, 2.0), "p1:r0.2 p0:r1.0");
}

// Played with times that are as estimated: no processor runs two stages, everything ends, and no gang's stage that was
// promised a time starts later.
class GangsUnder : public ::testing::TestWithParam<std::string_view> {};

TEST_P(GangsUnder, NeverCollideAndAlwaysEnd) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<testing::Row> rows;
    for (int t = 0; t < 3; ++t) rows.push_back({{0, 0}, {random() % 7, random() % 7}});
    const soc::Pools pools = four();
    Dispatcher dispatcher(made_up_plan(rows, round % 2 == 0), pools, testing::policy_for(GetParam(), pools));
    std::map<std::pair<double, std::size_t>, Dispatch> running;  // by end and place
    std::vector<bool> busy(4, false);
    std::size_t ended = 0, arrived = 0;
    std::vector<Dispatch> out;
    const auto start = [&](double now) {
      for (const Dispatch& d : out) {
        pools.each_taken(d.processor, [&](soc::ProcessorId p) {
          ASSERT_FALSE(busy[p.index()]);
          busy[p.index()] = true;
        });
        running.emplace(std::pair(now + 1, d.processor.index()), d);
      }
      out.clear();
    };
    const auto end_one = [&] {
      const auto [at, dispatch] = *running.begin();
      running.erase(running.begin());
      pools.each_taken(dispatch.processor, [&](soc::ProcessorId p) { busy[p.index()] = false; });
      ended += dispatcher.finish(dispatch, Seconds(at.first), out) ? 1 : 0;
      start(at.first);
    };
    for (double now = 0; arrived < 20; now += 0.1 * static_cast<double>(random() % 12)) {
      while (!running.empty() && running.begin()->first.first <= now) end_one();
      dispatcher.arrive({.id = RequestId(arrived++),
                         .task = zoo::TaskId(random() % 3),
                         .arrival = Seconds(now),
                         .deadline = Seconds(now + 1 + static_cast<double>(random() % 9))},
                        Seconds(now), out);
      start(now);
    }
    while (!running.empty()) end_one();
    EXPECT_EQ(ended, arrived);
    EXPECT_EQ(dispatcher.waiting(), 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryPolicy, GangsUnder, ::testing::ValuesIn(causal_policy_names()),
                         [](const auto& row) { return std::string(row.param); });

// What a policy shows is what it takes, and looking changes nothing.
class Peek : public ::testing::TestWithParam<std::string_view> {};

TEST_P(Peek, ShowsWhatNextTakes) {
  std::mt19937_64 random(11);
  auto looked_at = std::move(make_policy(GetParam(), 3)).value(),
       left_alone = std::move(make_policy(GetParam(), 3)).value();
  SlotIndex pushed = 0;
  double now = 0;
  for (int step = 0; step < 2000; ++step) {
    now += 0.01 * static_cast<double>(random() % 10);
    const std::vector<QueueId> queues{QueueId(random() % 2), QueueId(2)};
    const Moment moment{Seconds(now), 5};
    if (random() % 3 != 0) {
      const double next = 1 + static_cast<double>(random() % 5);
      const ReadyStage stage{.slot = pushed,
                             .queue = QueueId(random() % 3),
                             .request = RequestId(pushed),
                             .task = {},
                             .stage = {},
                             .arrival = Seconds(now),
                             .deadline = Seconds(now + 1 + static_cast<double>(random() % 20)),
                             .last_run = Seconds(now),
                             .next = Seconds(next),
                             .remaining = Seconds(2 * next),
                             .isolated = Seconds(2 * next),
                             .priority = 1 + static_cast<double>(random() % 3)};
      looked_at->push(stage);
      left_alone->push(stage);
      ++pushed;
      continue;
    }
    const auto shown = looked_at->peek(queues, moment);
    EXPECT_EQ(looked_at->peek(queues, moment), shown);
    EXPECT_EQ(looked_at->next(queues, moment), shown);
    EXPECT_EQ(left_alone->next(queues, moment), shown);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryPolicy, Peek, ::testing::ValuesIn(policy_names()),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace
}  // namespace sparseloom::sched
