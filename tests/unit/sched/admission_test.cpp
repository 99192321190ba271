#include "sparseloom/sched/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sparseloom::sched {
namespace {

using ::testing::Optional;
using ::testing::Pair;

constexpr zoo::TaskId kTask(1);

/// Two tasks with two slots each; requests are numbers.
class Admission : public ::testing::Test {
 protected:
  std::optional<std::size_t> arrive(int request, double deadline) {
    return queue_.arrive(kTask, Seconds(deadline), request);
  }
  AdmissionQueue<int> queue_{2, 2};
};

TEST_F(Admission, GivesATaskItsOwnSlots) {
  EXPECT_THAT(arrive(7, 1), Optional(std::size_t{2}));
  EXPECT_THAT(arrive(8, 1), Optional(std::size_t{3}));
  EXPECT_EQ(arrive(9, 1), std::nullopt);
  int other = 1;
  EXPECT_THAT(queue_.arrive(zoo::TaskId(0), Seconds(1), other), Optional(std::size_t{0}));
}

TEST_F(Admission, LetsTheEarliestDeadlineInFirstAndEqualOnesInTheOrderTheyCame) {
  arrive(0, 1), arrive(0, 1);
  arrive(1, 30), arrive(2, 10), arrive(3, 10), arrive(4, 20);
  std::vector<int> order;
  while (const auto next = queue_.leave(kTask, 2)) order.push_back(*next);
  EXPECT_THAT(order, ::testing::ElementsAre(2, 3, 4, 1));
  EXPECT_THAT(arrive(5, 1), Optional(std::size_t{2})) << "the slot that nobody took is free";
}

TEST_F(Admission, HoldsATaskUntilItIsReleased) {
  queue_.hold(kTask);
  EXPECT_EQ(arrive(1, 5), std::nullopt);
  EXPECT_EQ(arrive(2, 4), std::nullopt);
  EXPECT_EQ(arrive(3, 6), std::nullopt);
  EXPECT_EQ(queue_.next(kTask), std::nullopt);
  queue_.release(kTask);
  EXPECT_THAT(queue_.next(kTask), Optional(Pair(2, 2)));
  EXPECT_THAT(queue_.next(kTask), Optional(Pair(3, 1)));
  EXPECT_EQ(queue_.next(kTask), std::nullopt) << "no slot is free";
  EXPECT_EQ(queue_.waiting(kTask), 1U);
}

TEST_F(Admission, KeepsWhoLeavesWhileATaskIsHeldFromBeingReplaced) {
  arrive(1, 1), arrive(2, 2), arrive(3, 3);
  queue_.hold(kTask);
  EXPECT_EQ(queue_.leave(kTask, 2), std::nullopt);
  queue_.release(kTask);
  EXPECT_THAT(queue_.next(kTask), Optional(Pair(2, 3)));
}

TEST_F(Admission, RemovesOneThatWaitsAndKeepsTheOrderOfTheOthers) {
  arrive(0, 1), arrive(0, 1);
  for (int r = 1; r <= 5; ++r) arrive(r, 10 - r);
  EXPECT_THAT(queue_.remove(kTask, [](int r) { return r == 4; }), Optional(4));
  EXPECT_EQ(queue_.remove(kTask, [](int r) { return r == 4; }), std::nullopt);
  std::vector<int> order;
  while (const auto next = queue_.leave(kTask, 2)) order.push_back(*next);
  EXPECT_THAT(order, ::testing::ElementsAre(5, 3, 2, 1));
}

}  // namespace
}  // namespace sparseloom::sched
