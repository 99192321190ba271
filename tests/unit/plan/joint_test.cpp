#include "sparseloom/plan/search/joint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

#include "bench/synthetic/synthetic_problem.h"
#include "sparseloom/plan/search/column_lp.h"
#include "sparseloom/plan/search/non_dominated.h"
#include "sparseloom/plan/search/stagewise.h"

namespace sparseloom::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(ColumnLp, FindsTheOptimumAndItsPrices) {
  // Most of 3x + 2y with x + y <= 4, x + 3y <= 6: x = 4.
  ColumnLp lp({4, 6}, 0, 0);
  lp.add_column(-3, {1, 1});
  lp.add_column(-2, {1, 3});
  EXPECT_TRUE(lp.solve());
  EXPECT_DOUBLE_EQ(lp.value(), -12);
  EXPECT_THAT(lp.duals(), ElementsAre(-3, 0));
}

TEST(ColumnLp, GoesOnFromWhereItWasWhenAColumnComes) {
  ColumnLp lp({1.0}, 1, 100);
  lp.solve();
  EXPECT_DOUBLE_EQ(lp.value(), 100) << "nothing serves the row yet";
  lp.add_column(5, {1});
  lp.solve();
  EXPECT_DOUBLE_EQ(lp.value(), 5);
  lp.add_column(3, {2});
  lp.solve();
  EXPECT_DOUBLE_EQ(lp.value(), 1.5);
}

TEST(NonDominated, KeepsWhatNoOtherIsNoLargerThan) {
  EXPECT_THAT(non_dominated({1, {3, 1, 2}}, {0, 0, 0}), ElementsAre(1));
  EXPECT_THAT(non_dominated({2, {3, 1, 1, 3, 2, 2, 3, 3}}, {0, 0, 0, 0}), ElementsAre(1, 2, 0));
  EXPECT_THAT(non_dominated({3, {1, 1, 2, 1, 2, 1, 2, 2, 2}}, {0, 0, 0}), ElementsAre(0, 1));
  EXPECT_THAT(non_dominated({4, {1, 1, 1, 2, 1, 1, 2, 1, 2, 2, 2, 2}}, {0, 0, 0}), ElementsAre(0, 1));
  EXPECT_THAT(non_dominated({2, {1, 1, 1, 1}}, {2, 1}), ElementsAre(1)) << "of equal ones the smaller tie";
}

struct Draw {
  std::mt19937_64 random;
  double operator()(double lo, double hi) { return lo + (hi - lo) * static_cast<double>(random() % 1000) / 1000; }
};

std::vector<std::vector<BusyOption>> random_options(std::uint64_t seed, std::size_t tasks, std::size_t options,
                                                    std::size_t processors) {
  Draw draw{std::mt19937_64(seed)};
  std::vector<std::vector<BusyOption>> all(tasks);
  for (auto& task : all) {
    for (std::size_t o = 0; o < options; ++o) {
      BusyOption option{{}, draw(0, 1), std::round(draw(10, 100)), {}};
      for (std::size_t p = 0; p < processors; ++p) option.busy.push_back(draw(0, 4));
      task.push_back(std::move(option));
    }
  }
  return all;
}

/// The least bottleneck within the budget by trying everything; infinite if nothing fits.
double enumerated(const std::vector<std::vector<BusyOption>>& tasks, double budget, std::vector<double> busy = {},
                  std::size_t t = 0) {
  if (budget < 0) return kInfinity;
  if (t == tasks.size()) return *std::max_element(busy.begin(), busy.end());
  double least = kInfinity;
  for (const BusyOption& option : tasks[t]) {
    std::vector<double> sum = option.busy;
    for (std::size_t p = 0; p < busy.size(); ++p) sum[p] += busy[p];
    least = std::min(least, enumerated(tasks, budget - option.bytes, std::move(sum), t + 1));
  }
  return least;
}

double peak_of(const std::vector<BusyOption>& chosen) {
  std::vector<double> sum(chosen.front().busy.size(), 0.0);
  for (const BusyOption& option : chosen) {
    for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += option.busy[p];
  }
  return *std::max_element(sum.begin(), sum.end());
}

double bytes_of(const std::vector<BusyOption>& chosen) {
  double sum = 0;
  for (const BusyOption& option : chosen) sum += option.bytes;
  return sum;
}

