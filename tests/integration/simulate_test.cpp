// sparseloom simulate against the results of the public benchmark's own code.
#include <gtest/gtest.h>

#include <charconv>

#include "sparseloom/base/csv.h"
#include "sparseloom/base/json.h"
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

const std::filesystem::path kData = std::filesystem::path(SPARSELOOM_SOURCE_DIR) / "tests/data/dysta";

using Columns = std::pair<std::vector<std::string>, std::vector<std::vector<double>>>;

Columns read_columns(const std::filesystem::path& path) {
  auto csv = CsvReader::open(path);
  if (!csv.ok()) return {};
  Columns columns{csv->columns(), {}};
  while (csv->next().value()) {
    auto& row = columns.second.emplace_back();
    for (std::size_t c = 0; c < columns.first.size(); ++c) row.push_back(csv->number(c).value());
  }
  return columns;
}

class Golden : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(Golden, FinishTimesAndMetricsAreThePublishedOnes) {
  const auto& [accelerator, load] = GetParam();
  const std::string scenario = fmt::format("{}_{}_slo10", accelerator, load);
  const TemporaryFolder folder;
  const auto finish = folder.path() / "finish.csv", metrics = folder.path() / "metrics.json";
  const CliResult result = run_cli({"simulate", "--traces", kData / accelerator, "--requests",
                                    kData / fmt::format("requests_{}.csv", scenario), "--policy", "all", "--finish-csv",
                                    finish, "--json", metrics});
  ASSERT_EQ(result.status, 0) << result.err;

  const Columns ours = read_columns(finish), golden = read_columns(kData / fmt::format("finish_{}.csv", scenario));
  ASSERT_EQ(ours.first, golden.first);
  ASSERT_EQ(ours.second.size(), golden.second.size());
  for (std::size_t r = 0; r < golden.second.size(); ++r) {
    for (std::size_t c = 0; c < golden.first.size(); ++c) {
      const double expected = golden.second[r][c];
      ASSERT_NEAR(ours.second[r][c], expected, 1e-9 * expected) << golden.first[c] << ", row " << r;
    }
  }
  const Json reference = read_json(kData / "reference_metrics.json").value()[scenario],
             found = read_json(metrics).value();
  ASSERT_EQ(reference.size(), golden.first.size());
  for (const auto& [policy, values] : reference.items()) {
    ASSERT_FALSE(values.empty()) << policy;
    for (const auto& [name, value] : values.items()) {
      const double expected = value;
      EXPECT_NEAR(found[policy][name].get<double>(), expected, 1e-12 * expected) << policy << ", " << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Golden,
                         ::testing::Values(std::pair("sanger", "load85"), std::pair("sanger", "load110"),
                                           std::pair("eyerissv2", "load85"), std::pair("eyerissv2", "load110")),
                         [](const auto& each) { return each.param.first + "_" + each.param.second; });

TEST(SweepCommand, PrintsIntervalsOnlyWhereSeedsScatter) {
  const TemporaryFolder folder;
  const auto sweep = [&](const std::string& seeds) {
    const std::string html = folder.path() / "sweep.html", json = folder.path() / "sweep.json";
    CliResult result = run_cli({"sweep", "--traces", kData / "sanger", "--requests", "30", "--load", "0.7,0.85",
                                "--slo", "10", "--seeds", seeds, "--html", html, "--json", json});
    EXPECT_EQ(result.status, 0) << result.err;
    result.out += read_file(html).value();
    return std::pair(result.out, read_json(json).value()["rows"][0]["antt"]["ci95"]);
  };
  const auto [one, no_interval] = sweep("1");
  EXPECT_EQ(one.find("±"), std::string::npos) << one;
  EXPECT_EQ(one.find(" ["), std::string::npos) << one;
  EXPECT_NE(one.find("one seed"), std::string::npos);
  EXPECT_TRUE(no_interval.is_null());
  const auto [two, interval] = sweep("2");
  EXPECT_NE(two.find("±"), std::string::npos);
  EXPECT_NE(two.find(" ["), std::string::npos);
  EXPECT_EQ(interval.size(), 2U);
}

}  // namespace
}  // namespace sparseloom::testing
