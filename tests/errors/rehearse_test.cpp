// sparseloom simulate --workload: what it says about a wrong command line.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

CliResult simulate(std::vector<std::string> words) {
  words.insert(words.begin(), "simulate");
  return run_cli(words);
}

TEST(RehearseErrors, NothingToSimulate) {
  expect_one_line_error(simulate({}), 2, {"nothing to simulate", "--workload FILE", "--traces DIR"});
}

TEST(RehearseErrors, WorkloadAndTraces) {
  expect_one_line_error(simulate({"--workload", "w.json", "--traces", "t", "--requests", "r.csv"}), 2,
                        {"--traces", "excludes", "--workload"});
}

TEST(RehearseErrors, TracesWithoutRequests) {
  expect_one_line_error(simulate({"--traces", "t"}), 2, {"--traces", "requires", "--requests"});
}

TEST(RehearseErrors, AnOptionOfTheOtherForm) {
  expect_one_line_error(simulate({"--traces", "t", "--requests", "r.csv", "--planner", "av-p"}), 2,
                        {"--planner", "requires", "--workload"});
  expect_one_line_error(simulate({"--workload", "w.json", "--processors", "2"}), 2,
                        {"--processors", "requires", "--traces"});
}

TEST(RehearseErrors, ATraceOfSeveralPolicies) {
  for (const char* policies : {"fcfs,edf", "all"}) {
    expect_one_line_error(simulate({"--workload", "w.json", "--policy", policies, "--trace", "t.json"}), 2,
                          {"--trace t.json", "one policy"});
  }
  expect_one_line_error(simulate({"--traces", "t", "--requests", "r.csv", "--trace", "t.json"}), 2,
                        {"--trace t.json", "one policy; got 10"});
}

TEST(RehearseErrors, UnknownPolicy) {
  expect_one_line_error(simulate({"--workload", "w.json", "--policy", "lifo"}), 2, {"policy 'lifo'", "fcfs, edf"});
}

TEST(RehearseErrors, NoWorkloadFile) {
  const MadeUpZoo made;
  expect_one_line_error(simulate({"--zoo", made.root(), "--workload", "/nonexistent/w.json"}), 1,
                        {"/nonexistent/w.json"});
}

}  // namespace
}  // namespace sparseloom::testing
