#include "sparseloom/sched/closed_loops.h"

#include <gtest/gtest.h>

namespace sparseloom::sched {
namespace {

// One periodic entry and closed loops of these sizes.
Workload loops_of(std::size_t outstanding, std::size_t requests) {
  Workload workload;
  workload.arrivals = {
      {.task = zoo::TaskId(0), .requests = 2, .rate_per_s = 10},
      {.task = zoo::TaskId(0), .kind = Arrivals::Kind::kClosedLoop, .requests = requests, .outstanding = outstanding}};
  return workload;
}

ClosedLoops play(const Workload& workload, Seconds start = Seconds(0)) {
  return {workload, first_arrivals(workload), start};
}

TEST(ClosedLoops, SendOneRequestForEachThatCompletesUntilAllAreSent) {
  ClosedLoops loops = play(loops_of(2, 3));
  EXPECT_TRUE(loops.completed(1, Seconds(1)));
  EXPECT_FALSE(loops.completed(1, Seconds(2))) << "the third was the last";
  EXPECT_FALSE(loops.over());
  EXPECT_FALSE(loops.completed(1, Seconds(3)));
  EXPECT_TRUE(loops.over());
}

TEST(ClosedLoops, OfOtherEntriesAreNone) {
  ClosedLoops loops = play(loops_of(1, 1));
  EXPECT_FALSE(loops.completed(0, Seconds(1)));
  EXPECT_FALSE(loops.over()) << "the closed loop's is inside";
}

TEST(ClosedLoops, SendNothingOnceTheDurationIsOver) {
  Workload workload = loops_of(1, 0);
  workload.duration = Seconds(5);
  ClosedLoops loops = play(workload, Seconds(100));
  EXPECT_TRUE(loops.completed(1, Seconds(104)));
  EXPECT_FALSE(loops.completed(1, Seconds(105)));
  EXPECT_TRUE(loops.over());
}

TEST(ClosedLoops, SendNothingOnceTheyAreStopped) {
  ClosedLoops loops = play(loops_of(1, 0));
  loops.stop();
  EXPECT_FALSE(loops.completed(1, Seconds(1)));
  EXPECT_TRUE(loops.over());
}

TEST(ClosedLoops, WhatCouldNotBeSentIsFollowedByNothing) {
  ClosedLoops loops = play(loops_of(2, 0));
  loops.dropped(1);
  EXPECT_TRUE(loops.completed(1, Seconds(1)));
  loops.dropped(1);
  EXPECT_TRUE(loops.over());
}

}  // namespace
}  // namespace sparseloom::sched
