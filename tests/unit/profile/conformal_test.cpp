#include "sparseloom/profile/estimate/conformal.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace sparseloom::profile {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

TEST(Picks, AreTheFrontOfSpeedAndAccuracy) {
  const std::vector<Candidate> candidates{{1, 0.60}, {2, 0.70}, {3, 0.65}, {4, 0.80}, {5, 0.90}};
  EXPECT_THAT(picks(candidates, 0, 1), ElementsAre(0, 1, 3, 4));
  // The bound never exceeds 0.75: the fourth is picked for 0.72, nobody needs the fifth.
  EXPECT_THAT(picks(candidates, 0.61, 0.75), ElementsAre(1, 3));
}

TEST(Pick, IsTheCheapestThatKeepsTheBound) {
  const Choices choices{{{1, 3}, {3, 1}, {1, 1}}, {0.7, 0.7, 0.6}};
  const std::vector<bool> none(3, false);
  EXPECT_EQ(pick(choices, none, {.bound = 0.5, .weight = {1, 1}}), 2U);
  EXPECT_EQ(pick(choices, none, {.bound = 0.65, .weight = {1, 0.5}}), 0U) << "a second of the first stage costs more";
  EXPECT_EQ(pick(choices, none, {.bound = 0.65, .weight = {0.5, 1}}), 1U);
  EXPECT_EQ(pick(choices, none, {.bound = 0.8, .weight = {1, 1}}), std::nullopt);
}

TEST(DrawPicks, GoOnBelowTheFrontWhenItIsUsedUp) {
  const Choices choices{{{1}, {2}, {3}, {4}}, {0.60, 0.70, 0.65, 0.69}};
  const std::vector<bool> measured{false, true, false, false};
  std::mt19937_64 random(1);
  EXPECT_THAT(draw_picks(choices, measured, 0.5, 0.7, 1, random), ElementsAre(0));
  EXPECT_THAT(draw_picks(choices, measured, 0.5, 0.7, 3, random), UnorderedElementsAre(0, 2, 3));
  EXPECT_THAT(draw_picks(choices, measured, 0.5, 0.7, 9, random), UnorderedElementsAre(0, 2, 3));
}

TEST(ConformalQuantile, IsTheOrderStatisticThatTheLevelAsksFor) {
  EXPECT_EQ(calibration_size(0.9), 9U);
  EXPECT_EQ(calibration_size(0.5), 1U);
  EXPECT_EQ(conformal_quantile({1, 9, 2, 8, 3, 7, 4, 6, 5}, 0.9), 9);
  EXPECT_EQ(conformal_quantile({1, 9, 2, 8, 3, 7, 4, 6, 5}, 0.5), 5);
  EXPECT_EQ(conformal_quantile({1, 2, 3}, 0.9), std::numeric_limits<double>::infinity());
}

TEST(Draw, TakesEverySubsetEquallyOften) {
  std::mt19937_64 random(1);
  std::vector<int> taken(5);
  for (int i = 0; i < 10000; ++i) {
    for (const std::size_t k : draw({0, 1, 2, 3, 4}, 2, random)) ++taken[k];
  }
  EXPECT_THAT(taken, Each(::testing::AllOf(::testing::Gt(3800), ::testing::Lt(4200))));
  EXPECT_THAT(draw({7}, 3, random), ElementsAre(7));
}

// Ten variants, three stages: what a stage saves in time it costs in accuracy, more or less. All are estimated with
// errors of one size: the planner picks those that were estimated too high.
CoverageTrial selection_problem(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> error(0, 0.01);
  std::uniform_real_distribution<double> scatter(-0.03, 0);
  CoverageTrial trial;
  for (std::size_t i = 0; i < 1000; ++i) {
    const std::vector<std::size_t> variants{i / 100, i / 10 % 10, i % 10};
    auto& latency = trial.choices.latency_s.emplace_back();
    trial.truth.push_back(0.75 + scatter(random));
    for (const std::size_t v : variants) {
      latency.push_back(0.001 - 0.00005 * static_cast<double>(v));
      trial.truth.back() -= 0.004 * static_cast<double>(v);
    }
    trial.choices.value.push_back(trial.truth.back() + error(random));
    trial.scale.push_back(0.01);
  }
  trial.measured.assign(1000, false);
  trial.from = 0.65;
  trial.to = 0.75;
  trial.calibration = 9;
  trial.batch = 3;
  trial.level = 0.9;
  return trial;
}

TEST(Coverage, HoldsForWhatIsPickedNotOnlyOnAverage) {
  Coverage all;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Coverage one = try_coverage(selection_problem(seed), 20, 20, seed);
    all.trials += one.trials;
    all.covered += one.covered;
  }
  EXPECT_GT(all.trials, 10000U);
  EXPECT_GE(all.share(), 0.90);
  EXPECT_LE(all.share(), 0.97);  // not by a bound that says nothing
}

TEST(Coverage, CalibratingOnAnyVariantWouldNotHold) {
  std::size_t trials = 0, covered = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const CoverageTrial trial = selection_problem(seed);
    std::mt19937_64 random(seed);
    const std::vector<bool> none(1000, false);
    std::vector<std::size_t> any(1000);
    for (std::size_t i = 0; i < any.size(); ++i) any[i] = i;
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::vector<double> scores;
      for (const std::size_t i : draw(any, 9, random)) scores.push_back(trial.choices.value[i] - trial.truth[i]);
      const double quantile = conformal_quantile(std::move(scores), 0.9);
      for (int k = 0; k < 20; ++k) {
        const auto i = pick(trial.choices, none, draw_request(3, trial.from, trial.to, random));
        if (!i) continue;
        ++trials;
        covered += trial.truth[*i] >= trial.choices.value[*i] - quantile ? 1 : 0;
      }
    }
  }
  EXPECT_LT(static_cast<double>(covered) / static_cast<double>(trials), 0.8);
}

}  // namespace
}  // namespace sparseloom::profile
