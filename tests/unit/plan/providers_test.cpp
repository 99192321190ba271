// Processors that offer several providers: which one a plan uses for each stage.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <utility>

#include "small_world.h"
#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/explain.h"

namespace sparseloom::plan {
namespace {

using backend::Provider;
using testing::add_task;
using testing::change_processor;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::set_ms;
using testing::World;
using testing::world_of;

// One task of two stages: a dense variant, and a pruned one, which takes as long by OpenVINO and half by the sparse
// provider in stage 0 (in stage 1 there is nothing that it could replace).
World pruned_world(std::size_t processors) {
  World world = world_of(processors);
  for (std::size_t p = 0; p < processors; ++p) {
    change_processor(world.soc, p, [](auto& processor) {
      processor.providers = {backend::Provider::kOpenVino, backend::Provider::kSparse};
    });
  }
  add_task(world, "image", 2, {{"dense", 2, 0.9}, {"pruned", 2, 0.85}}, {0.8, from_ms(3.5)});
  for (std::size_t p = 0; p < processors; ++p) {
    for (const std::size_t v : {0u, 1u}) {
      for (const std::size_t i : {0u, 1u})
        set_ms(world, 0, v, i, p, v == 1 && i == 0 ? 1 : 2, backend::Provider::kSparse);
    }
  }
  return world;
}

Plan plan_of(const World& world, std::string_view planner = "sparseloom") {
  auto plan = (*find_planner(planner))->plan(world.problem());
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  return std::move(plan).value();
}

TEST(Providers, AStageTakesTheFasterOne) {
  const World world = pruned_world(1);
  const Plan plan = plan_of(world);
  EXPECT_EQ(testing::chosen(world, plan, 0), "pruned|dense") << "dense|dense takes 4 ms";
  EXPECT_THAT(plan.tasks[0].providers, ElementsAre(backend::Provider::kSparse, backend::Provider::kOpenVino));
  EXPECT_DOUBLE_EQ(to_ms(plan.tasks[0].latency), 3.0);
  EXPECT_DOUBLE_EQ(to_ms(plan_latency(world.problem(), zoo::TaskId(0), plan.tasks[0])), 3.0);
  EXPECT_DOUBLE_EQ(to_ms(plan.bottleneck), 3.0);
}

TEST(Providers, EveryPlannerUsesThem) {
  const World world = pruned_world(2);
  EXPECT_THAT(plan_of(world, "sv-lo-np").tasks[0].providers,
              ElementsAre(backend::Provider::kSparse, backend::Provider::kOpenVino));
  EXPECT_THAT(plan_of(world, "av-p").tasks[0].providers,
              ElementsAre(backend::Provider::kSparse, backend::Provider::kOpenVino));
}

TEST(Providers, SharedIsJudgedByTheOneThatServesIt) {
  const World world = pruned_world(2);
  const Plan plan = plan_of(world, "shared");
  EXPECT_EQ(testing::chosen(world, plan, 0), "dense|dense")
      << "pruned takes 3 ms by sparse kernels, but 4 as it is served";
  EXPECT_THAT(plan.tasks[0].providers, Each(backend::Provider::kOpenVino));
}

TEST(Providers, SharedIsServedByTheRuntimeWhateverTheOthersMayUse) {
  World world = pruned_world(2);
  world.soc = soc::confined(world.soc, std::array{backend::Provider::kSparse}).value();
  EXPECT_THAT(plan_of(world, "shared").tasks[0].providers, Each(backend::Provider::kOpenVino));
  EXPECT_THAT(plan_of(world).tasks[0].providers, Each(backend::Provider::kSparse));
}

TEST(Providers, OfATieTheOneOfferedFirst) {
  World world = pruned_world(1);
  set_ms(world, 0, 1, 0, 0, 1.97, backend::Provider::kSparse);  // 1.5 % faster
  EXPECT_THAT(plan_of(world, "sv-lo-np").tasks[0].providers, Each(backend::Provider::kOpenVino));
  change_processor(world.soc, 0, [](soc::Processor& p) { std::swap(p.providers[0], p.providers[1]); });
  EXPECT_THAT(plan_of(world, "sv-lo-np").tasks[0].providers, Each(backend::Provider::kSparse));
}

TEST(Providers, AreChosenOnceForAPool) {
  World world = pruned_world(2);
  set_ms(world, 0, 1, 0, 1, 2.5,
         backend::Provider::kSparse);  // slower on cpu1: by one disturbed measurement; the mean decides
  const Plan plan = plan_of(world, "sv-lo-p");
  EXPECT_EQ(plan.tasks[0].providers[0], backend::Provider::kSparse);
  set_ms(world, 0, 1, 0, 1, 3.5, backend::Provider::kSparse);
  EXPECT_EQ(plan_of(world, "sv-lo-p").tasks[0].providers[0], backend::Provider::kOpenVino)
      << "the mean is 2.25 ms, against 2";
}

TEST(Providers, ProcessorsOfDifferentPoolsChooseForThemselves) {
  World world = pruned_world(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.kind = "another"; });
  set_ms(world, 0, 1, 0, 1, 2.5, backend::Provider::kSparse);
  const auto costs = read_costs(world.zoo, world.soc, world.profile);
  ASSERT_TRUE(costs.ok());
  EXPECT_EQ((*costs)[0].provider(1, 0, 0), backend::Provider::kSparse);
  EXPECT_EQ((*costs)[0].provider(1, 0, 1), backend::Provider::kOpenVino);
  EXPECT_DOUBLE_EQ((*costs)[0].run(1, 0, 1), 0.002);
}

TEST(Providers, AConfinedPlanDoesWithoutTheOthers) {
  const World world = pruned_world(1);
  const soc::Soc confined = soc::confined(world.soc, std::array{backend::Provider::kOpenVino}).value();
  const Problem problem{world.zoo, confined, world.profile, world.slo};
  const Plan plan = (*find_planner("sparseloom"))->plan(problem).value();
  EXPECT_THAT(plan.tasks[0].providers, Each(backend::Provider::kOpenVino));
  EXPECT_FALSE(plan.tasks[0].meets_latency) << "every stitched variant takes 4 ms of the 3.5 allowed";
}

// Of `variant`, at one stage or all, no provider runs anything.
void runs_nowhere(World& world, std::size_t variant, std::size_t first_stage) {
  profile::Latency none;
  none.left_out = profile::LeftOut::kUnsupported;
  for (std::size_t i = first_stage; i < 2; ++i) {
    for (const Provider b : {Provider::kOpenVino, Provider::kSparse}) {
      world.profile.tasks[0].set_latency(zoo::VariantId(variant), zoo::StageId(i), soc::ProcessorId(0), b, none);
    }
  }
}

class VariantsThatRunNowhere : public ::testing::TestWithParam<const char*> {};

TEST_P(VariantsThatRunNowhere, AreLeftOut) {
  World world = pruned_world(1);
  runs_nowhere(world, 1, 0);
  const Plan plan = plan_of(world, GetParam());
  EXPECT_EQ(testing::chosen(world, plan, 0), "dense|dense");
  const auto ranges = grid_ranges(world.zoo, world.soc, world.profile);
  ASSERT_TRUE(ranges.ok()) << ranges.status().message();
  EXPECT_DOUBLE_EQ((*ranges)[0].accuracy_min, 0.9) << "nor do they set bounds";
  EXPECT_TRUE(explain(world.problem(), plan).ok());
}

TEST_P(VariantsThatRunNowhere, MayBeOfUnknownAccuracy) {
  World world = pruned_world(1);
  runs_nowhere(world, 1, 0);
  for (const auto& sigma : {testing::sigma({0, 1}), testing::sigma({1, 0}), testing::sigma({1, 1})})
    world.profile.tasks[0].set_accuracy(sigma, {});
  EXPECT_EQ(testing::chosen(world, plan_of(world, GetParam()), 0), "dense|dense");
}

TEST_P(VariantsThatRunNowhere, AreAnErrorWhereNoneIsLeft) {
  World world = pruned_world(1);
  runs_nowhere(world, 0, 1);
  runs_nowhere(world, 1, 1);
  const Status status = (*find_planner(GetParam()))->plan(world.problem()).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("task 'image', stage 1: nothing that a processor offers runs it, of no "
                                          "variant; of 'dense': openvino on cpu0 (unsupported)"));
}

