// Planner `exact` on the demo zoo, with latencies as one machine measured them (tests/data/demo_latencies.csv, from
// `sparseloom profile --json`) and the accuracies that ship: in every cell of the SLO grid its bottleneck is the least
// that enumeration finds.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "sparseloom/base/csv.h"
#include "sparseloom/plan/costs.h"
#include "sparseloom/profile/store/shipped.h"
#include "tests/errors/cli.h"

namespace sparseloom::plan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Recorded {
  zoo::Zoo zoo;
  soc::Soc soc;
  profile::Profile profile;
};

template <typename Items>
std::size_t index_of(const Items& items, std::string_view name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name == name; });
  EXPECT_NE(found, items.end()) << name;
  return static_cast<std::size_t>(found - items.begin());
}

Recorded recorded() {
  Recorded r{zoo::load_zoo(testing::demo_zoo()).value(), {}, {}};
  r.soc.name = "recorded";
  for (const char* name : {"cpu0", "cpu1"}) {
    r.soc.processors.push_back(
        {name, "CPU", {}, "host", "cpu x1", {backend::Provider::kOpenVino, backend::Provider::kSparse}});
  }
  r.profile = profile::empty_profile(r.zoo, r.soc);
  for (std::size_t t = 0; t < r.zoo.tasks.size(); ++t) {
    EXPECT_EQ(profile::load_shipped(r.zoo, zoo::TaskId(t), r.profile.tasks[t]).value(), profile::Shipped::kLoaded);
  }
  CsvReader csv =
      CsvReader::open(std::filesystem::path(SPARSELOOM_SOURCE_DIR) / "tests/data/demo_latencies.csv").value();
  while (csv.next().value()) {
    const std::size_t t = index_of(r.zoo.tasks, csv.cell(0));
    const Seconds median = from_ms(csv.number(5).value());
    r.profile.tasks[t].set_latency(
        zoo::VariantId(index_of(r.zoo.tasks[t].variants, csv.cell(1))), zoo::StageId(csv.index(2, 2).value()),
        soc::ProcessorId(index_of(r.soc.processors, csv.cell(3))), backend::find_provider(csv.cell(4)).value(),
        {median, median, median, 1, Bytes{csv.index(6, 1U << 30U).value()}});
  }
  return r;
}

/// What one choice for one task takes: busy seconds of both processors, and memory.
struct Option {
  double first = 0, second = 0, bytes = 0;
};

bool no_worse(const Option& a, const Option& b, bool memory) {
  return a.first <= b.first && a.second <= b.second && (!memory || a.bytes <= b.bytes);
}

/// A task's options that no other is no worse than, of all σ and placements that are allowed.
std::vector<Option> non_dominated_options(const Recorded& r, const TaskCosts& costs, std::size_t t, const Slo& slo,
                                          bool memory) {
  const profile::TaskProfile& measured = r.profile.tasks[t];
  double best = 0;
  for (std::size_t s = 0; s < measured.stitched(); ++s) {
    best = std::max(best, measured.accuracy(measured.sigma_at(s)).fraction());
  }
  const bool accurate = within(slo.accuracy, best);
  std::vector<std::pair<double, Option>> all;
  double least = kInfinity;
  for (std::size_t s = 0; s < measured.stitched(); ++s) {
    const zoo::Sigma sigma = measured.sigma_at(s);
    if (!within(std::min(best, slo.accuracy), measured.accuracy(sigma).fraction())) continue;
    for (std::size_t number = 0; number < 8; ++number) {
      const Placement placement{soc::ProcessorId(number & 1U), soc::ProcessorId(number >> 1U & 1U),
                                soc::ProcessorId(number >> 2U)};
      const std::vector<double> busy = costs.busy(sigma, placement);
      least = std::min(least, busy[0] + busy[1]);
      const auto bytes = static_cast<double>(costs.bytes(sigma, placement).count);
      all.push_back({busy[0] + busy[1], {busy[0], busy[1], bytes}});
    }
  }
  const bool met = accurate && within(least, slo.latency.count());
  const double most = met ? slo.latency.count() : least * (1 + kTie);
  std::erase_if(all, [&](const auto& option) { return !within(option.first, most); });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.first, a.second.first, a.second.bytes) < std::tuple(b.first, b.second.first, b.second.bytes);
  });
  std::vector<Option> kept;
  for (const auto& [latency, option] : all) {
    const auto worse = [&, o = option](const Option& k) { return no_worse(k, o, memory); };
    if (std::none_of(kept.begin(), kept.end(), worse)) kept.push_back(option);
  }
  return kept;
}

