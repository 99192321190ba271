#include "sparseloom/plan/preload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_world.h"

namespace sparseloom::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr soc::ProcessorId kCpu(0);

/// One task, subgraphs of the given bytes, choices of (subgraphs, configurations).
PreloadProblem one_task(const std::vector<std::uint64_t>& bytes, std::vector<PreloadProblem::Choice> choices,
                        std::size_t configurations) {
  PreloadProblem problem;
  for (std::size_t s = 0; s < bytes.size(); ++s) {
    problem.subgraphs.push_back({{zoo::TaskId(0), zoo::VariantId(s), zoo::StageId(0), kCpu, {}}, Bytes{bytes[s]}});
  }
  problem.tasks = {std::move(choices)};
  problem.configurations = configurations;
  return problem;
}

/// The most attainment that any set of subgraphs within the budget has, and its fewest bytes.
Preload by_enumeration(const PreloadProblem& problem, Bytes budget) {
  Preload best;
  best.attainment = -1;
  for (std::size_t set = 0; set < std::size_t{1} << problem.subgraphs.size(); ++set) {
    Preload one;
    std::vector<bool> kept;
    for (std::size_t s = 0; s < problem.subgraphs.size(); ++s) {
      kept.push_back((set >> s & 1) != 0);
      if (kept.back()) one.bytes += problem.subgraphs[s].bytes;
    }
    if (one.bytes > budget) continue;
    one.attainment = attainment(problem, kept);
    if (one.attainment > best.attainment || (one.attainment == best.attainment && one.bytes < best.bytes)) best = one;
  }
  return best;
}

/// Two tasks of three variants and two stages on one processor, under the diagonal of the SLO grid.
PreloadProblem random_problem(unsigned seed) {
  testing::World world = testing::random_world(seed, 2, 3, 2, 1);
  std::mt19937_64 random(seed);
  for (std::size_t t = 0; t < 2; ++t) {
    for (std::size_t v = 0; v < 3; ++v) {
      for (std::size_t i = 0; i < 2; ++i) {
        profile::TaskProfile& task = world.profile.tasks[t];
        profile::Latency l = task.latency(zoo::VariantId(v), zoo::StageId(i), kCpu, backend::Provider::kOpenVino);
        l.resident = {1 + random() % 100};
        task.set_latency(zoo::VariantId(v), zoo::StageId(i), kCpu, backend::Provider::kOpenVino, l);
      }
    }
  }
  const auto ranges = grid_ranges(world.zoo, world.soc, world.profile).value();
  std::vector<SloConfig> diagonal;
  for (int k = 1; k <= 8; ++k) diagonal.push_back(grid_config(ranges, {k, k}));
  return preload_problem(world.zoo, world.soc, world.profile, diagonal).value();
}

std::uint64_t total_bytes(const PreloadProblem& problem) { return preload_all(problem).bytes.count; }

TEST(Preload, HotIsWhatIsUsedOftenAndHasFewAlternatives) {
  // Configuration 0 has two choices, which share subgraph 0 at stage 0; configuration 1 only the second.
  PreloadProblem problem = one_task({10, 10, 10}, {{{0, 1}, {0}}, {{0, 2}, {0, 1}}}, 2);
  problem.subgraphs[1].key.stage = problem.subgraphs[2].key.stage = zoo::StageId(1);
  // Subgraph 0: in every choice of both, no alternative: (1 + 1) + (1 + 1). Subgraph 1: in half of those of 0, where
  // its stage has two variants: 0.5 + 0.5. Subgraph 2: the same, and all alone in 1: 1 + 2.
  EXPECT_THAT(hotness(problem), ElementsAre(4.0, 1.0, 3.0));
  EXPECT_THAT(preload_hotness(problem, {20}).subgraphs, ElementsAre(0, 2));
}

TEST(Preload, HotnessMayKeepHalvesThatServeNobodyWhereTheKnapsackDoesNot) {
  // The hot subgraph 0 fits but neither of its partners does; the other choice is whole.
  PreloadProblem problem = one_task({60, 90, 90, 40, 40}, {{{0, 1}, {0, 1}}, {{0, 2}, {0, 1}}, {{3, 4}, {0}}}, 2);
  for (const std::size_t s : {1, 2, 4}) problem.subgraphs[s].key.stage = zoo::StageId(1);
  EXPECT_EQ(preload_hotness(problem, {100}).attainment, 0.0);
  EXPECT_THAT(preload_knapsack(problem, {100}).subgraphs, ElementsAre(3, 4));
  EXPECT_EQ(preload_knapsack(problem, {100}).attainment, 0.5);
  EXPECT_EQ(preload_knapsack(problem, {150}).attainment, 1.0);
}

