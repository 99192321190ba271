#include "cli/data.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace sparseloom::cli {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;

TEST(DataFolders, AnInstalledProgramLooksInSharePastTheWorkingDirectory) {
  EXPECT_THAT(data_folders("", "/opt/loom/bin"), ElementsAre(fs::path(), fs::path("/opt/loom/share/sparseloom")));
}

TEST(DataFolders, TheVariableComesFirst) {
  EXPECT_THAT(data_folders("/data", "/usr/bin"),
              ElementsAre(fs::path("/data"), fs::path(), fs::path("/usr/share/sparseloom")));
}

TEST(DataFolders, AProgramInABuildTreeLooksInItsSourceTree) {
  const testing::TemporaryFolder source;
  const fs::path build = source.path() / "build" / "release";
  fs::create_directories(build / "bin");
  std::ofstream(build / "CMakeCache.txt") << "# made by CMake\n";
  EXPECT_THAT(data_folders("", build / "bin"), ElementsAre(fs::path(), source.path()));
}

TEST(DataFolders, WithoutAKnownProgramTheWorkingDirectoryIsLeft) {
  EXPECT_THAT(data_folders("", ""), ElementsAre(fs::path()));
}

TEST(DataFolders, ThisProgramIsInABuildTree) {
  EXPECT_TRUE(fs::exists(data_folders().back() / "socs" / "jetson-agx-orin.json"));
}

}  // namespace
}  // namespace sparseloom::cli
