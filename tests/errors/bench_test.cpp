// sparseloom bench: what it says about mistakes.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

TEST(BenchErrors, UnknownNetwork) {
  expect_one_line_error(run_cli({"bench", "kernels", "--network", "VGG"}), 2, {"--network VGG", "ResNet-101"});
}

TEST(BenchErrors, SparsityThatIsNoShare) {
  const CliResult result = run_cli({"bench", "kernels", "--sparsity", "80"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("--sparsity"), std::string::npos) << result.err;
}

TEST(BenchErrors, ReportThatCannotBeWritten) {
  expect_one_line_error(run_cli({"bench", "kernels", "--json", "/nonexistent/k.json"}), 1, {"/nonexistent/k.json"});
}

TEST(BenchErrors, ModelThatIsNotThere) {
  expect_one_line_error(run_cli({"bench", "model", "/nonexistent.xml"}), 1, {"/nonexistent.xml", "no such file"});
}

TEST(BenchErrors, MoreThreadsThanCpus) {
  expect_one_line_error(run_cli({"bench", "model", "m.xml", "--threads", "1024"}), 2, {"--threads 1024", "CPUs"});
}

TEST(BenchErrors, DevicesThatAreNotTwo) {
  expect_one_line_error(run_cli({"bench", "hybrid", "m.xml", "--devices", "cpu0"}), 1, {"--devices", "two are needed"});
  expect_one_line_error(run_cli({"bench", "hybrid", "m.xml", "--devices", "cpu0,cpu0"}), 2,
                        {"--devices: 'cpu0'", "two different processors"});
  expect_one_line_error(run_cli({"bench", "hybrid", "m.xml", "--devices", "cpu0,tpu9"}), 2, {"'tpu9'", "cpu0"});
}

TEST(BenchErrors, NothingToBench) { EXPECT_EQ(run_cli({"bench"}).status, 2); }

TEST(BenchErrors, NoSuchModel) {
  expect_one_line_error(run_cli({"bench", "engine", "--model", "/nonexistent.xml"}), 1, {"/nonexistent.xml"});
}

TEST(BenchErrors, TooFewRepetitions) {
  expect_one_line_error(run_cli({"bench", "engine", "--repetitions", "1"}), 2, {"--repetitions", "10"});
}

TEST(BenchErrors, UnknownPreloader) {
  expect_one_line_error(run_cli({"bench", "residency", "--preload", "lru"}), 2, {"'lru'", "hotness, knapsack"});
}

TEST(BenchErrors, BudgetThatIsNoShare) {
  const CliResult result = run_cli({"bench", "residency", "--budget", "50"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("--budget"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace sparseloom::testing
