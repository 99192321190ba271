#include "sparseloom/engine/mailbox.h"

#include <gtest/gtest.h>

#include "tests/support/sleeping_thread.h"

namespace sparseloom::engine {
namespace {

using sparseloom::testing::SleepingThread;

sched::Dispatch letter(std::size_t request, std::size_t stage = 0) {
  sched::Dispatch dispatch;
  dispatch.request = sched::RequestId(request);
  dispatch.stage = zoo::StageId(stage);
  return dispatch;
}

TEST(Mailbox, KeepsALetterUntilItIsTaken) {
  Mailbox mailbox;
  mailbox.post(letter(7, 2));
  const auto taken = mailbox.take();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->request, sched::RequestId(7));
  EXPECT_EQ(taken->stage, zoo::StageId(2));
}

TEST(Mailbox, WakesATakerThatSleeps) {
  Mailbox mailbox;
  std::optional<sched::Dispatch> taken;
  SleepingThread taker([&] { taken = mailbox.take(); });
  taker.until_asleep();
  mailbox.post(letter(3));
  taker.join();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->request, sched::RequestId(3));
}

TEST(Mailbox, ClosingWakesATakerThatSleepsAndGivesItNothing) {
  Mailbox mailbox;
  std::optional<sched::Dispatch> taken = letter(0);
  SleepingThread taker([&] { taken = mailbox.take(); });
  taker.until_asleep();
  mailbox.close();
  taker.join();
  EXPECT_FALSE(taken);
}

TEST(Mailbox, OnceClosedGivesNothingHoweverOftenItIsAsked) {
  Mailbox mailbox;
  mailbox.close();
  EXPECT_FALSE(mailbox.take());
  EXPECT_FALSE(mailbox.take());
}

// Whoever has an answer may post the next letter: taking the answer shows it that the last one was taken.
TEST(Mailbox, HandsOverEveryLetterOnceAndWhole) {
  constexpr std::size_t kLetters = 2000;
  Mailbox there, back;
  SleepingThread taker([&] {
    while (const auto taken = there.take()) back.post(letter(taken->request.index(), taken->stage.index() + 1));
  });
  std::size_t matched = 0;
  for (std::size_t i = 0; i < kLetters; ++i) {
    there.post(letter(i, 2 * i));
    const auto answer = back.take();
    if (answer && answer->request == sched::RequestId(i) && answer->stage == zoo::StageId(2 * i + 1)) ++matched;
  }
  there.close();
  EXPECT_EQ(matched, kLetters);
}

}  // namespace
}  // namespace sparseloom::engine
