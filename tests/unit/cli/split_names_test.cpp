#include "cli/split_names.h"

#include <gmock/gmock.h>

namespace sparseloom::cli {
namespace {

using ::testing::ElementsAre;

TEST(SplitNames, ByCommas) {
  EXPECT_THAT(split_names("a,b.c,d"), ElementsAre("a", "b.c", "d"));
  EXPECT_THAT(split_names("a"), ElementsAre("a"));
  EXPECT_THAT(split_names("a,,"), ElementsAre("a", "", ""));
}

TEST(SplitNames, ABackslashMakesWhatFollowsPartOfAName) {
  EXPECT_THAT(split_names(R"(a\,b,c)"), ElementsAre("a,b", "c"));
  EXPECT_THAT(split_names(R"(a\\,b)"), ElementsAre(R"(a\)", "b"));
  EXPECT_THAT(split_names(R"(a\)"), ElementsAre(R"(a\)")) << "at the end it is itself";
}

}  // namespace
}  // namespace sparseloom::cli