TEST(Preload, TheKnapsackIsSeldomAndLittleBelowTheBestThatEnumerationFinds) {
  double short_of_best = 0;
  int cases = 0, optimal = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    const PreloadProblem problem = random_problem(seed);
    for (const double share : {0.2, 0.4, 0.6, 0.8}) {
      const Bytes budget{static_cast<std::uint64_t>(share * static_cast<double>(total_bytes(problem)))};
      const double best = by_enumeration(problem, budget).attainment;
      const Preload found = preload_knapsack(problem, budget);
      EXPECT_LE(found.bytes, budget);
      EXPECT_LE(found.attainment, best);
      short_of_best += best - found.attainment;
      ++cases;
      optimal += found.attainment == best ? 1 : 0;
    }
  }
  EXPECT_GE(optimal, cases * 9 / 10);
  EXPECT_LE(short_of_best / cases, 0.01);
}

TEST(Preload, TheKnapsackAttainsOnAverageMoreThanHotness) {
  double ours = 0, paper = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    const PreloadProblem problem = random_problem(seed);
    const Bytes half{total_bytes(problem) / 2};
    EXPECT_LE(preload_hotness(problem, half).bytes, half);
    ours += preload_knapsack(problem, half).attainment;
    paper += preload_hotness(problem, half).attainment;
  }
  EXPECT_GT(ours, paper);
}

TEST(Preload, EverythingFitsTheWholeBudgetAndNothingNone) {
  const PreloadProblem problem = random_problem(1);
  EXPECT_EQ(preload_all(problem).attainment, 1.0);
  for (const char* name : {"hotness", "knapsack"}) {
    const Preloader preload = find_preloader(name).value();
    EXPECT_EQ(preload(problem, preload_all(problem).bytes).attainment, 1.0) << name;
    EXPECT_TRUE(preload(problem, {}).subgraphs.empty()) << name;
  }
}

TEST(Preload, TheSmallestBudgetServesOneConfigurationAtATime) {
  // Configuration 0 can be served by 60 bytes, configuration 1 needs the 90.
  EXPECT_EQ(smallest_budget(one_task({60, 90}, {{{0}, {0}}, {{1}, {0, 1}}}, 2)).count, 90U);
  EXPECT_EQ(smallest_budget({}).count, 0U);
}

TEST(Preload, ReadsOnePerPoolAndOnlyWhatSomeConfigurationWants) {
  testing::World world = testing::world_of(2);
  testing::add_task(world, "t", 2, {{"dense", 4, 0.9}, {"int8", 1, 0.5}}, {});
  const auto config = [](double accuracy, double ms) { return SloConfig{"c", {{accuracy, from_ms(ms)}}}; };
  // At most 5 ms: dense|int8, int8|dense and int8|int8; at least 0.6: the first two.
  const PreloadProblem problem =
      preload_problem(world.zoo, world.soc, world.profile, {config(0.6, 5), config(0.95, 5)}).value();
  EXPECT_EQ(problem.subgraphs.size(), 4U);
  ASSERT_EQ(problem.tasks[0].size(), 2U);
  EXPECT_THAT(problem.tasks[0][0].configurations, ElementsAre(0));
  EXPECT_EQ(preload_all(problem).attainment, 1.0);  // nothing serves configuration 1
}

TEST(Preload, OfPlansHasWhatTheyUseAndOneChoiceEach) {
  testing::World world = testing::world_of(2);
  testing::add_task(world, "t", 2, {{"dense", 4, 0.9}, {"int8", 1, 0.5}}, {});
  Plan one, two;
  one.tasks = {testing::dense_plan(testing::sigma({0, 1}), testing::placement({0, 1}))};
  two.tasks = {testing::dense_plan(testing::sigma({0, 0}), testing::placement({1, 1}))};
  const PreloadProblem problem = preload_problem(world.soc, world.profile, {one, two});
  EXPECT_EQ(problem.subgraphs.size(), 3U);  // processors of a pool share the first stage
  EXPECT_THAT(problem.tasks[0][1].subgraphs, ElementsAre(0, 2));
  EXPECT_EQ(problem.configurations, 2U);
}

TEST(Preload, RefusesUnknownNamesAndMissingSlos) {
  EXPECT_EQ(find_preloader("lru").status().message(), "preloader 'lru': not known; allowed: hotness, knapsack");
  testing::World world = testing::world_of(1);
  testing::add_task(world, "t", 1, {{"dense", 1, 0.9}}, {});
  const auto problem = preload_problem(world.zoo, world.soc, world.profile, {{"empty", {}}});
  EXPECT_THAT(problem.status().message(), HasSubstr("SLO configuration 'empty': has 0 entries"));
}

}  // namespace
}  // namespace sparseloom::plan
