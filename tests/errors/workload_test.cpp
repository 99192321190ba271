// sparseloom run: what it says about workload files that are not right.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

/// Runs a workload on a made-up zoo whose one task is "toy".
CliResult run_workload(const std::string& text) {
  const MadeUpZoo made;
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "w.json";
  EXPECT_TRUE(write_file(file, text).ok());
  return run_cli({"run", "--zoo", made.root(), "--workload", file}, folder.path() / "cache");
}

std::string with_arrivals(const std::string& entries) {
  return R"({"format_version": 1, "duration_s": 1, "arrivals": [)" + entries + "]}";
}

TEST(WorkloadErrors, NoSuchFile) {
  const MadeUpZoo made;
  expect_one_line_error(run_cli({"run", "--zoo", made.root(), "--workload", "/nonexistent/w.json"}), 1,
                        {"/nonexistent/w.json"});
}

TEST(WorkloadErrors, NotJson) {
  expect_one_line_error(run_workload("{\n  \"format_version\": 1,,\n}"), 1, {"w.json:2:23: ", "not JSON"});
}

TEST(WorkloadErrors, UnknownTask) {
  expect_one_line_error(run_workload(with_arrivals(R"({"task": "chess", "kind": "closed_loop"})")), 1,
                        {"w.json: arrivals[0]", "task: 'chess': not known", "toy"});
}

TEST(WorkloadErrors, UnknownKey) {
  expect_one_line_error(run_workload(with_arrivals(R"({"task": "toy", "kind": "closed_loop", "rats": 3})")), 1,
                        {"key 'rats': not known; allowed: kind"});
}

TEST(WorkloadErrors, RecordingOutsideItsFolder) {
  for (const std::string file : {"../../x.csv", "/etc/passwd"}) {
    expect_one_line_error(
        run_workload(with_arrivals(fmt::format(R"({{"task": "toy", "kind": "recorded", "file": "{}"}})", file))), 1,
        {"arrivals[0]: file: '" + file});
  }
}

TEST(WorkloadErrors, KeyThatStandsTwice) {
  expect_one_line_error(
      run_workload(with_arrivals(R"({"task": "toy", "kind": "closed_loop", "requests": 1, "requests": 500})")), 1,
      {"w.json: arrivals[0]: key 'requests' stands twice"});
}

TEST(WorkloadErrors, UnknownPlanner) {
  expect_one_line_error(run_workload(R"({"format_version": 1, "duration_s": 1, "planner": "best",
      "arrivals": [{"task": "toy", "kind": "closed_loop"}]})"),
                        1, {"planner: 'best': not known", "sparseloom, "});
}

TEST(WorkloadErrors, UnknownPolicy) {
  expect_one_line_error(run_workload(R"({"format_version": 1, "duration_s": 1, "policy": "lifo",
      "arrivals": [{"task": "toy", "kind": "closed_loop"}]})"),
                        1, {"policy: 'lifo': not known", "fcfs, edf"});
}

TEST(WorkloadErrors, ZeroRequests) {
  expect_one_line_error(run_workload(with_arrivals("")), 1, {"arrivals", "zero requests", "at least one"});
  expect_one_line_error(run_workload(with_arrivals(R"({"task": "toy", "kind": "closed_loop", "requests": 0})")), 1,
                        {"arrivals[0]", "requests: got 0", "1.."});
}

TEST(WorkloadErrors, NoEnd) {
  expect_one_line_error(
      run_workload(R"({"format_version": 1, "arrivals": [{"task": "toy", "kind": "poisson", "rate_per_s": 5}]})"), 1,
      {"arrivals[0]", "never end"});
}

TEST(WorkloadErrors, NegativeRate) {
  expect_one_line_error(run_workload(with_arrivals(R"({"task": "toy", "kind": "poisson", "rate_per_s": -5})")), 1,
                        {"arrivals[0]", "rate_per_s: got -5"});
}

TEST(WorkloadErrors, NoPriority) {
  expect_one_line_error(run_workload(with_arrivals(R"({"task": "toy", "kind": "closed_loop", "priority": -1})")), 1,
                        {"arrivals[0]", "priority: got -1", "more than 0"});
}

TEST(WorkloadErrors, BurstsWithoutGaps) {
  expect_one_line_error(
      run_workload(with_arrivals(R"({"task": "toy", "kind": "bursty", "rate_per_s": 5, "burst_ms": 300})")), 1,
      {"arrivals[0]", "gap_ms: missing"});
}

TEST(WorkloadErrors, ARecordingThatIsNotBesideTheWorkload) {
  expect_one_line_error(run_workload(with_arrivals(R"({"task": "toy", "kind": "recorded", "file": "calls.csv"})")), 1,
                        {"w.json: arrivals[0]: file: ", "/calls.csv: no such file"});
}

TEST(WorkloadErrors, UnknownSloConfiguration) {
  expect_one_line_error(run_workload(R"({"format_version": 1, "duration_s": 1, "slo_config": "C12",
      "arrivals": [{"task": "toy", "kind": "closed_loop"}]})"),
                        1, {"slo_config", "C12", "C8"});
}

TEST(WorkloadErrors, AnotherReleasesFormat) {
  expect_one_line_error(run_workload(R"({"format_version": 3, "arrivals": []})"), 1,
                        {"format_version: got 3", "reads 1"});
}

}  // namespace
}  // namespace sparseloom::testing
