// The shipped predictor of SparOA's thresholds, run by a real runtime.
#include <gmock/gmock.h>

#include "sparseloom/place/placers.h"
#include "sparseloom/profile/analytical/operator_costs.h"
#include "sparseloom/profile/threshold_predictor.h"
#include "sparseloom/soc/soc_file.h"
#include "tests/errors/cli.h"
#include "tests/support/scoped_env.h"
#include "tests/support/tiny_ir.h"

namespace sparseloom::testing {
namespace {

const std::string kSource = SPARSELOOM_SOURCE_DIR;
const std::filesystem::path kShipped = kSource + "/predictors/sparoa-threshold.json";

class ShippedPredictor : public ::testing::Test {
 protected:
  // Latency by the predicted thresholds, over that of the best of the grid.
  double over_best(profile::ThresholdPredictor& predictor, const std::filesystem::path& model, const std::string& soc) {
    const auto read = runtime_->read(model);
    EXPECT_TRUE(read.ok()) << read.status().message();
    const auto costs =
        profile::modelled_costs((*read)->graph(), soc::load_soc(kSource + "/socs/" + soc + ".json").value());
    EXPECT_TRUE(costs.ok()) << costs.status().message();
    place::PlacerOptions options;
    const auto thresholds = predictor.predict(costs->table, options.model);
    EXPECT_TRUE(thresholds.ok()) << thresholds.status().message();
    options.thresholds = thresholds.value();
    const auto placed = place::place_by_sparoa_threshold(costs->table, options);
    EXPECT_TRUE(placed.ok()) << placed.status().message();
    return placed->latency / place::place_by_threshold(costs->table, options)->latency;
  }

  Result<profile::ThresholdPredictor> load() { return profile::ThresholdPredictor::load(*runtime_, kShipped); }

  std::unique_ptr<backend::Runtime> runtime_ = backend::make_runtime("openvino").value();
};

TEST_F(ShippedPredictor, FindsTheBetterProcessorForATinyModel) {
  const TemporaryFolder folder;
  const std::filesystem::path model = tiny_resnet(3).write(folder.path() / "m.xml");
  auto predictor = load();
  ASSERT_TRUE(predictor.ok()) << predictor.status().message();
  EXPECT_LE(over_best(*predictor, model, "jetson-agx-orin"), 1.05);
}

// Networks that it was not trained on.
TEST_F(ShippedPredictor, IsNearTheBestOfTheGridForTheDemoZoo) {
  auto predictor = load();
  ASSERT_TRUE(predictor.ok()) << predictor.status().message();
  for (const std::string soc : {"jetson-agx-orin", "core-ultra-7-265k", "core-ultra-5-135u"}) {
    for (const std::string task : {"image", "sentiment", "activity", "speech"}) {
      const std::string model = demo_zoo() + "/" + task + "/dense/model.xml";
      EXPECT_LE(over_best(*predictor, model, soc), 1.05) << task << " on " << soc;
    }
  }
}

TEST(PlaceByPrediction, SaysByWhichThresholds) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "p.json";
  const CliResult result = run_cli({"place", demo_zoo() + "/speech/dense/model.xml", "--soc", "jetson-agx-orin",
                                    "--method", "sparoa-threshold", "--json", file});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json method = read_json(file).value()["methods"][0];
  EXPECT_EQ(method["method"], "sparoa-threshold");
  EXPECT_TRUE(method["thresholds"].contains("activation_sparsity"));
  EXPECT_TRUE(method["thresholds"].contains("intensity"));
}

// Zeros that were measured are thresholds to try, and change no modelled time.
TEST(PlaceATask, ItsDataSayHowSparseGroupsAre) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "p.json";
  const auto exact_ms = [&](const std::vector<std::string>& subject) {
    std::vector<std::string> words{"place"};
    words.insert(words.end(), subject.begin(), subject.end());
    words.insert(words.end(), {"--soc", "jetson-agx-orin", "--method", "all", "--json", file});
    const CliResult result = run_cli(words);
    EXPECT_EQ(result.status, 0) << result.err;
    const Json json = read_json(file).value();
    return std::pair<double, Json>(json["methods"][0]["latency_ms"].get<double>(), json["samples"]);
  };
  const auto of_task = exact_ms({"--task", "speech", "--zoo", demo_zoo(), "--samples", "4"});
  const auto of_file = exact_ms({demo_zoo() + "/speech/dense/model.xml"});
  EXPECT_EQ(of_task.second, 4);
  EXPECT_EQ(of_file.second, 0);
  EXPECT_EQ(of_task.first, of_file.first);
}

TEST(PlaceByPrediction, APredictorOfAnotherReleaseIsRefused) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "predictors");
  Json json = read_json(kShipped).value();
  json["format_version"] = 99;
  ASSERT_TRUE(write_file(folder.path() / "predictors" / "sparoa-threshold.json", json.dump()).ok());
  const ScopedEnv data("SPARSELOOM_DATA_DIR", folder.path().string());
  const std::vector<std::string> words{"place", demo_zoo() + "/speech/dense/model.xml", "--soc",
                                       kSource + "/socs/jetson-agx-orin.json", "--method"};
  std::vector<std::string> one = words, all = words;
  one.emplace_back("sparoa-threshold");
  all.emplace_back("all");
  expect_one_line_error(run_cli(one), 1, {"sparoa-threshold.json", "format_version 99 is of another release"});
  const CliResult result = run_cli(all);  // the others are placed all the same
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, ::testing::HasSubstr("format_version 99"));
}

}  // namespace
}  // namespace sparseloom::testing
