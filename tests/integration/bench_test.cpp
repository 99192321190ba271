// sparseloom bench, engine on the demo zoo: that every part of it runs, not how fast.
#include <gtest/gtest.h>

#include "sparseloom/base/json.h"
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

TEST(BenchCommand, EngineMeasuresDispatchSwitchMonitorAndWholeModel) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "bench.json";
  const CliResult result =
      run_cli({"bench", "engine", "--zoo", demo_zoo(), "--repetitions", "10", "--json", file}, folder.path() / "cache");
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = read_json(file).value();
  EXPECT_GT(json["switch_ms"]["idle"]["median"], 0.0);
  EXPECT_GT(json["switch_ms"]["saturated"]["median"], 0.0);
  for (const Json& monitor : json["monitor"]) EXPECT_GT(monitor["share_of_run"]["median"], 0.0);
  EXPECT_EQ(json["monitor"].size(), 2U);
  EXPECT_GT(json["whole_model"]["ratio"]["median"], 0.0);
}

TEST(BenchCommand, EstimatorMeasuresFittingAndEstimatingWithoutModels) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "bench.json";
  const CliResult result = run_cli({"bench", "estimator", "--repetitions", "1", "--json", file});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = read_json(file).value();
  for (const char* key : {"task_ms", "fit_ms", "per_variant_us", "trees_ms"})
    EXPECT_GT(json[key]["median"], 0.0) << key;
}

}  // namespace
}  // namespace sparseloom::testing
