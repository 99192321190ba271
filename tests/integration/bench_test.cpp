// sparseloom bench, engine on the demo zoo: that every part of it runs as often as asked, not how fast.
#include <gtest/gtest.h>

#include "sparseloom/base/json.h"
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

// Times, or ratios of times: in order, and of something that ran.
void expect_quartiles(const Json& of) {
  EXPECT_GT(of["q1"], 0.0) << of;
  EXPECT_LE(of["q1"], of["median"]) << of;
  EXPECT_LE(of["median"], of["q3"]) << of;
}

void expect_quartiles(const Json& of, std::size_t count) {
  expect_quartiles(of);
  EXPECT_EQ(of["count"], count) << of;
}

TEST(BenchCommand, EngineMeasuresDispatchSwitchMonitorAndWholeModel) {
  constexpr std::size_t kRepetitions = 10, kTasks = 4, kStages = 3;
  const TemporaryFolder folder;
  const auto file = folder.path() / "bench.json";
  const CliResult result =
      run_cli({"bench", "engine", "--zoo", demo_zoo(), "--repetitions", std::to_string(kRepetitions), "--json", file},
              folder.path() / "cache");
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = read_json(file).value();

  ASSERT_GE(json["dispatch"].size(), 1U);
  EXPECT_EQ(json["dispatch"][0]["processors"], 1);
  for (const Json& row : json["dispatch"]) expect_quartiles(row["dispatch_us"], 200);

  expect_quartiles(json["switch_ms"]["idle"], kRepetitions);
  expect_quartiles(json["switch_ms"]["saturated"], kRepetitions);

  ASSERT_EQ(json["monitor"].size(), 2U);
  EXPECT_EQ(json["monitor"][0]["variants"], "dense");
  EXPECT_EQ(json["monitor"][1]["variants"], "last variants");
  for (const Json& monitor : json["monitor"]) {
    expect_quartiles(monitor["look_us"], kRepetitions * kTasks * (kStages - 1));  // nobody looks behind the last stage
    expect_quartiles(monitor["share_of_run"]);
    EXPECT_NE(monitor["worst_stage"].get<std::string>().find(" stage "), std::string::npos) << monitor;
  }

  const Json& whole = json["whole_model"];
  EXPECT_TRUE(fs::exists(whole["model"].get<std::string>())) << whole;
  expect_quartiles(whole["bare_ms"], kRepetitions);
  expect_quartiles(whole["engine_ms"], kRepetitions);
  expect_quartiles(whole["ratio"]);
}

TEST(BenchCommand, EstimatorMeasuresFittingAndEstimatingWithoutModels) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "bench.json";
  const CliResult result = run_cli({"bench", "estimator", "--repetitions", "3", "--json", file});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("of 3)"), std::string::npos) << result.out;
  const Json json = read_json(file).value();
  for (const char* key : {"task_ms", "fit_ms", "per_variant_us", "trees_ms"}) {
    ASSERT_TRUE(json.contains(key)) << key;
    expect_quartiles(json[key]);
  }
}

}  // namespace
}  // namespace sparseloom::testing
