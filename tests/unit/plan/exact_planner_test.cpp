#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "small_world.h"
#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {
namespace {

using testing::add_task;
using testing::chosen;
using ::testing::HasSubstr;
using testing::random_world;
using testing::World;
using testing::world_of;

#ifdef NDEBUG
constexpr unsigned kInstances = 1000;
#else
constexpr unsigned kInstances = 100;  // the sanitizers take longer for each
#endif

Result<Plan> exact(const World& world, std::optional<Bytes> budget = {}) {
  Problem problem = world.problem();
  problem.memory_budget = budget;
  return (*find_planner("exact"))->plan(problem);
}

/// One (σ, π) that is allowed.
struct Option {
  std::vector<double> busy;
  std::uint64_t bytes = 0;
};

/// Nothing is left out: every σ under every placement that keeps both bounds; else, of the accurate enough (or most
/// accurate) ones, those within 2 % of the least latency.
std::vector<Option> all_options(const World& world, const TaskCosts& costs, std::size_t t) {
  const profile::TaskProfile& measured = world.profile.tasks[t];
  const Slo& slo = world.slo.slos[t];
  double floor = 0;
  for (std::size_t s = 0; s < measured.stitched(); ++s) {
    floor = std::max(floor, measured.accuracy(measured.sigma_at(s)).fraction());
  }
  const bool accurate = floor >= slo.accuracy;
  floor = std::min(floor, slo.accuracy);
  struct Found {
    double latency;
    Option option;
  };
  std::vector<Found> found;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t s = 0; s < measured.stitched(); ++s) {
    const zoo::Sigma sigma = measured.sigma_at(s);
    if (measured.accuracy(sigma).fraction() < floor) continue;
    for (std::size_t first = 0; first < costs.places(); ++first) {
      for (std::size_t second = 0; second < costs.places(); ++second) {
        const Placement placement = testing::placement({first, second});
        const double latency = costs.latency(sigma, placement);
        least = std::min(least, latency);
        found.push_back({latency, {costs.busy(sigma, placement), costs.bytes(sigma, placement).count}});
      }
    }
  }
  const bool met = accurate && least <= slo.latency.count();
  const double most = met ? slo.latency.count() : least * (1 + kTie);
  std::vector<Option> allowed;
  for (const Found& f : found) {
    if (f.latency <= most) allowed.push_back(f.option);
  }
  return allowed;
}

/// The least bottleneck of three tasks within a budget by trying every combination; infinite if none fits.
double enumerated(const std::vector<std::vector<Option>>& tasks, double budget) {
  double least = std::numeric_limits<double>::infinity();
  for (const Option& a : tasks[0]) {
    for (const Option& b : tasks[1]) {
      for (const Option& c : tasks[2]) {
        if (static_cast<double>(a.bytes + b.bytes + c.bytes) > budget) continue;
        const double first = a.busy[0] + b.busy[0] + c.busy[0];
        const double second = a.busy[1] + b.busy[1] + c.busy[1];
        least = std::min(least, std::max(first, second));
      }
    }
  }
  return least;
}

double least_bytes(const std::vector<std::vector<Option>>& tasks) {
  double sum = 0;
  for (const auto& options : tasks) {
    std::uint64_t least = options.front().bytes;
    for (const Option& option : options) least = std::min(least, option.bytes);
    sum += static_cast<double>(least);
  }
  return sum;
}

void set_random_bytes(World& world, unsigned seed) {
  std::mt19937_64 random(seed);
  for (profile::TaskProfile& task : world.profile.tasks) {
    for (std::size_t v = 0; v < task.variants(); ++v) {
      for (std::size_t i = 0; i < task.stages(); ++i) {
        for (std::size_t p = 0; p < task.places(); ++p) {
          profile::Latency latency =
              task.latency(zoo::VariantId(v), zoo::StageId(i), soc::ProcessorId(p), backend::Provider::kOpenVino);
          latency.resident = Bytes{10 + random() % 90};
          task.set_latency(zoo::VariantId(v), zoo::StageId(i), soc::ProcessorId(p), backend::Provider::kOpenVino,
                           latency);
        }
      }
    }
  }
}

