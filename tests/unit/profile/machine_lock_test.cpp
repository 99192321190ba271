#include "sparseloom/profile/measure/machine_lock.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "sparseloom/base/file.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::profile {
namespace {

using sparseloom::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class MachineLockTest : public ::testing::Test {
 protected:
  LockOptions options(bool wait) const { return {.file = folder_.path() / "lock", .who = "this test", .wait = wait}; }
  TemporaryFolder folder_;
};

TEST_F(MachineLockTest, ASecondOneIsRefusedAndTellsWhoHoldsIt) {
  const MachineLock first = MachineLock::acquire(options(false), {}).value();
  EXPECT_FALSE(first.waited());
  const Status second = MachineLock::acquire(options(false), {}).status();
  EXPECT_EQ(second.code(), Code::kUnavailable);
  EXPECT_THAT(second.message(), HasSubstr(fmt::format("process {} (this test, since ", ::getpid())));
  EXPECT_THAT(second.message(), MatchesRegex(".*since [0-9]+:[0-9]+\\) is measuring on this machine"));
}

TEST_F(MachineLockTest, ASecondOneWaitsAndSaysSoOnce) {
  std::optional<MachineLock> first = MachineLock::acquire(options(false), {}).value();
  std::vector<std::string> told;
  const Control control{.on_progress = [&](const Progress& progress) {
    told.push_back(progress.what);
    first.reset();  // what it waits for ends
  }};
  const MachineLock second = MachineLock::acquire(options(true), control).value();
  EXPECT_TRUE(second.waited());
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told.front(), AllOf(HasSubstr("this test"), HasSubstr("waiting for it to end")));
}

TEST_F(MachineLockTest, WaitingCanBeStopped) {
  const MachineLock first = MachineLock::acquire(options(false), {}).value();
  const std::atomic<bool> stop{true};
  const Control control{.on_progress = {}, .stop = &stop};
  EXPECT_EQ(MachineLock::acquire(options(true), control).status().code(), Code::kCancelled);
}

TEST_F(MachineLockTest, AProcessThatDiedHoldsNothing) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = MachineLock::acquire(options(false), {});
    ::_exit(held.ok() ? 0 : 1);  // no destructor runs
  }
  int state = 0;
  ASSERT_EQ(::waitpid(child, &state, 0), child);
  ASSERT_EQ(WEXITSTATUS(state), 0);
  EXPECT_TRUE(MachineLock::acquire(options(false), {}).ok());
}

TEST_F(MachineLockTest, AFolderInItsPlaceIsNamed) {
  LockOptions in_place = options(false);
  in_place.file = folder_.path();
  const Status status = MachineLock::acquire(in_place, {}).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(folder_.path().string()));
}

}  // namespace
}  // namespace sparseloom::profile
