#include "sparseloom/plan/planners/sparseloom_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "small_world.h"
#include "sparseloom/plan/search/stitched_options.h"

namespace sparseloom::plan {
namespace {

using testing::add_task;
using testing::change_processor;
using testing::chosen;
using testing::random_world;
using testing::set_ms;
using testing::World;
using testing::world_of;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Plan plan_for(const World& world, SparseloomOptions::Objective objective) {
  SparseloomOptions options;
  options.objective = objective;
  const auto plan = SparseloomPlanner(options).plan(world.problem());
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  return *plan;
}

Plan throughput_plan(const World& world) { return plan_for(world, SparseloomOptions::Objective::kThroughput); }
Plan response_plan(const World& world) { return plan_for(world, SparseloomOptions::Objective::kResponses); }

// ---- the rule, written down as plainly as possible, to compare with ----

struct BruteOption {
  zoo::Sigma sigma;
  Placement placement;
  Seconds latency{0};
};

std::vector<Placement> all_placements(std::size_t stages, std::size_t places) {
  std::vector<Placement> all{{}};
  for (std::size_t i = 0; i < stages; ++i) {
    std::vector<Placement> longer;
    for (const Placement& p : all) {
      for (std::size_t q = 0; q < places; ++q) {
        longer.push_back(p);
        longer.back().emplace_back(q);
      }
    }
    all = longer;
  }
  return all;
}

/// Every (σ,π) of a task that meets its SLO; else, keeping the accuracy, within 2 % of the least latency; else of the
/// most accurate σ.
std::vector<BruteOption> brute_options(const World& world, std::size_t t) {
  const profile::TaskProfile& measured = world.profile.tasks[t];
  const Slo& slo = world.slo.slos[t];
  double best_accuracy = 0;
  for (std::size_t s = 0; s < measured.stitched(); ++s) {
    best_accuracy = std::max(best_accuracy, measured.accuracy(measured.sigma_at(s)).fraction());
  }
  const double floor = std::min(best_accuracy, slo.accuracy);
  std::vector<BruteOption> accurate;
  Seconds least(kInfinity);
  for (std::size_t s = 0; s < measured.stitched(); ++s) {
    const zoo::Sigma sigma = measured.sigma_at(s);
    if (measured.accuracy(sigma).fraction() < floor) continue;
    for (const Placement& placement : all_placements(measured.stages(), measured.places())) {
      accurate.push_back(
          {sigma, placement, plan_latency(world.problem(), zoo::TaskId(t), testing::dense_plan(sigma, placement))});
      least = std::min(least, accurate.back().latency);
    }
  }
  const bool feasible = best_accuracy >= slo.accuracy && least <= slo.latency;
  const Seconds bound = feasible ? slo.latency : least * 1.02;
  std::erase_if(accurate, [&](const BruteOption& o) { return o.latency > bound; });
  return accurate;
}

double least_bottleneck(const World& world, const std::vector<std::vector<BruteOption>>& options, std::size_t t,
                        std::vector<TaskPlan>& tasks) {
  if (t == options.size()) {
    const auto busy = busy_times(world.problem(), tasks);
    return std::max_element(busy.begin(), busy.end())->count();
  }
  double least = kInfinity;
  for (const BruteOption& option : options[t]) {
    tasks.push_back(testing::dense_plan(option.sigma, option.placement));
    least = std::min(least, least_bottleneck(world, options, t + 1, tasks));
    tasks.pop_back();
  }
  return least;
}

/// Only options that no other makes pointless are enumerated jointly, or the joint enumeration takes hours: an option
/// goes if another of its task keeps every processor as little busy. (That this loses nothing needs no code to trust.)
void drop_pointless(const World& world, std::size_t t, std::vector<BruteOption>& options) {
  std::vector<std::vector<Seconds>> busy;
  for (const BruteOption& o : options) {
    std::vector<Seconds> added(world.soc.processors.size(), Seconds(0));
    const TaskPlan plan = testing::dense_plan(o.sigma, o.placement);
    for (std::size_t i = 0; i < o.sigma.size(); ++i) {
      const Seconds time = stage_time(world.problem(), zoo::TaskId(t), plan, zoo::StageId(i));
      world.soc.pools().each_taken(o.placement[i], [&](soc::ProcessorId p) { added[p.index()] += time; });
    }
    busy.push_back(added);
  }
  std::vector<BruteOption> kept;
  for (std::size_t a = 0; a < options.size(); ++a) {
    bool pointless = false;
    for (std::size_t b = 0; b < options.size(); ++b) {
      bool no_busier = true;
      for (std::size_t p = 0; p < busy[a].size(); ++p) no_busier = no_busier && busy[b][p] <= busy[a][p];
      pointless = pointless || (no_busier && (busy[a] != busy[b] || b < a));
    }
    if (!pointless) kept.push_back(options[a]);
  }
  options = kept;
}

double brute_force(const World& world) {
  std::vector<std::vector<BruteOption>> options;
  for (std::size_t t = 0; t < world.zoo.tasks.size(); ++t) {
    options.push_back(brute_options(world, t));
    drop_pointless(world, t, options.back());
  }
  std::vector<TaskPlan> tasks;
  return least_bottleneck(world, options, 0, tasks);
}

// ---- exactness ----

TEST(Throughput, BottleneckIsTheLeastOnHundredsOfRandomInstances) {
  int missed = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const World world = random_world(seed, 3, 4, 2, 2);
    const Plan plan = throughput_plan(world);
    EXPECT_NEAR(plan.bottleneck.count(), brute_force(world), 1e-12) << "seed " << seed;
    EXPECT_TRUE(plan.optimal) << "seed " << seed;
    for (const TaskPlan& task : plan.tasks) missed += task.meets_slo() ? 0 : 1;
  }
  EXPECT_GT(missed, 30) << "the instances must also exercise the degrade rule";
  EXPECT_LT(missed, 600);
}

TEST(Throughput, BottleneckIsTheLeastForOtherNumbersOfProcessors) {
  for (unsigned seed = 1000; seed < 1040; ++seed) {
    const World one = random_world(seed, 3, 4, 2, 1);
    EXPECT_NEAR(throughput_plan(one).bottleneck.count(), brute_force(one), 1e-12) << "seed " << seed;
    const World three = random_world(seed, 2, 3, 3, 3);
    EXPECT_NEAR(throughput_plan(three).bottleneck.count(), brute_force(three), 1e-12) << "seed " << seed;
  }
}

TEST(Throughput, BottleneckIsTheLeastWithGangs) {
  for (unsigned seed = 2000; seed < 2040; ++seed) {
    const World two = random_world(seed, 3, 3, 2, 2, true);
    EXPECT_NEAR(throughput_plan(two).bottleneck.count(), brute_force(two), 1e-12) << "seed " << seed;
    const World three = random_world(seed, 2, 2, 2, 3, true);
    EXPECT_NEAR(throughput_plan(three).bottleneck.count(), brute_force(three), 1e-12) << "seed " << seed;
  }
}

TEST(Responses, KeepsAccuracyWhereItCanAndStatesTheGapTruly) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    const World world = random_world(seed, 3, 4, 2, 2);
    const Plan fastest = throughput_plan(world);
    const Plan plan = response_plan(world);
    for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
      EXPECT_EQ(plan.tasks[t].meets_accuracy, fastest.tasks[t].meets_accuracy) << "seed " << seed << " task " << t;
    }
    const double gap = std::max(0.0, 1 - fastest.bottleneck / plan.bottleneck);
    EXPECT_NEAR(plan.gap, gap, 1e-9) << "seed " << seed;
    EXPECT_EQ(plan.optimal, plan.gap == 0) << "seed " << seed;
  }
}