/// Every combination, but for those that are no better than the best so far before they are complete.
void enumerate(const std::vector<std::vector<Option>>& tasks, const Option& so_far, std::size_t t, double& least) {
  if (std::max(so_far.first, so_far.second) >= least || so_far.bytes < 0) return;
  if (t == tasks.size()) {
    least = std::max(so_far.first, so_far.second);
    return;
  }
  for (const Option& o : tasks[t]) {
    enumerate(tasks, {so_far.first + o.first, so_far.second + o.second, so_far.bytes - o.bytes}, t + 1, least);
  }
}

double enumerated(const Recorded& r, const std::vector<TaskCosts>& costs, const SloConfig& slo, double budget) {
  std::vector<std::vector<Option>> tasks;
  for (std::size_t t = 0; t < costs.size(); ++t) {
    tasks.push_back(non_dominated_options(r, costs[t], t, slo.slos[t], budget < kInfinity));
  }
  double least = kInfinity;
  enumerate(tasks, {0, 0, budget}, 0, least);
  return least;
}

TEST(ExactOnTheDemoZoo, EqualsEnumerationInEveryCellOfTheGrid) {
  const Recorded r = recorded();
  const auto costs = read_costs(r.zoo, r.soc, r.profile).value();
  const auto ranges = grid_ranges(r.zoo, r.soc, r.profile).value();
  for (int j = 0; j <= 8; ++j) {
    for (int k = 0; k <= 8; ++k) {
      const SloConfig slo = grid_config(ranges, {j, k});
      const Plan plan = (*find_planner("exact"))->plan({r.zoo, r.soc, r.profile, slo}).value();
      const double least = enumerated(r, costs, slo, kInfinity);
      EXPECT_NEAR(plan.bottleneck.count(), least, 1e-9 * least) << slo.name;
      EXPECT_TRUE(plan.optimal) << slo.name;
      EXPECT_NEAR(bottleneck_of(busy_times({r.zoo, r.soc, r.profile, slo}, plan.tasks)).count(), least, 1e-9 * least);
    }
  }
}

TEST(ExactOnTheDemoZoo, EqualsEnumerationWithinAMemoryBudget) {
  const Recorded r = recorded();
  const auto costs = read_costs(r.zoo, r.soc, r.profile).value();
  const auto ranges = grid_ranges(r.zoo, r.soc, r.profile).value();
  for (const int j : {4, 6, 8}) {
    const SloConfig slo = grid_config(ranges, {j, j});
    Problem problem{r.zoo, r.soc, r.profile, slo};
    const Planner* exact = *find_planner("exact");
    const Bytes used = resident_bytes(r.profile, exact->plan(problem).value());
    problem.memory_budget = Bytes{used.count * 9 / 10};
    const auto plan = exact->plan(problem);
    const double least = enumerated(r, costs, slo, static_cast<double>(problem.memory_budget->count));
    ASSERT_EQ(plan.ok(), least < kInfinity) << slo.name;
    if (!plan.ok()) continue;
    EXPECT_NEAR(plan->bottleneck.count(), least, 1e-9 * least) << slo.name;
    EXPECT_TRUE(plan->optimal) << slo.name;
    EXPECT_LE(resident_bytes(r.profile, *plan), *problem.memory_budget);
  }
}

}  // namespace
}  // namespace sparseloom::plan