TEST(Exact, EqualsEnumerationOnRandomInstancesWithAndWithoutABudget) {
  for (unsigned seed = 0; seed < kInstances; ++seed) {
    World world = random_world(seed, 3, 4, 2, 2, seed % 2 == 0);  // every other with a gang of both
    set_random_bytes(world, seed);
    const auto costs = read_costs(world.zoo, world.soc, world.profile);
    std::vector<std::vector<Option>> options;
    for (std::size_t t = 0; t < 3; ++t) options.push_back(all_options(world, (*costs)[t], t));

    const auto free = exact(world);
    ASSERT_TRUE(free.ok());
    const double least = enumerated(options, std::numeric_limits<double>::infinity());
    EXPECT_NEAR(free->bottleneck.count(), least, 1e-12) << "seed " << seed;
    EXPECT_TRUE(free->optimal) << "seed " << seed;
    EXPECT_NEAR(bottleneck_of(busy_times(world.problem(), free->tasks)).count(), least, 1e-12) << "seed " << seed;

    // Somewhere between the least there is and what the plan without a budget takes.
    const double used = static_cast<double>(resident_bytes(world.profile, *free).count);
    const double share = static_cast<double>(seed % 7) / 6;
    const double budget = std::floor(least_bytes(options) + share * (used - least_bytes(options)));
    const auto tight = exact(world, Bytes{static_cast<std::uint64_t>(budget)});
    ASSERT_TRUE(tight.ok()) << "seed " << seed << ": " << tight.status().message();
    EXPECT_NEAR(tight->bottleneck.count(), enumerated(options, budget), 1e-12) << "seed " << seed;
    EXPECT_TRUE(tight->optimal) << "seed " << seed;
    EXPECT_LE(static_cast<double>(resident_bytes(world.profile, *tight).count), budget) << "seed " << seed;
  }
}

World two_sizes() {
  World world = world_of(1);
  add_task(world, "image", 1, {{"fast", 1, 0.9}, {"small", 2, 0.9}}, {0.8, from_ms(3)});
  add_task(world, "speech", 1, {{"fast", 1, 0.9}, {"small", 2, 0.9}}, {0.8, from_ms(3)});
  for (std::size_t t = 0; t < 2; ++t) {
    for (std::size_t v = 0; v < 2; ++v) {
      const Seconds time = from_ms(v == 0 ? 1 : 2);
      world.profile.tasks[t].set_latency(zoo::VariantId(v), zoo::StageId(0), soc::ProcessorId(0),
                                         backend::Provider::kOpenVino,
                                         {time, time, time, 10, Bytes{v == 0 ? (t == 0 ? 100U : 90U) : 40U}});
    }
  }
  return world;
}

TEST(MemoryBudget, IsKeptByGivingUpTime) {
  for (const char* name : {"exact", "sparseloom"}) {
    const World world = two_sizes();
    Problem problem = world.problem();
    const auto bytes = [&](std::optional<Bytes> budget) {
      problem.memory_budget = budget;
      return resident_bytes(world.profile, *(*find_planner(name))->plan(problem)).count;
    };
    EXPECT_EQ(bytes({}), 190u);
    EXPECT_EQ(bytes(Bytes{190}), 190u);
    EXPECT_LE(bytes(Bytes{189}), 140u) << "one of the two is small, whichever";
    EXPECT_EQ(bytes(Bytes{139}), 130u);
    EXPECT_EQ(bytes(Bytes{80}), 80u);
  }
}

TEST(MemoryBudget, TooSmallAnErrorNamesTheLeast) {
  const World world = two_sizes();
  Problem problem = world.problem();
  problem.memory_budget = Bytes{79};
  for (const char* name : {"exact", "sparseloom"}) {
    const auto plan = (*find_planner(name))->plan(problem);
    ASSERT_FALSE(plan.ok());
    EXPECT_EQ(plan.status().code(), Code::kResourceExhausted);
    EXPECT_THAT(plan.status().message(), HasSubstr("79 bytes"));
    EXPECT_THAT(plan.status().message(), HasSubstr("at least 80"));
  }
  const auto baseline = (*find_planner("sv-lo-np"))->plan(problem);
  ASSERT_FALSE(baseline.ok());
  EXPECT_EQ(baseline.status().code(), Code::kResourceExhausted);
  EXPECT_THAT(baseline.status().message(), HasSubstr("of 190 bytes"));
}

TEST(MemoryBudget, RandomPlansOfSparseloomKeepIt) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    World world = random_world(seed, 4, 4, 3, 2);
    set_random_bytes(world, seed);
    Problem problem = world.problem();
    const Planner* planner = *find_planner("sparseloom");
    const Bytes free = resident_bytes(world.profile, *planner->plan(problem));
    problem.memory_budget = Bytes{free.count * 3 / 4};
    const auto plan = planner->plan(problem);
    if (!plan.ok()) {
      EXPECT_EQ(plan.status().code(), Code::kResourceExhausted);
      continue;
    }
    EXPECT_LE(resident_bytes(world.profile, *plan), *problem.memory_budget) << "seed " << seed;
  }
}

TEST(Slos, ThatNothingCanBeHeldToAreRefusedByTheTasksName) {
  World world = two_sizes();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Slo& slo : {Slo{1.1, from_ms(3)}, Slo{-0.1, from_ms(3)}, Slo{nan, from_ms(3)}, Slo{0.5, from_ms(0)},
                         Slo{0.5, from_ms(-1)}, Slo{0.5, from_ms(nan)}}) {
    world.slo.slos[1] = slo;
    for (const Planner* planner : planners()) {
      const auto plan = planner->plan(world.problem());
      ASSERT_FALSE(plan.ok()) << planner->name();
      EXPECT_EQ(plan.status().code(), Code::kInvalidArgument);
      EXPECT_THAT(plan.status().message(), HasSubstr("task 'speech'"));
    }
  }
}

}  // namespace
}  // namespace sparseloom::plan