// Alone, every task keeps its bound on the fast processor and only there. Where the long one runs, though, the short
// ones that come after it are late.
TEST(Responses, GivesATaskUpWhereItWouldOnlyMakeTheOthersLate) {
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.kind = "cpu x1, slow"; });
  add_task(world, "long", 1, {{"dense", 5, 0.9}}, {0.9, from_ms(5.5)});
  for (const char* name : {"b", "c", "d"}) add_task(world, name, 1, {{"dense", 1, 0.9}}, {0.9, from_ms(2)});
  for (std::size_t t = 0; t < 4; ++t) set_ms(world, t, 0, 0, 1, 20);

  const Plan plan = response_plan(world);
  EXPECT_FALSE(plan.tasks[0].meets_latency) << "and says so";
  EXPECT_EQ(predict_responses(world.problem(), plan).violation_rate, 0.25) << "it alone is late";
  EXPECT_EQ(predict_responses(world.problem(), throughput_plan(world)).violation_rate, 0.375);
}

Plan plan_under(const World& world, const Load& load) {
  Problem problem = world.problem();
  problem.load = &load;
  const auto plan = SparseloomPlanner().plan(problem);
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  return *plan;
}

// Processor 0 is twice as fast, but holds one request at a time. When requests come one by one, both tasks belong
// there; when they come in pairs, one of them does not.
TEST(UnderLoad, PlansForTheArrivalsThatAreExpected) {
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.kind = "cpu x1, slow"; });
  for (const char* name : {"a", "b"}) {
    add_task(world, name, 1, {{"dense", 2, 0.9}}, {0.9, from_ms(4.5)});
    set_ms(world, world.zoo.tasks.size() - 1, 0, 0, 1, 4.1);
  }
  const zoo::TaskId a(0), b(1);
  const Load apart{{{{from_ms(0), a}, {from_ms(10), b}, {from_ms(20), a}, {from_ms(30), b}}}};
  const Load pairs{{{{from_ms(0), a}, {from_ms(0.1), b}, {from_ms(1), a}, {from_ms(1.1), b}}}};
  const auto on = [](const Plan& plan, std::size_t t) { return plan.tasks[t].placement[0].index(); };

  const Plan one_by_one = plan_under(world, apart);
  EXPECT_EQ(on(one_by_one, 0), 0U);
  EXPECT_EQ(on(one_by_one, 1), 0U);
  const Plan in_pairs = plan_under(world, pairs);
  EXPECT_NE(on(in_pairs, 0), on(in_pairs, 1));
}

