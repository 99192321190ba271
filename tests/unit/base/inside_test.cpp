#include "sparseloom/base/inside.h"

#include <gtest/gtest.h>

#include "sparseloom/base/file.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom {
namespace {

namespace fs = std::filesystem;

TEST(PathProblem, PathsBelowTheFolderAreAllowed) {
  for (const char* path : {"a", "a/b.c", "..a/b..", "a b"}) EXPECT_EQ(path_problem(path), "") << path;
}

TEST(PathProblem, OthersAreNot) {
  for (const std::string_view path : {"", "/a", "..", "../a", "a/../b", "./a", "a//b", "a/", "a\\b"}) {
    EXPECT_NE(path_problem(path), "") << path;
  }
  EXPECT_NE(path_problem(std::string_view("a\0b", 3)), "");
}

TEST(CheckInside, FollowsLinks) {
  const testing::TemporaryFolder folder, elsewhere;
  ASSERT_TRUE(write_file(folder.path() / "file", "").ok());
  fs::create_symlink(folder.path() / "file", folder.path() / "inside");
  fs::create_symlink(elsewhere.path(), folder.path() / "outside");
  EXPECT_TRUE(check_inside(folder.path(), folder.path() / "file").ok());
  EXPECT_TRUE(check_inside(folder.path(), folder.path() / "inside").ok());
  EXPECT_TRUE(check_inside(folder.path(), folder.path() / "not there").ok());
  for (const char* path : {"outside", "outside/file", "../file"}) {
    EXPECT_EQ(check_inside(folder.path(), folder.path() / path).code(), Code::kFailedPrecondition) << path;
  }
}

TEST(CheckInside, AFolderWhoseNameBeginsAlikeIsAnother) {
  const testing::TemporaryFolder folder;
  EXPECT_FALSE(check_inside(folder.path() / "zoo", folder.path() / "zoo2" / "file").ok());
}

}  // namespace
}  // namespace sparseloom