INSTANTIATE_TEST_SUITE_P(EveryPlanner, VariantsThatRunNowhere,
                         ::testing::Values("sparseloom", "exact", "paper", "shared", "av-np", "av-p", "sv-ao-np",
                                           "sv-lo-p"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Providers, SharedLooksAtCpusAlone) {
  World world = pruned_world(2);
  change_processor(world.soc, 1, [](soc::Processor& p) {
    p.device = "GPU";
    p.kind = "gpu";
    p.memory_domain = "gpu";
  });
  runs_nowhere(world, 1, 0);  // but on the other one, twice as fast
  for (const std::size_t i : {0U, 1U}) set_ms(world, 0, 1, i, 1, 1, Provider::kOpenVino);
  EXPECT_EQ(testing::chosen(world, plan_of(world, "shared"), 0), "dense|dense");
}

// The paper's order is the one with the least mean latency of feasible variants, those that run there.
TEST(Providers, AVariantThatOneProcessorLacksLeavesThePaperItsOrders) {
  World world = pruned_world(2);
  world.slo.slos[0].latency = from_ms(100);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.kind = "another"; });
  runs_nowhere(world, 1, 0);  // not on cpu0
  for (const std::size_t i : {0U, 1U}) {
    set_ms(world, 0, 0, i, 0, i == 0 ? 9 : 1, Provider::kOpenVino);  // dense: fast as cpu1|cpu0
    set_ms(world, 0, 0, i, 1, i == 0 ? 1 : 9, Provider::kOpenVino);
    for (const std::size_t p : {0U, 1U}) set_ms(world, 0, 0, i, p, 50, Provider::kSparse);
  }
  const Plan plan = plan_of(world, "paper");
  EXPECT_EQ(plan.tasks[0].placement, testing::placement({1, 0}));
}