// Processor 0 is faster, but its caches are cold when requests come seldom.
TEST(UnderLoad, CountsWithCachesThatAreColdAfterIdling) {
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.kind = "cpu x1, slow"; });
  add_task(world, "a", 1, {{"dense", 2, 0.9}}, {0.9, from_ms(4)});
  set_ms(world, 0, 0, 0, 1, 3);
  const Load seldom{{{{from_ms(0), zoo::TaskId(0)}, {from_ms(30), zoo::TaskId(0)}}}};
  EXPECT_EQ(plan_under(world, seldom).tasks[0].placement[0].index(), 0U);

  world.profile.contention = profile::Contention(world.zoo, world.soc);
  world.profile.contention.set_cold_penalties({zoo::TaskId(0), zoo::StageId(0), soc::ProcessorId(0)},
                                              {{from_ms(5), from_ms(3)}});
  EXPECT_EQ(plan_under(world, seldom).tasks[0].placement[0].index(), 1U);
}

// Ten requests, one of them long. On the fast processor it makes two of the nine others late; on the slow one it is
// late itself. Fewest late requests: out of the way with it. At least three in four of every task's: it must be served.
TEST(UnderLoad, APercentileIsKeptForEveryTask) {
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.kind = "cpu x1, slow"; });
  add_task(world, "rare", 1, {{"dense", 4, 0.9}}, {0.9, from_ms(10)});
  add_task(world, "often", 1, {{"dense", 1, 0.9}}, {0.9, from_ms(3.2)});
  set_ms(world, 0, 0, 0, 1, 20);
  set_ms(world, 1, 0, 0, 1, 5);
  Load load{{{{from_ms(0), zoo::TaskId(0)}}}};
  for (int k = 0; k < 9; ++k) load.samples[0].push_back({from_ms(0.5 + 2 * k), zoo::TaskId(1)});

  EXPECT_FALSE(plan_under(world, load).tasks[0].meets_latency);
  load.percentile = 0.75;
  EXPECT_TRUE(plan_under(world, load).tasks[0].meets_latency);
}