Result<JointResult> joint(const std::vector<std::vector<BusyOption>>& tasks, JointLimits limits) {
  std::vector<ListedOptions> lists(tasks.begin(), tasks.end());
  std::vector<const OptionSource*> sources;
  for (const ListedOptions& list : lists) sources.push_back(&list);
  return least_bottleneck(sources, tasks.front().front().busy.size(), limits);
}

TEST(Joint, EqualsEnumeration) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const std::size_t processors = 1 + seed % 4;
    const auto tasks = random_options(seed, 3, 12, processors);
    for (const double budget : {kInfinity, 150.0, 90.0}) {
      const double truth = enumerated(tasks, budget);
      const auto found = joint(tasks, {.budget_bytes = budget});
      ASSERT_EQ(found.ok(), truth < kInfinity) << "seed " << seed << ", budget " << budget;
      if (!found.ok()) continue;
      EXPECT_NEAR(found->bottleneck, truth, 1e-12) << "seed " << seed << ", budget " << budget;
      EXPECT_NEAR(found->lower_bound, truth, 1e-8) << "seed " << seed << ", budget " << budget;
      EXPECT_NEAR(peak_of(found->chosen), found->bottleneck, 1e-12);
      EXPECT_LE(bytes_of(found->chosen), budget);
    }
  }
}

TEST(Joint, WithHardLimitsStillProvesWhatItSays) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto tasks = random_options(seed, 3, 30, 3);
    const auto found = joint(tasks, {.max_options = 5, .max_partial = 4});
    ASSERT_TRUE(found.ok());
    const double truth = enumerated(tasks, kInfinity);
    EXPECT_LE(found->lower_bound, truth + 1e-12) << "seed " << seed;
    EXPECT_GE(found->bottleneck, truth - 1e-12) << "seed " << seed;
    EXPECT_GT(found->lower_bound, 0.7 * truth) << "seed " << seed;
  }
}

TEST(Joint, NamesTheSmallestBudget) {
  const std::vector<std::vector<BusyOption>> tasks{{{{1.0}, 0, 70, {}}, {{2.0}, 0, 40, {}}}, {{{1.0}, 0, 60, {}}}};
  const auto found = joint(tasks, {.budget_bytes = 99});
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.status().code(), Code::kResourceExhausted);
  EXPECT_THAT(found.status().message(), HasSubstr("99 bytes"));
  EXPECT_THAT(found.status().message(), HasSubstr("at least 100"));
  EXPECT_DOUBLE_EQ(joint(tasks, {.budget_bytes = 100})->bottleneck, 3);
  EXPECT_DOUBLE_EQ(joint(tasks, {.budget_bytes = 130})->bottleneck, 2);
}

TEST(Joint, OfEqualBottlenecksTakesTheSmallerTie) {
  const auto found = joint({{{{2.0, 1.0}, 5, 0, {}}, {{1.5, 2.0}, 4, 0, {}}}}, {});
  EXPECT_DOUBLE_EQ(found->chosen.front().tie, 4);
}

/// Every option of a small stagewise task that keeps its bounds.
std::vector<BusyOption> all_options(const StagewiseTask& task) {
  const std::size_t per_stage = task.variants * task.processors;
  const auto count = static_cast<std::size_t>(std::pow(per_stage, task.stages) + 0.5);
  std::vector<BusyOption> all;
  for (std::size_t number = 0; number < count; ++number) {
    BusyOption option{std::vector<double>(task.processors, 0.0)};
    double loss = 0;
    for (std::size_t i = 0, rest = number, from = 0; i < task.stages; ++i, rest /= per_stage) {
      const std::size_t v = rest % per_stage / task.processors;
      const std::size_t p = rest % task.processors;
      const double moved = i == 0 ? 0 : task.transfer[((i - 1) * task.processors + from) * task.processors + p];
      option.busy[p] += moved + task.run[task.index(v, i, p)];
      option.tie += moved + task.run[task.index(v, i, p)];
      option.bytes += task.bytes[task.index(v, i, p)];
      loss += task.loss[v * task.stages + i];
      from = p;
    }
    if (option.tie <= task.latency_bound && loss <= task.loss_bound) all.push_back(std::move(option));
  }
  return all;
}

constexpr bench::SyntheticOptions kSmall{.tasks = 2, .variants = 3, .stages = 4, .processors = 2};

