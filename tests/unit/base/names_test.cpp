#include "sparseloom/base/names.h"

#include <gtest/gtest.h>

#include <array>

namespace sparseloom {
namespace {

TEST(UnknownName, SaysWhatArrivedAndWhatIsAllowed) {
  const Status status = unknown_name("policy", "lifo", std::array{"fcfs", "edf"});
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message(), "policy 'lifo': not known; allowed: fcfs, edf");
}

TEST(UnknownName, AnEmptyNameIsSeen) {
  EXPECT_EQ(not_known("", std::vector<std::string>{"a"}), "'': not known; allowed: a");
}

}  // namespace
}  // namespace sparseloom
