// sparseloom profile and soc: mistakes on the command line, databases that do not belong here.
#include "sparseloom/profile/store/database.h"
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

TEST(ProfileErrors, UnknownTask) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--task", "chess"}), 2, {"chess", "image"});
}

TEST(ProfileErrors, UnknownSplit) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--split", "train"}), 2,
                        {"--split", "train", "profile, test, both"});
}

TEST(ProfileErrors, UnknownMode) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--mode", "guess"}), 2, {"--mode", "guess"});
}

TEST(ProfileErrors, BudgetTooSmallForAnEstimate) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--mode", "estimate", "--budget", "12"}), 2,
                        {"--budget", "12", "29 to 999"});
}

TEST(ProfileErrors, UnknownEstimator) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--mode", "estimate", "--estimator", "oracle"}), 2,
                        {"--estimator", "'oracle': not known; allowed: logits, trees"});
}

TEST(ProfileErrors, ConfidenceThatNothingCanGive) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--mode", "estimate", "--confidence", "1"}), 2,
                        {"--confidence", "0.5 to 0.99"});
}

TEST(ProfileErrors, EstimateOfWhatIsMeasuredExhaustively) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--mode", "estimate", "--accuracy"}), 2,
                        {"--mode", "--accuracy"});
}

TEST(ProfileErrors, EstimatesAreNotExported) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "mine.json";
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--mode", "estimate", "--export-latency", path}), 2,
                        {"--export-latency", "--mode exhaustive", "the mode is estimate"});
}

TEST(ProfileErrors, WhatOnlyEstimatesLookAt) {
  for (const auto& [option, value] : {std::pair("--budget", "40"), std::pair("--confidence", "0.8"),
                                      std::pair("--estimator", "trees"), std::pair("--seed", "2")}) {
    expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--latency", option, value}), 2,
                          {option, "--mode estimate", "the mode is exhaustive"});
  }
}

TEST(ProfileErrors, CheckingMeasuresNothingElse) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--check", "--latency"}), 2, {"--check", "--latency"});
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--check", "--mode", "estimate"}), 2,
                        {"--check", "--mode exhaustive"});
}

TEST(ProfileErrors, CheckOfNothing) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "p.sqlite";
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--check", "--database", path}), 1,
                        {"p.sqlite", "no latencies to check", "sparseloom profile"});
}

TEST(ProfileErrors, NegativeThreads) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--threads", "-1"}), 2, {"--threads", "-1"});
}

TEST(ProfileErrors, UnknownOption) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--speed"}), 2, {"--speed"});
}

TEST(ProfileErrors, DatabaseThatIsNone) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "notes.txt";
  ASSERT_TRUE(write_file(path, "a file that somebody needs and that must stay as it is").ok());
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--latency", "--database", path}), 1,
                        {"notes.txt", "another file"});
  EXPECT_EQ(read_file(path).value(), "a file that somebody needs and that must stay as it is");
}

TEST(ProfileErrors, ProfileOfAnotherMachine) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "p.sqlite";
  const zoo::Zoo zoo = zoo::load_zoo(demo_zoo()).value();
  soc::Soc other;
  other.fingerprint = "0123456789abcdef";
  ASSERT_TRUE(profile::Database::open(path, zoo, other).ok());
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--latency", "--database", path}), 1,
                        {"p.sqlite", "another machine", "0123456789abcdef", "another file"});
}

TEST(ProfileErrors, DatabaseInAReadOnlyPlace) {
  expect_one_line_error(run_cli({"profile", "--zoo", demo_zoo(), "--latency", "--database", "/proc/nowhere/p.sqlite"}),
                        1, {"/proc/nowhere/p.sqlite"});
}

TEST(SocErrors, CoresPerProcessorOutOfRange) {
  expect_one_line_error(run_cli({"soc", "--cores-per-processor", "100000"}), 2, {"100000", "1 to"});
}

TEST(SocErrors, ReportThatCannotBeWritten) {
  expect_one_line_error(run_cli({"soc", "--json", "/nonexistent/soc.json"}), 1, {"/nonexistent/soc.json"});
}

}  // namespace
}  // namespace sparseloom::testing
