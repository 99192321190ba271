// Estimating accuracies from few stitched variants that were run: what is chosen, and what is made of it.
#include <gmock/gmock.h>

#include <set>

#include "bench/synthetic/synthetic_task.h"
#include "scripted_world.h"
#include "sparseloom/base/rank_correlation.h"
#include "sparseloom/profile/estimate/boosted_trees.h"
#include "sparseloom/profile/estimate/estimate.h"
#include "sparseloom/profile/estimate/quality.h"
#include "sparseloom/profile/estimate/sample_choice.h"

namespace sparseloom::profile {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kVariants = 6, kStages = 3, kSamples = 200;

constexpr bench::SyntheticShape kShape{kVariants, kStages, kSamples, 2};

// A task whose truth is known (synthetic_task.h), and what was asked of it.
class AdditiveTask {
 public:
  static double accuracy(const zoo::Sigma& sigma) { return observe(sigma).accuracy.fraction(); }
  static Observation observe(const zoo::Sigma& sigma) { return bench::SyntheticTask(kShape).observe(sigma); }

  EstimationInput input() {
    EstimationInput input = made_.input();
    input.observe = [this, observe = input.observe](const std::vector<zoo::Sigma>& sigmas) {
      asked_.insert(asked_.end(), sigmas.begin(), sigmas.end());
      return observe(sigmas);
    };
    return input;
  }
  const OutputDistances& distances() const { return made_.distances(); }
  const zoo::Task& task() const { return made_.task(); }
  const std::vector<zoo::Sigma>& asked() const { return asked_; }

 private:
  bench::SyntheticTask made_{kShape};
  std::vector<zoo::Sigma> asked_;
};

EstimationOptions options(EstimatorKind kind) {
  return {.estimator = kind, .sizes = divide_budget(40, kVariants, kStages, 0.9).value(), .level = 0.9, .seed = 1};
}

TEST(Estimators, RecoverAnAdditiveTruthFromAFewRuns) {
  AdditiveTask task;
  const auto input = task.input();
  const auto made = estimate_task(input, options(EstimatorKind::kLogits));
  ASSERT_TRUE(made.ok()) << made.status().message();
  std::vector<double> estimates, truth;
  const auto all = all_sigmas(kVariants, kStages);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (made->measured[i]) continue;
    estimates.push_back(made->estimates[i].value);
    truth.push_back(AdditiveTask::accuracy(all[i]));
  }
  const Quality quality = compare(estimates, truth);
  EXPECT_EQ(quality.compared, 216 - 40);
  EXPECT_LT(quality.mae_points, 1.0);
  EXPECT_GT(quality.spearman, 0.98);
}

TEST(Estimators, TreesFollowTheTruthToo) {
  AdditiveTask task;
  std::vector<Observation> observed;
  const auto all = all_sigmas(kVariants, kStages);
  for (std::size_t i = 0; i < all.size(); i += 3) observed.push_back(AdditiveTask::observe(all[i]));
  for (std::size_t v = 0; v < kVariants; ++v) {
    observed.push_back(AdditiveTask::observe(zoo::Sigma(kStages, zoo::VariantId(v))));
  }
  const auto estimates = estimate_by_trees({task.task(), task.distances()}, observed, all);
  ASSERT_TRUE(estimates.ok()) << estimates.status().message();
  std::vector<double> values, truth;
  for (std::size_t i = 0; i < all.size(); ++i) {
    values.push_back((*estimates)[i].value);
    truth.push_back(AdditiveTask::accuracy(all[i]));
  }
  EXPECT_GT(spearman(values, truth), 0.95);
}

TEST(Estimators, SpendExactlyTheBudgetAndRunNothingTwice) {
  AdditiveTask task;
  const auto input = task.input();
  ASSERT_TRUE(estimate_task(input, options(EstimatorKind::kLogits)).ok());
  EXPECT_EQ(task.asked().size(), 40U);
  EXPECT_EQ(std::set<zoo::Sigma>(task.asked().begin(), task.asked().end()).size(), 40U);
}

TEST(Estimators, RunEveryVariantAtEveryStageInAStitchedVariant) {
  AdditiveTask task;
  const auto input = task.input();
  ASSERT_TRUE(estimate_task(input, options(EstimatorKind::kLogits)).ok());
  std::set<std::pair<std::size_t, zoo::VariantId>> seen;
  for (const zoo::Sigma& sigma : task.asked()) {
    if (std::set<zoo::VariantId>(sigma.begin(), sigma.end()).size() == 1) continue;  // an original
    for (std::size_t s = 0; s < sigma.size(); ++s) seen.emplace(s, sigma[s]);
  }
  EXPECT_EQ(seen.size(), kVariants * kStages);
}