// Late whatever is done, and with a percentile each counts twice: more than all requests.
TEST(UnderLoad, WhatCannotBeKeptIsStillPlanned) {
  World world = world_of(2);
  add_task(world, "a", 2, {{"dense", 4, 0.9}, {"small", 2, 0.8}}, {1.0, from_ms(0.1)});
  const Load load{{{{from_ms(0), zoo::TaskId(0)}, {from_ms(1), zoo::TaskId(0)}}}, 0.99};
  const Plan plan = plan_under(world, load);
  EXPECT_FALSE(plan.tasks[0].meets_accuracy);
  EXPECT_FALSE(plan.tasks[0].meets_latency);
}

TEST(Responses, IsPredictedToViolateNoMoreThanThroughputOrAnyBaselineThatKeepsAccuracy) {
  double ours = 0;
  double theirs = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    const World world = random_world(seed, 4, 4, 3, 2);
    ours += predict_responses(world.problem(), response_plan(world)).violation_rate;
    double best_baseline = predict_responses(world.problem(), throughput_plan(world)).violation_rate;
    for (const char* name : {"av-np", "av-p"}) {
      const auto plan = (*find_planner(name))->plan(world.problem());
      ASSERT_TRUE(plan.ok());
      best_baseline = std::min(best_baseline, predict_responses(world.problem(), *plan).violation_rate);
    }
    theirs += best_baseline;
  }
  EXPECT_LT(ours, theirs) << "summed over the instances, against the best of the others on each";
}

TEST(Responses, IsDeterministic) {
  const World world = random_world(7, 4, 5, 3, 2);
  const Plan first = response_plan(world);
  const Plan second = response_plan(world);
  for (std::size_t t = 0; t < first.tasks.size(); ++t) {
    EXPECT_EQ(first.tasks[t].sigma, second.tasks[t].sigma);
    EXPECT_EQ(first.tasks[t].placement, second.tasks[t].placement);
  }
}

// ---- what it is for ----

TEST(Stitching, FindsAVariantThatNobodyTrained) {
  // The middle bound needs one dense and one small stage; no original variant meets both bounds.
  World world = world_of(1);
  add_task(world, "image", 2, {{"dense", 2, 0.9}, {"small", 1, 0.7}}, {0.8, from_ms(3)});
  const Plan plan = response_plan(world);
  EXPECT_TRUE(plan.tasks[0].meets_slo());
  EXPECT_DOUBLE_EQ(to_ms(plan.tasks[0].latency), 3.0);
  EXPECT_DOUBLE_EQ(plan.tasks[0].accuracy, 0.8);
  EXPECT_FALSE((*(*find_planner("av-np"))->plan(world.problem())).tasks[0].meets_slo());
}

TEST(Stitching, OfLatencyTiesServesTheMoreAccurate) {
  World world = world_of(1);
  add_task(world, "image", 1, {{"a", 3.00, 0.80}, {"b", 3.04, 0.85}, {"c", 3.30, 0.90}}, {0.75, from_ms(9)});
  EXPECT_EQ(chosen(world, response_plan(world), 0), "b");
}

TEST(Degrading, KeepsAccuracyWithLeastLatency) {
  World world = world_of(2);
  add_task(world, "image", 2, {{"dense", 2, 0.9}, {"small", 1, 0.7}}, {0.8, from_ms(2)});
  for (const Plan& plan : {response_plan(world), throughput_plan(world)}) {
    EXPECT_DOUBLE_EQ(to_ms(plan.tasks[0].latency), 3.0);
    EXPECT_TRUE(plan.tasks[0].meets_accuracy);
    EXPECT_FALSE(plan.tasks[0].meets_latency);
  }
}

TEST(Degrading, WithoutAnAccurateVariantServesTheMostAccurate) {
  World world = world_of(2);
  add_task(world, "image", 2, {{"dense", 2, 0.9}, {"small", 1, 0.7}}, {0.95, from_ms(9)});
  const Plan plan = response_plan(world);
  EXPECT_EQ(chosen(world, plan, 0), zoo::describe(world.zoo.tasks[0], testing::sigma({0, 0})));
  EXPECT_FALSE(plan.tasks[0].meets_accuracy);
  EXPECT_TRUE(plan.tasks[0].meets_latency);
}