TEST(Providers, AVariantThatRunsInPartIsStitched) {
  World world = pruned_world(1);
  runs_nowhere(world, 1, 1);  // pruned: stage 0 alone
  EXPECT_EQ(testing::chosen(world, plan_of(world), 0), "pruned|dense");
  EXPECT_EQ(testing::chosen(world, plan_of(world, "sv-lo-np"), 0), "dense|dense");
}

TEST(Providers, MemoryIsThatOfTheChosenOne) {
  World world = pruned_world(1);
  const auto resident = [&](zoo::StageId i, backend::Provider b, std::size_t v, std::uint64_t bytes) {
    profile::TaskProfile& task = world.profile.tasks[0];
    profile::Latency latency = task.latency(zoo::VariantId(v), i, soc::ProcessorId(0), b);
    latency.resident = Bytes{bytes};
    task.set_latency(zoo::VariantId(v), i, soc::ProcessorId(0), b, latency);
  };
  resident(zoo::StageId(0), backend::Provider::kOpenVino, 1, 1000);
  resident(zoo::StageId(0), backend::Provider::kSparse, 1, 200);
  resident(zoo::StageId(1), backend::Provider::kOpenVino, 0, 3000);
  EXPECT_EQ(resident_bytes(world.profile, plan_of(world)).count, 3200u);
}

TEST(Providers, AMissingMeasurementIsNamed) {
  World world = pruned_world(2);
  world.profile.tasks[0].set_latency(zoo::VariantId(1), zoo::StageId(0), soc::ProcessorId(1),
                                     backend::Provider::kSparse, {});
  const auto plan = (*find_planner("av-np"))->plan(world.problem());
  EXPECT_EQ(plan.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(plan.status().message(),
              HasSubstr("variant 'pruned', stage 0, processor 'cpu1', provider sparse: latency not measured"));
}

TEST(Providers, AreNamedToPeopleWhereTheyAreNotOpenVino) {
  const World world = pruned_world(2);
  TaskPlan task = testing::dense_plan(testing::sigma({1, 0}), testing::placement({1, 0}));
  EXPECT_EQ(describe_placement(world.soc, task), "cpu1|cpu0");
  task.providers[0] = backend::Provider::kSparse;
  task.pooled = true;
  EXPECT_EQ(describe_placement(world.soc, task), "cpu1(sparse)|cpu0*");

  const Plan plan = plan_of(world);
  const auto why = explain(world.problem(), plan);
  ASSERT_TRUE(why.ok());
  EXPECT_THAT((*why)[0].text,
              HasSubstr("Where another provider is faster: stage 0 is sparse (1.00 ms; openvino: 2.00 ms)."));
}

}  // namespace
}  // namespace sparseloom::plan