TEST(Estimators, MakeTheSameOfTheSame) {
  AdditiveTask one, other;
  const auto first = estimate_task(one.input(), options(EstimatorKind::kLogits));
  const auto second = estimate_task(other.input(), options(EstimatorKind::kLogits));
  EXPECT_EQ(one.asked(), other.asked());
  EXPECT_EQ(first->quantile, second->quantile);
}

TEST(Estimators, SamplesNearTheFrontComeFirst) {
  const AdditiveTask task;
  const StitchKernel kernel(task.distances());
  const auto all = all_sigmas(kVariants, kStages);
  std::vector<double> relevance(all.size(), 0.0);
  for (std::size_t i = 180; i < 216; ++i) relevance[i] = 1;  // those that begin with the last variant
  const auto chosen = choose_samples({.kernel = kernel,
                                      .parameters = kernel.prior(),
                                      .variants = kVariants,
                                      .candidates = all,
                                      .relevance = relevance,
                                      .observed = all_sigmas(kVariants - 3, kStages),  // covers three variants
                                      .together = {},
                                      .count = 6});
  ASSERT_EQ(chosen.size(), 6U);
  EXPECT_EQ(chosen.back().front(), zoo::VariantId(5));
}

TEST(Estimators, BudgetThatCannotHoldWhatIsNeeded) {
  EXPECT_THAT(divide_budget(20, 10, 3, 0.9).status().message(), HasSubstr("budget 20: 29 to 999"));
  EXPECT_EQ(divide_budget(1000, 10, 3, 0.9).status().code(), Code::kInvalidArgument);
  const SampleSizes sizes = divide_budget(50, 10, 3, 0.9).value();
  EXPECT_EQ(10 + sizes.design + sizes.active + sizes.calibration, 50U);
  EXPECT_EQ(sizes.calibration, 9U);
}

TEST(Estimators, ATaskThatIsTooSmallIsToldSo) {
  const Status status = divide_budget(15, 3, 2, 0.9).status();  // 9 stitched variants
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("takes 15 runs, and there are 9 stitched variants"));
}

TEST(Estimators, BudgetErrorsNameTheTaskAndAreOfThoseAskedFor) {
  ScriptedWorld world;  // "toy": 27 stitched variants
  world.zoo.tasks.push_back(world.zoo.tasks[0]);
  world.zoo.tasks[1].name = "small";
  world.zoo.tasks[1].cuts.clear();
  EstimateOptions options;
  options.budget = 20;
  options.measuring.database = world.folder.path() / "nowhere" / "p.sqlite";
  ASSERT_TRUE(write_file(world.folder.path() / "nowhere", "a file").ok());  // so that nothing is measured
  const auto failure = [&] {
    return estimate(world.zoo, world.soc, *world.runtime, world.pieces, options).status().message();
  };
  EXPECT_THAT(failure(), HasSubstr("task 'small': budget 20"));
  options.measuring.tasks = {zoo::TaskId(0)};
  EXPECT_THAT(failure(), Not(HasSubstr("--budget")));
}

TEST(Estimators, OriginalsAreAmongTheCandidatesHoweverManyThereAre) {
  for (const std::size_t variants : {kVariants, std::size_t{14}}) {  // of 14, 2744 stitched in three stages
    const auto all = all_sigmas(variants, kStages);
    const auto candidates = candidates_of(all, 1);
    const std::set<zoo::Sigma> seen(candidates.begin(), candidates.end());
    EXPECT_EQ(seen.size(), std::min<std::size_t>(all.size(), 2000));
    EXPECT_EQ(candidates.size(), seen.size());
    for (std::size_t v = 0; v < variants; ++v) EXPECT_TRUE(seen.contains(zoo::Sigma(kStages, zoo::VariantId(v))));
  }
}

TEST(FrontRecall, CountsWhatAPlannerWouldStillFind) {
  // Fastest first; the estimate hides that the second is accurate, so that the third is picked in its place.
  const std::vector<double> truth{0.70, 0.75, 0.74, 0.80};
  const std::vector<Candidate> seen{{1, 0.70}, {2, 0.71}, {3, 0.76}, {4, 0.80}};
  EXPECT_THAT(front_recall(seen, truth, 0.70, 0.80), DoubleNear(2.0 / 3, 1e-12));
}

}  // namespace
}  // namespace sparseloom::profile
