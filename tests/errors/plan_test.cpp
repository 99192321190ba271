// sparseloom plan: names that do not exist, and files that cannot be written. Nothing is loaded for a usage mistake.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

CliResult plan(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"plan", "--zoo", demo_zoo()});
  return run_cli(arguments);
}

TEST(PlanErrors, SloConfigurationOffTheGrid) {
  expect_one_line_error(plan({"--slo", "C9"}), 2, {"'C9'", "C1 to C8"});
  expect_one_line_error(plan({"--slo", "a9l0"}), 2, {"'a9l0'", "0..8"});
}

TEST(PlanErrors, UnknownUseOfEstimates) {
  expect_one_line_error(plan({"--estimates", "best"}), 2, {"--estimates", "'best'", "value and lower"});
}

TEST(PlanErrors, SloFileThatIsNotThere) {
  expect_one_line_error(plan({"--slo", "bounds.json"}), 2, {"'bounds.json'", "no such file", "C1 to C8"});
}

TEST(PlanErrors, MemoryThatIsNoAmount) {
  for (const char* amount : {"20MB", "-1", "0", "many", "1e30GiB", "20 MiB x"}) {
    expect_one_line_error(plan({"--memory", amount}), 2, {"--memory", amount, "KiB, MiB or GiB"});
  }
}

TEST(PlanErrors, UnknownPlanner) {
  expect_one_line_error(plan({"--planner", "fastest"}), 2, {"'fastest'", "sparseloom", "av-np"});
}

TEST(PlanErrors, UnknownObjective) {
  expect_one_line_error(plan({"--objective", "fun"}), 2, {"--objective", "'fun'", "responses", "throughput"});
}

TEST(PlanErrors, ObjectiveForAPlannerThatHasNone) {
  expect_one_line_error(plan({"--objective", "throughput", "--planner", "av-np"}), 2, {"'av-np'", "sparseloom"});
}

TEST(PlanErrors, APercentileForAPlanThatLooksAtNoLoad) {
  expect_one_line_error(plan({"--rate", "100", "--percentile", "p99", "--planner", "av-np"}), 2,
                        {"--percentile", "'av-np'", "only sparseloom", "responses"});
  expect_one_line_error(plan({"--rate", "100", "--percentile", "p99", "--objective", "throughput"}), 2,
                        {"--percentile", "throughput", "only sparseloom", "responses"});
}

TEST(PlanErrors, UnknownProvider) {
  expect_one_line_error(plan({"--provider", "dense"}), 2, {"--provider", "'dense'", "openvino, sparse"});
}

TEST(PlanErrors, AProviderThatNoProcessorOffers) {
  expect_one_line_error(plan({"--provider", "scripted"}), 2, {"processor 'cpu0'", "scripted", "openvino, sparse"});
}

TEST(PlanErrors, APlanFileThatIsNotThere) {
  expect_one_line_error(plan({"--check", "/nonexistent/plan.json"}), 1, {"/nonexistent/plan.json"});
}

TEST(PlanErrors, ThatAPlanIsReadLeavesNothingToPlan) {
  for (const char* option : {"--slo", "--planner", "--objective", "--memory", "--provider", "--percentile", "--out"}) {
    expect_one_line_error(plan({"--check", "plan.json", option, "x"}), 2, {option, "excludes", "--check"});
  }
}

TEST(PlanErrors, NoZoo) {
  const TemporaryFolder nothing;
  expect_one_line_error(run_cli({"plan", "--zoo", nothing.path().string()}), 1, {nothing.path().string(), "zoo.json"});
}

}  // namespace
}  // namespace sparseloom::testing
