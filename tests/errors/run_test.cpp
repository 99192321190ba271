// sparseloom run: what it says about a wrong command line.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

struct Workload {
  Workload() {
    EXPECT_TRUE(write_file(file, R"({"format_version": 1, "duration_s": 1,
        "arrivals": [{"task": "toy", "kind": "closed_loop"}]})")
                    .ok());
  }
  CliResult run(std::vector<std::string> more) const {
    std::vector<std::string> words{"run", "--zoo", made.root(), "--workload", file};
    words.insert(words.end(), more.begin(), more.end());
    return run_cli(words, folder.path() / "cache");
  }
  MadeUpZoo made;
  TemporaryFolder folder;
  std::filesystem::path file = folder.path() / "w.json";
};

TEST(RunErrors, NothingToServe) { expect_one_line_error(run_cli({"run"}), 2, {"--workload", "--model"}); }

TEST(RunErrors, UnknownPlanner) {
  expect_one_line_error(Workload().run({"--planner", "best"}), 2, {"'best'", "sparseloom"});
}

TEST(RunErrors, UnknownPolicy) {
  expect_one_line_error(Workload().run({"--policy", "lifo"}), 2, {"policy 'lifo': not known", "fcfs, edf"});
}

TEST(RunErrors, UnknownProvider) {
  expect_one_line_error(Workload().run({"--provider", "dense"}), 2, {"--provider", "'dense'", "openvino, sparse"});
}

TEST(RunErrors, MemoryThatIsNoSize) {
  expect_one_line_error(Workload().run({"--memory", "much"}), 2, {"--memory", "'much'", "KiB, MiB or GiB"});
}

TEST(RunErrors, NoPlanFile) {
  expect_one_line_error(Workload().run({"--plan", "/nonexistent/p.json"}), 1, {"/nonexistent/p.json"});
}

TEST(RunErrors, NoSlots) { expect_one_line_error(Workload().run({"--slots", "0"}), 2, {"--slots", "1 to 1024"}); }

TEST(RunErrors, NoFolderForOutput) {
  expect_one_line_error(Workload().run({"--json", "/nonexistent/r.json"}), 1, {"--json", "/nonexistent"});
  expect_one_line_error(Workload().run({"--trace", "/nonexistent/t.json"}), 1, {"--trace", "/nonexistent"});
}

TEST(RunErrors, NoZoo) {
  expect_one_line_error(run_cli({"run", "--zoo", "/nonexistent", "--workload", "w.json"}), 1, {"/nonexistent"});
}

}  // namespace
}  // namespace sparseloom::testing
