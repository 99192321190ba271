// What is told of an estimator's run: over tasks, and to a file and back.
#include "sparseloom/profile/estimate/estimator_report.h"

#include <gmock/gmock.h>

#include <array>

#include "sparseloom/profile/estimate/estimate.h"

namespace sparseloom::profile {
namespace {

using ::testing::DoubleEq;
using ::testing::HasSubstr;

EstimatorReport report(std::size_t compared, double mae_points, double spearman) {
  EstimatorReport r;
  r.spent = {50, 110, Seconds(20)};
  r.exhaustive = {1000, 1110, Seconds(200)};
  r.elapsed = Seconds(15);
  r.exhaustive_elapsed = Seconds(150);
  r.promised = 0.9;
  r.value_below = 0.01;
  r.truth_known = true;
  r.quality = {compared, mae_points, spearman, 0.75};
  r.coverage = {.requests = 100, .trials = 10, .covered = 9};
  r.chain_errors = {12, 0.1, 0.02};
  return r;
}

TEST(EstimatorReport, OverTasksAddsCountsAndWeighsErrorsByWhatWasCompared) {
  const EstimatorReport total = total_of(std::array{report(900, 1.0, 0.9), report(100, 2.0, 1.0)});
  EXPECT_EQ(total.spent.stitched, 100U);
  EXPECT_EQ(total.exhaustive.stage_passes, 2220);
  EXPECT_THAT(total.quality.mae_points, DoubleEq(1.1));
  EXPECT_THAT(total.quality.spearman, DoubleEq(0.95)) << "mean over tasks";
  EXPECT_THAT(total.coverage.share(), DoubleEq(0.9));
  EXPECT_THAT(total.chain_errors.of_profile, DoubleEq(0.1));
}

TEST(EstimatorReport, OverTasksSaysNothingOfTheFrontUnlessAllOfItIsKnown) {
  EstimatorReport held_out = report(20, 1.0, 0.9);
  held_out.truth_known = false;
  const EstimatorReport total = total_of(std::array{report(900, 1.0, 0.9), held_out});
  EXPECT_FALSE(total.truth_known);
  EXPECT_EQ(to_json(total)["front_recall"], nullptr);
}

TEST(EstimatorReport, ReadsBackAsItWasWritten) {
  EstimatorReport held_out = report(20, 1.25, 0.5);
  held_out.truth_known = false;
  held_out.coverage = {};
  for (const EstimatorReport& one : {report(900, 0.78, 0.956), held_out}) {
    const Json json = to_json(one);
    EXPECT_EQ(to_json(estimator_report_from_json(json, "f").value()), json);
  }
}

TEST(EstimatorReport, NamesTheFileThatIsNone) {
  const Status status = estimator_report_from_json(Json{{"measurements", "many"}}, "eval.json: estimator[2]").status();
  EXPECT_EQ(status.code(), Code::kMalformed);
  EXPECT_THAT(status.message(), HasSubstr("eval.json: estimator[2]: not the report of an estimator"));
}

TEST(EstimationBudget, GrowsWithTheVariantsWithinWhatIsAllowed) {
  EXPECT_EQ(estimation_budget(2, 3, 0.9), std::nullopt) << "all eight are run";
  EXPECT_EQ(estimation_budget(3, 3, 0.9), 15U);
  EXPECT_EQ(estimation_budget(10, 3, 0.9), 50U);
  EXPECT_EQ(estimation_budget(2, 5, 0.9), 13U) << "originals, one design sample each, and the calibration";
}

}  // namespace
}  // namespace sparseloom::profile