TEST(LateBinding, NeedsProcessorsThatWereMeasuredAlike) {
  for (const double slower : {1.1, 1.5}) {
    World world = world_of(2);
    add_task(world, "a", 2, {{"dense", 1, 0.8}, {"small", 0.5, 0.7}}, {0.7, from_ms(10)});
    for (std::size_t v = 0; v < 2; ++v) {
      for (std::size_t i = 0; i < 2; ++i) set_ms(world, 0, v, i, 1, slower * (v == 0 ? 1 : 0.5));
    }
    const Costs costs = read_all_costs(world.problem()).value();
    EXPECT_EQ(costs.pools.members.size(), slower < kAlike ? 1U : 2U);
    // Of unlike processors each keeps its own latency.
    EXPECT_DOUBLE_EQ(costs.pinned[0].run(0, 0, 1), slower < kAlike ? 1.05e-3 : 1.5e-3);
  }
}

// Big cores 0 and 1, of which the second is slower than it looks, and little cores 2 and 3. A dispatcher takes the big
// ones for one pool, so a stage that was priced on core 0 must not be left to it; nor can some tasks be left to the
// little cores alone, or least_bottleneck() would prove something of options it has not looked at.
TEST(LateBinding, IsOfNoPoolWhereAnyHasUnlikeMembers) {
  for (const double slower : {1.0, 1.5}) {
    World world = world_of(4);
    for (const std::size_t little : {2U, 3U}) {
      change_processor(world.soc, little, [](soc::Processor& p) { p.kind = "cpu x1, little"; });
    }
    for (const char* name : {"a", "b", "c"}) {
      add_task(world, name, 1, {{"dense", 2, 0.9}}, {0.8, from_ms(20)});
      const std::size_t t = world.zoo.tasks.size() - 1;
      set_ms(world, t, 0, 0, 1, 2 * slower);
      for (const std::size_t little : {2U, 3U}) set_ms(world, t, 0, 0, little, 4);
    }
    for (const Plan& plan : {response_plan(world), throughput_plan(world)}) {
      const bool late = std::any_of(plan.tasks.begin(), plan.tasks.end(), [](auto& task) { return task.pooled; });
      EXPECT_EQ(late, slower == 1.0);
    }
    const Costs costs = read_all_costs(world.problem()).value();
    EXPECT_EQ(costs.pools.members.size(), slower == 1.0 ? 2U : 3U) << "the little ones are alike";
  }
}

TEST(LateBinding, TakesProcessorsOfOneKindForOne) {
  // Three tasks of equal work cannot be spread evenly over two processors, unless nobody says who runs which.
  World world = world_of(2);
  for (const char* name : {"a", "b", "c"}) add_task(world, name, 1, {{"dense", 2, 0.9}}, {0.8, from_ms(9)});
  const Plan plan = response_plan(world);
  EXPECT_TRUE(std::any_of(plan.tasks.begin(), plan.tasks.end(), [](const TaskPlan& t) { return t.pooled; }));
  EXPECT_DOUBLE_EQ(to_ms(plan.bottleneck), 3.0);
  EXPECT_TRUE(plan.optimal);
  SparseloomOptions bound;
  bound.pooled = false;
  EXPECT_DOUBLE_EQ(to_ms(SparseloomPlanner(bound).plan(world.problem())->bottleneck), 4.0);
}

TEST(Transfer, MakesSplittingAcrossMemoryDomainsNotWorthIt) {
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.memory_domain = "npu"; });
  add_task(world, "image", 2, {{"dense", 2, 0.9}}, {0.8, from_ms(100)});
  testing::set_ms(world, 0, 0, 1, 1, 1.5);  // half a millisecond faster over there
  EXPECT_EQ(throughput_plan(world).tasks[0].placement, testing::placement({0, 1}));
  world.profile.transfer_latency = from_ms(50);
  const Plan plan = throughput_plan(world);
  EXPECT_EQ(plan.tasks[0].placement[0], plan.tasks[0].placement[1]);
}

TEST(NoTasks, MakesAnEmptyPlan) {
  const World world = world_of(1);
  const Plan plan = response_plan(world);
  EXPECT_TRUE(plan.tasks.empty());
  EXPECT_TRUE(plan.optimal);
}

}  // namespace
}  // namespace sparseloom::plan
