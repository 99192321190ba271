#include "sparseloom/engine/replan_guard.h"

#include <gtest/gtest.h>

namespace sparseloom::engine {
namespace {

/// Requests that come and go under a guard, ten at a time.
class Guarded : public ::testing::Test {
 protected:
  void serve(std::uint64_t requests, double share_late) {
    for (std::uint64_t r = 0; r < requests; r += 10) {
      count_.requests += 10;
      late_ += 10 * share_late;
      count_.late = static_cast<std::uint64_t>(late_);
      guard_.see(count_);
    }
  }
  bool go_back(Seconds now = Seconds(0)) { return guard_.go_back(count_, now); }

  ReplanGuard guard_;
  LateCount count_;
  double late_ = 0;
};

TEST_F(Guarded, APlanThatServesWorseIsTakenBackOnce) {
  serve(1000, 0.1);
  guard_.replanned(count_);
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
    guard_.replanned(count_);
    EXPECT_FALSE(guard_.may_replan(Seconds(100))) << "one at a time";
    serve(1000, after);
    EXPECT_FALSE(go_back());
    EXPECT_TRUE(guard_.may_replan(Seconds(0)));
  }
}

TEST_F(Guarded, WhatWasLongBeforeDoesNotCount) {
  serve(10'000, 0.0);  // then the machine became slower
  serve(300, 0.6);
  guard_.replanned(count_);
  serve(1000, 0.3);
  EXPECT_FALSE(go_back());
}

TEST_F(Guarded, ReplanningPausesTwiceAsLongAfterEachFailureUntilOneSucceeds) {
  Seconds now{0};
  const auto fail = [&] {
    serve(300, 0.1);
    guard_.replanned(count_);
    serve(300, 0.9);
    EXPECT_TRUE(go_back(now));
  };
  fail();
  EXPECT_FALSE(guard_.may_replan(Seconds(0.9)));
  EXPECT_TRUE(guard_.may_replan(now = Seconds(1)));
  fail();
  EXPECT_FALSE(guard_.may_replan(Seconds(2.9)));
  EXPECT_TRUE(guard_.may_replan(now = Seconds(3)));
  serve(300, 0.9);
  guard_.replanned(count_);
  serve(300, 0.1);
  EXPECT_FALSE(go_back(now));
  fail();
  EXPECT_TRUE(guard_.may_replan(Seconds(4)));
}

TEST_F(Guarded, NothingIsComparedAcrossAResetNorWithNothing) {
  guard_.replanned(count_);  // before the first request
  serve(1000, 1.0);
  EXPECT_FALSE(go_back());
  guard_.replanned(count_);
  guard_.reset();
  serve(1000, 1.0);
  EXPECT_FALSE(go_back());
}

}  // namespace
}  // namespace sparseloom::engine
