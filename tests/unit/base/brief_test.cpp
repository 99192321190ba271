#include "sparseloom/base/brief.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/sleeping_thread.h"

namespace sparseloom {
namespace {

using sparseloom::testing::SleepingThread;

TEST(Spin, StopsAtTheFirstLookThatSucceeds) {
  int looks = 0;
  EXPECT_TRUE(spin(kBrief, [&] { return ++looks == 3; }));
  EXPECT_EQ(looks, 3);
}

TEST(Spin, GivesUpButNotBeforeItsTimeIsOver) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(spin(kBrief, [] { return false; }));
  EXPECT_GE(std::chrono::steady_clock::now() - start, kBrief);  // at least: how much longer is the machine's business
}

TEST(LockBriefly, TakesAFreeMutex) {
  std::mutex mutex;
  {
    const auto lock = lock_briefly(mutex);
    EXPECT_TRUE(lock.owns_lock());
    SleepingThread other([&] { EXPECT_FALSE(std::unique_lock(mutex, std::try_to_lock).owns_lock()); });
  }
  EXPECT_TRUE(std::unique_lock(mutex, std::try_to_lock).owns_lock());
}

TEST(LockBriefly, SleepsWhereTheMutexIsHeldForLongAndHasItInTheEnd) {
  std::mutex mutex;
  std::vector<int> order;
  std::unique_lock held(mutex);
  SleepingThread waiter([&] {
    const auto lock = lock_briefly(mutex);
    EXPECT_TRUE(lock.owns_lock());
    order.push_back(2);
  });
  waiter.until_asleep();
  order.push_back(1);
  held.unlock();
  waiter.join();
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(LockBriefly, LetsOneInAtATime) {
  constexpr int kTurns = 2000;
  std::mutex mutex;
  int turns = 0;  // not atomic: two at once would lose some, and the thread sanitizer would say so
  {
    const auto work = [&] {
      for (int i = 0; i < kTurns; ++i) {
        const auto lock = lock_briefly(mutex);
        ++turns;
      }
    };
    SleepingThread first(work), second(work);
  }
  EXPECT_EQ(turns, 2 * kTurns);
}

}  // namespace
}  // namespace sparseloom
