// Files that describe a predictor of thresholds: those of another release and those that are no predictor are refused.
#include "sparseloom/profile/threshold_predictor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::profile {
namespace {

using ::testing::HasSubstr;

class PredictorFile : public ::testing::Test {
 protected:
  Status load(const Json& json) {
    const auto file = folder_.path() / "p.json";
    EXPECT_TRUE(write_file(file, json.dump()).ok());
    return ThresholdPredictor::load(*backend::make_runtime("scripted").value(), file).status();
  }

  static Json good() {
    const std::vector<double> groups(place::kGroupFeatures.size(), 1), machine(place::kMachineFeatures.size(), 1);
    return {{"format_version", 1},      {"feature_set", place::kThresholdFeatureSet},
            {"network", "none.onnx"},   {"group_mean", groups},
            {"group_scale", groups},    {"machine_mean", machine},
            {"machine_scale", machine}, {"training", {{"seed", 1}}}};
  }

  testing::TemporaryFolder folder_;
};

TEST_F(PredictorFile, OfAnotherVersion) {
  Json json = good();
  json["format_version"] = 2;
  json["what it brought"] = "more keys";
  EXPECT_EQ(load(json).code(), Code::kFailedPrecondition);
  EXPECT_THAT(load(json).message(), HasSubstr("p.json: format_version 2 is of another release; this one reads 1"));
}

TEST_F(PredictorFile, OfAnotherFeatureSet) {
  Json json = good();
  json["feature_set"] = "guesses-7";
  EXPECT_EQ(load(json).code(), Code::kFailedPrecondition);
  EXPECT_THAT(load(json).message(), HasSubstr("feature_set 'guesses-7' is of another release; this one has 'sparoa-"));
}

TEST_F(PredictorFile, WithTooFewNumbers) {
  Json json = good();
  json["group_mean"].erase(0);
  EXPECT_EQ(load(json).code(), Code::kMalformed);
  EXPECT_THAT(load(json).message(), HasSubstr("group_mean: 24 numbers; allowed: 25"));
}

TEST_F(PredictorFile, WithAScaleThatIsNone) {
  Json json = good();
  json["machine_scale"][2] = 0;
  EXPECT_THAT(load(json).message(), HasSubstr("machine_scale: [2]: allowed: a number above 0"));
}

TEST_F(PredictorFile, WithAKeyThatNobodyKnows) {
  Json json = good();
  json["extra"] = 1;
  EXPECT_THAT(load(json).message(), HasSubstr("extra"));
}

TEST_F(PredictorFile, ThatIsNotThere) {
  EXPECT_EQ(
      ThresholdPredictor::load(*backend::make_runtime("scripted").value(), folder_.path() / "no.json").status().code(),
      Code::kNotFound);
}

}  // namespace
}  // namespace sparseloom::profile
