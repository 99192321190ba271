// Mistakes on the command line of sparseloom simulate; those in its files: tests/unit/simulate/benchmark_test.cpp.
#include "cli.h"

namespace sparseloom::testing {
namespace {

const std::filesystem::path kData = std::filesystem::path(SPARSELOOM_SOURCE_DIR) / "tests/data/dysta";
const std::string kTraces = kData / "sanger", kRequests = kData / "requests_sanger_load85_slo10.csv";

TEST(SimulateErrors, UnknownPolicy) {
  expect_one_line_error(run_cli({"simulate", "--traces", kTraces, "--requests", kRequests, "--policy", "sjff"}), 2,
                        {"policy 'sjff'", "sjf_sparse"});
}

TEST(SimulateErrors, NoTraces) {
  expect_one_line_error(run_cli({"simulate", "--traces", "/nonexistent", "--requests", kRequests}), 1,
                        {"/nonexistent"});
}

TEST(SimulateErrors, NoRequests) {
  expect_one_line_error(run_cli({"simulate", "--traces", kTraces, "--requests", "/nonexistent.csv"}), 1,
                        {"/nonexistent.csv", "no such file"});
}

TEST(SimulateErrors, RequestsForOtherModels) {
  const auto other = kData / "requests_eyerissv2_load85_slo10.csv";
  expect_one_line_error(run_cli({"simulate", "--traces", kTraces, "--requests", other}), 1,
                        {"requests_eyerissv2_load85_slo10.csv:2", "column 'model'", "mobilenet_block60", "bert_squad"});
}

TEST(SimulateErrors, TheBenchmarksAdmissionIsForOneProcessor) {
  expect_one_line_error(run_cli({"simulate", "--traces", kTraces, "--requests", kRequests, "--processors", "2",
                                 "--admission", "benchmark"}),
                        2, {"--admission benchmark", "--processors 2"});
}

TEST(SimulateErrors, OutputsThatCannotBeWritten) {
  expect_one_line_error(
      run_cli({"simulate", "--traces", kTraces, "--requests", kRequests, "--finish-csv", "/nonexistent/f.csv"}), 1,
      {"/nonexistent/f.csv"});
}

}  // namespace
}  // namespace sparseloom::testing