TEST(Stagewise, TheCheapestAreThoseOfEnumeration) {
  Draw draw{std::mt19937_64(7)};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const StagewiseTask& task : bench::synthetic_tasks(seed, kSmall)) {
      const Prices prices{{draw(0, 1), draw(0, 1)}, draw(0, 1e-10)};
      std::vector<double> costs;
      for (const BusyOption& option : all_options(task)) costs.push_back(prices.of(option));
      ASSERT_FALSE(costs.empty());
      const StagewiseOptions source(task);
      const PricedOptions one = source.cheapest(prices, {.effort = 10'000});
      ASSERT_EQ(one.options.size(), 1u);
      EXPECT_NEAR(prices.of(one.options.front()), *std::min_element(costs.begin(), costs.end()), 1e-12);
      const double most = prices.of(one.options.front()) * 1.05;
      const PricedOptions some = source.cheapest(prices, {.count = 10'000, .max_cost = most});
      EXPECT_GE(some.options.size(), 1U) << "the cheapest at least";
      for (const BusyOption& option : some.options) EXPECT_LE(prices.of(option), most * (1 + 1e-12));
      EXPECT_GT(some.rest, most * (1 - 1e-12));
    }
  }
}

TEST(Stagewise, TheRestCostsNoLessHoweverLittleIsLookedAt) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const StagewiseTask task = bench::synthetic_tasks(seed, kSmall).front();
    const Prices prices{{0.3, 0.7}, 0};
    double truth = kInfinity;
    for (const BusyOption& option : all_options(task)) truth = std::min(truth, prices.of(option));
    const PricedOptions found = StagewiseOptions(task).cheapest(prices, {.effort = 2});
    const double cheapest = found.options.empty() ? kInfinity : prices.of(found.options.front());
    EXPECT_GE(cheapest, truth - 1e-12);
    EXPECT_LE(std::min(cheapest, found.rest), truth + 1e-12);
  }
}

TEST(Stagewise, WithoutAnyOptionThereIsNoRest) {
  StagewiseTask task = bench::synthetic_tasks(1, kSmall).front();
  task.loss_bound = -1;
  const PricedOptions found = StagewiseOptions(task).cheapest({{1, 1}, 0}, {});
  EXPECT_TRUE(found.options.empty());
  EXPECT_EQ(found.rest, kInfinity);
}

TEST(Joint, OfStagewiseTasksEqualsEnumeration) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto tasks = bench::synthetic_tasks(seed, kSmall);
    std::vector<std::vector<BusyOption>> all;
    std::vector<StagewiseOptions> stagewise(tasks.begin(), tasks.end());
    for (const StagewiseTask& task : tasks) all.push_back(all_options(task));
    const std::vector<const OptionSource*> sources{&stagewise[0], &stagewise[1]};
    double most_bytes = kInfinity;
    for (int budgets = 0; budgets < 4; ++budgets) {
      const double truth = enumerated(all, most_bytes);
      const auto found = least_bottleneck(sources, 2, {.budget_bytes = most_bytes});
      ASSERT_EQ(found.ok(), truth < kInfinity) << "seed " << seed << ", budget " << most_bytes;
      if (!found.ok()) break;
      ++compared;
      EXPECT_NEAR(found->bottleneck, truth, 1e-12) << "seed " << seed << ", budget " << most_bytes;
      EXPECT_NEAR(found->lower_bound, truth, 1e-9) << "seed " << seed << ", budget " << most_bytes;
      most_bytes = bytes_of(found->chosen) - 1;  // takes what was chosen away
    }
  }
  EXPECT_GT(compared, 40) << "of 80";
}

TEST(Joint, OfTenToTheTwelveStitchedVariantsProvesASmallGap) {
  const auto tasks = bench::synthetic_tasks(1);
  const std::vector<StagewiseOptions> stagewise(tasks.begin(), tasks.end());
  std::vector<const OptionSource*> sources;
  for (const StagewiseOptions& task : stagewise) sources.push_back(&task);
  const auto found = least_bottleneck(sources, 3, {.enough = 0.01, .max_options = 300, .max_partial = 500});
  ASSERT_TRUE(found.ok());
  EXPECT_LE(found->bottleneck - found->lower_bound, 0.01 * found->bottleneck);
  EXPECT_NEAR(peak_of(found->chosen), found->bottleneck, 1e-12);
}

}  // namespace
}  // namespace sparseloom::plan
