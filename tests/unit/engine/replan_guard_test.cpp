#include "sparseloom/engine/replan_guard.h"

#include <gtest/gtest.h>

namespace sparseloom::engine {
namespace {

/// Requests that come and go under a guard, ten at a time, a hundred a second.
class Guarded : public ::testing::Test {
 protected:
  void serve(std::uint64_t requests, double share_late) {
    for (std::uint64_t r = 0; r < requests; r += 10) {
      count_.requests += 10;
      late_ += 10 * share_late;
      count_.late = static_cast<std::uint64_t>(late_);
      now_ += Seconds(0.1);
      guard_.see(count_);
    }
  }
  void replan() { guard_.replanned(count_, now_); }
  bool go_back() { return guard_.go_back(count_, now_); }

  ReplanGuard guard_;
  LateCount count_;
  double late_ = 0;
  Seconds now_{0};
};

TEST_F(Guarded, APlanThatServesWorseIsTakenBackOnce) {
  serve(1000, 0.1);
  replan();
  serve(ReplanGuard::kWindow - 10, 0.5);
  EXPECT_FALSE(go_back()) << "too early to tell";
  serve(10, 0.5);
  EXPECT_TRUE(go_back());
  EXPECT_NEAR(guard_.before(), 0.1, 0.01);
  EXPECT_NEAR(guard_.after(), 0.5, 0.01);
  EXPECT_FALSE(go_back());
}

TEST_F(Guarded, APlanThatServesBetterOrNoWorseStays) {
  for (const double after : {0.1, 0.4, 0.42}) {
    serve(1000, 0.4);
    EXPECT_TRUE(guard_.may_replan(now_));
    replan();
    EXPECT_FALSE(guard_.may_replan(now_ + Seconds(100))) << "one at a time";
    serve(1000, after);
    EXPECT_FALSE(go_back());
  }
}

TEST_F(Guarded, WhatWasSeenOfTheMachineAsItWasDoesNotCount) {
  serve(1000, 0.0);
  guard_.restart(count_, now_);  // it has become slower
  serve(100, 0.6);
  EXPECT_FALSE(guard_.may_replan(now_)) << "how many are late now is not known yet";
  serve(100, 0.6);
  EXPECT_TRUE(guard_.may_replan(now_));
  replan();
  serve(1000, 0.3);
  EXPECT_FALSE(go_back()) << "more than in quiet, but fewer than under the old plan";
}

TEST_F(Guarded, WhereRequestsAreRareTimeDecides) {
  guard_.restart(count_, now_);
  serve(30, 0.0);
  EXPECT_FALSE(guard_.may_replan(now_));
  now_ += ReplanGuard::kLongest;
  EXPECT_TRUE(guard_.may_replan(now_));
  replan();
  serve(30, 0.9);
  EXPECT_FALSE(go_back());
  now_ += ReplanGuard::kLongest;
  EXPECT_TRUE(go_back());
}

TEST_F(Guarded, OfTooFewRequestsNothingIsSaid) {
  guard_.restart(count_, now_);
  serve(10, 0.0);
  replan();
  serve(1000, 1.0);
  EXPECT_FALSE(go_back());
}

TEST_F(Guarded, ReplanningPausesTwiceAsLongAfterEachFailureUntilOneSucceeds) {
  const auto fail = [&] {
    serve(300, 0.1);
    replan();
    serve(300, 0.9);
    EXPECT_TRUE(go_back());
    serve(300, 0.1);  // three seconds
  };
  const auto pause_left = [&](Seconds left) {
    return !guard_.may_replan(now_ + left - Seconds(0.01)) && guard_.may_replan(now_ + left + Seconds(0.01));
  };
  fail();
  EXPECT_TRUE(guard_.may_replan(now_)) << "a pause of one second is over";
  fail();
  EXPECT_TRUE(guard_.may_replan(now_)) << "of two";
  fail();
  EXPECT_TRUE(pause_left(Seconds(1))) << "of four";
  replan();
  serve(300, 0.1);
  EXPECT_FALSE(go_back());
  fail();
  EXPECT_TRUE(guard_.may_replan(now_)) << "of one again";
}

TEST(LateCounter, LeavesOutWhatPlansBeforeHaveServed) {
  LateCounter counter;
  counter.add(0, true);
  counter.from(2);
  counter.add(1, true);
  counter.add(2, false);
  counter.add(3, true);
  EXPECT_EQ(counter.count().requests, 3U);
  EXPECT_EQ(counter.count().late, 2U);
}

}  // namespace
}  // namespace sparseloom::engine
