#include "sparseloom/base/status.h"

#include <gtest/gtest.h>

#include <memory>

#include "sparseloom/base/thread.h"

namespace sparseloom {
namespace {

Result<std::unique_ptr<int>> make(bool works) {
  if (!works) return error(Code::kNotFound, "no {}", "thing");
  return std::make_unique<int>(7);
}

Status use(bool works) {
  SL_ASSIGN_OR_RETURN(const auto value, make(works));
  return *value == 7 ? Status() : error(Code::kInternal, "{} instead of 7", *value);
}

TEST(Status, FailureTravelsUpWithItsMessage) {
  EXPECT_TRUE(use(true).ok());
  EXPECT_EQ(use(false).with_context("zoo.json").message(), "zoo.json: no thing");
}

TEST(ExitStatus, TellsUsageFromFailure) {
  EXPECT_EQ(exit_status(Code::kOk), 0);
  EXPECT_EQ(exit_status(Code::kInvalidArgument), 2);
  EXPECT_EQ(exit_status(Code::kDataLoss), 1);
  EXPECT_EQ(exit_status(Code::kCancelled), 130);
}

TEST(Threads, PinningToACpuWeDoNotHaveIsAnError) {
  ASSERT_FALSE(allowed_cpus().empty());
  EXPECT_TRUE(pin_this_thread(allowed_cpus()).ok());
  EXPECT_EQ(pin_this_thread({-1}).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace sparseloom
