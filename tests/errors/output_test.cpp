// Files that cannot be written are found out before anything is loaded: the zoo named here does not exist, and no
// command comes to say so.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

using Words = std::vector<std::string>;

struct Command {
  std::string name;
  Words words;  // what it takes to run
  Words options = {"--json"};
};

void PrintTo(const Command& command, std::ostream* out) { *out << command.name; }

class OutputErrors : public ::testing::TestWithParam<Command> {
 protected:
  // Whatever the option, this path is refused in one line that says why.
  void expect_refused(const fs::path& path, const std::string& why) const {
    for (const std::string& option : GetParam().options) {
      Words words = GetParam().words;
      words.insert(words.end(), {option, path.string()});
      expect_one_line_error(run_cli(words), 1, {option + " " + path.string(), why});
    }
  }
  TemporaryFolder folder_;
};

TEST_P(OutputErrors, Folder) {
  expect_refused(folder_.path(), "is a folder");
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_P(OutputErrors, BelowAMissingFolder) { expect_refused(folder_.path() / "none" / "r.json", "No such file"); }

TEST_P(OutputErrors, BelowARegularFile) {
  ASSERT_TRUE(write_file(folder_.path() / "file", "x").ok());
  expect_refused(folder_.path() / "file" / "r.json", "Not a directory");
}

TEST_P(OutputErrors, TryingLeavesNothingBehind) {
  for (const std::string& option : GetParam().options) {
    Words words = GetParam().words;
    words.insert(words.end(), {option, folder_.path() / "r.json"});
    expect_one_line_error(run_cli(words), 1, {"/nonexistent"});
  }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_P(OutputErrors, DeviceIsLeftAlone) {
  for (const std::string& option : GetParam().options) {
    Words words = GetParam().words;
    words.insert(words.end(), {option, "/dev/null"});
    expect_one_line_error(run_cli(words), 1, {"/nonexistent"});
    EXPECT_TRUE(fs::is_character_file("/dev/null")) << option;
  }
}

const std::string kZoo = "/nonexistent";

INSTANTIATE_TEST_SUITE_P(
    Commands, OutputErrors,
    ::testing::Values(
        Command{"bench", {"bench", "engine", "--zoo", kZoo}}, Command{"cut", {"cut", "/nonexistent/m.xml"}},
        Command{"demo", {"demo", "--zoo", kZoo}, {"--json", "--trace"}},
        Command{"plan", {"plan", "--zoo", kZoo}, {"--json", "--out"}}, Command{"profile", {"profile", "--zoo", kZoo}},
        Command{"run", {"run", "--zoo", kZoo, "--workload", "w.json"}, {"--json", "--trace"}},
        Command{"simulate", {"simulate", "--zoo", kZoo, "--workload", "w.json"}, {"--json", "--trace"}},
        Command{"stitch", {"stitch", "--zoo", kZoo, "--task", "toy", "--variant", "dense"}},
        Command{"zoo_list", {"zoo", "list", "--zoo", kZoo}}, Command{"zoo_verify", {"zoo", "verify", "--zoo", kZoo}}),
    [](const auto& command) { return command.param.name; });

TEST(DemoErrors, UnknownProvider) {
  for (const char* option : {"--provider", "--compare-provider"}) {
    expect_one_line_error(run_cli({"demo", "--zoo", kZoo, option, "dense"}), 2,
                          {option, "'dense'", "openvino, sparse"});
  }
}

TEST(DemoErrors, UnknownPolicy) {
  expect_one_line_error(run_cli({"demo", "--zoo", kZoo, "--policy", "lifo"}), 2,
                        {"policy 'lifo': not known", "fcfs, edf"});
}

}  // namespace
}  // namespace sparseloom::testing
