// Modelled machines: every shipped SoC file plans and rehearses the demo zoo, and a table of measurements stands in for
// the model.
#include <gmock/gmock.h>

#include <algorithm>

#include "sparseloom/plan/planner.h"
#include "sparseloom/plan/slo.h"
#include "sparseloom/profile/analytical/modelled.h"
#include "tests/errors/cli.h"

namespace sparseloom {
namespace {

using testing::demo_zoo;
using ::testing::HasSubstr;
using testing::run_cli;
using testing::TemporaryFolder;

// The demo zoo's pieces, cut once for all tests of this file.
class ModelledSoc : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }
  struct World {
    TemporaryFolder folder;
    std::unique_ptr<backend::Runtime> runtime = backend::make_runtime("openvino").value();
    zoo::Zoo zoo = zoo::load_zoo(demo_zoo()).value();
    zoo::PieceStore pieces{zoo, *runtime, folder.path()};
  };
  static std::unique_ptr<World> world_;

  static std::string path_of(const std::string& name) {
    return std::string(SPARSELOOM_SOURCE_DIR) + "/socs/" + name + ".json";
  }
};
std::unique_ptr<ModelledSoc::World> ModelledSoc::world_;

TEST_P(ModelledSoc, EveryPlannerPlansTheDemoZoo) {
  const soc::SocFile file = soc::load_soc(path_of(GetParam())).value();
  const auto profile = profile::model_profile(world_->zoo, file, *world_->runtime, world_->pieces);
  ASSERT_TRUE(profile.ok()) << profile.status().message();
  const auto ranges = plan::grid_ranges(world_->zoo, file.soc, *profile).value();
  const plan::SloConfig slo = plan::grid_config(ranges, {4, 4});
  const plan::Problem problem{world_->zoo, file.soc, *profile, slo};
  for (const char* name : {"sparseloom", "sv-ao-np", "sv-ao-p", "sv-lo-np", "sv-lo-p", "av-np", "av-p"}) {
    const auto plan = plan::find_planner(name).value()->plan(problem);
    ASSERT_TRUE(plan.ok()) << name << ": " << plan.status().message();
    ASSERT_EQ(plan->tasks.size(), world_->zoo.tasks.size()) << name;
    EXPECT_GT(plan->bottleneck.count(), 0) << name;
    EXPECT_GT(plan::resident_bytes(*profile, *plan).count, 0U) << name;
  }
}

TEST_P(ModelledSoc, SaysWhatItDraws) {
  const soc::SocFile file = soc::load_soc(path_of(GetParam())).value();
  ASSERT_TRUE(file.energy);
  for (const soc::Power& power : file.energy->power) EXPECT_GT(power.active, power.idle);
  EXPECT_GT(file.energy->joules_per_byte, 0);
}

TEST_P(ModelledSoc, CompressedVariantsAreSmallerAndNoSlower) {
  const soc::SocFile file = soc::load_soc(path_of(GetParam())).value();
  const auto profile = profile::model_profile(world_->zoo, file, *world_->runtime, world_->pieces).value();
  for (std::size_t t = 0; t < world_->zoo.tasks.size(); ++t) {
    const zoo::Task& task = world_->zoo.tasks[t];
    const auto at = [&](const char* variant, std::size_t processor) {
      return profile.tasks[t].latency(task.variant(variant).value(), zoo::StageId(0), soc::ProcessorId(processor),
                                      backend::Provider::kOpenVino);
    };
    for (std::size_t p = 0; p < file.soc.processors.size(); ++p) {
      EXPECT_LE(at("structured-40", p).median, at("dense", p).median) << task.name << " on " << p;
      EXPECT_LT(at("structured-40", p).resident, at("dense", p).resident) << task.name << " on " << p;
      EXPECT_LT(at("int8", p).resident, at("dense", p).resident) << task.name << " on " << p;
    }
    EXPECT_EQ(profile.boundary[t].size(), task.stages() - 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, ModelledSoc,
                         ::testing::Values("core-ultra-7-265k", "core-ultra-5-135u", "jetson-agx-orin",
                                           "jetson-orin-nano"),
                         [](const auto& of) {
                           std::string name = of.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_F(ModelledSoc, MeasurementsReplaceTheModel) {
  soc::SocFile file = soc::load_soc(path_of("jetson-agx-orin")).value();
  profile::Profile profile = profile::model_profile(world_->zoo, file, *world_->runtime, world_->pieces).value();
  const auto latency = [](profile::Profile& of) {
    return of.tasks[1].latency(zoo::VariantId(2), zoo::StageId(1), soc::ProcessorId(0), backend::Provider::kSparse);
  };
  const profile::Latency measured{Seconds(0.5), Seconds(0.4), Seconds(0.6), 30, Bytes{12345}};
  profile.tasks[1].set_latency(zoo::VariantId(2), zoo::StageId(1), soc::ProcessorId(0), backend::Provider::kSparse,
                               measured);

  const Json exported = profile::soc_file_of(world_->zoo, file.soc, profile).value();
  const soc::SocFile device = soc::parse_soc(exported, "device.json").value();
  profile::Profile again = profile::model_profile(world_->zoo, device, *world_->runtime, world_->pieces).value();
  EXPECT_EQ(latency(again).median, measured.median);
  EXPECT_EQ(latency(again).resident, measured.resident);
  EXPECT_EQ(latency(again).count, 30);

  // What no plan may use is said to be so.
  Json left_out = exported;
  Json& first = left_out["tables"][0]["subgraphs"][0];
  for (const char* key : {"median_s", "q1_s", "q3_s", "count", "resident_bytes"}) first.erase(key);
  first["left_out"] = "slower";
  const profile::Profile without = profile::model_profile(world_->zoo, soc::parse_soc(left_out, "device.json").value(),
                                                          *world_->runtime, world_->pieces)
                                       .value();
  EXPECT_EQ(without.tasks[0]
                .latency(zoo::VariantId(0), zoo::StageId(0), soc::ProcessorId(0), backend::Provider::kOpenVino)
                .left_out,
            profile::LeftOut::kSlower);
  const Json once_more = profile::soc_file_of(world_->zoo, device.soc, without).value();
  EXPECT_TRUE(once_more["tables"] == left_out["tables"]) << "and stays so";

  // For another zoo, or with a hole, there is nothing to fall back to: such a file has no rates.
  Json hole = exported;
  hole["tables"][0]["subgraphs"].erase(0);
  const auto refused = profile::model_profile(world_->zoo, soc::parse_soc(hole, "device.json").value(),
                                              *world_->runtime, world_->pieces);
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("no rates"));
}

TEST(ModelledSocCommand, EverythingSaysModelled) {
  const TemporaryFolder cache;
  const std::string json = cache.path() / "plan.json";
  const auto listed = run_cli({"soc", "--soc", "jetson-agx-orin"}, cache.path());
  EXPECT_EQ(listed.status, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("(modelled)"));
  const auto planned = run_cli({"plan", "--zoo", demo_zoo(), "--soc", "jetson-agx-orin", "--json", json}, cache.path());
  ASSERT_EQ(planned.status, 0) << planned.err;
  EXPECT_THAT(planned.out, HasSubstr("(modelled)"));
  EXPECT_EQ(read_json(json).value().at("modelled"), true);

  const std::string rehearsed = cache.path() / "rehearsed.json";
  const std::string workload = std::string(SPARSELOOM_SOURCE_DIR) + "/examples/workload.json";
  const auto simulated = run_cli({"simulate", "--workload", workload, "--zoo", demo_zoo(), "--soc", "core-ultra-5-135u",
                                  "--policy", "edf", "--json", rehearsed},
                                 cache.path());
  ASSERT_EQ(simulated.status, 0) << simulated.err;
  EXPECT_THAT(simulated.out, HasSubstr("(modelled)"));
  EXPECT_EQ(read_json(rehearsed).value().at("edf").at("modelled"), true);
}

TEST(ModelledSocCommand, ARateIsPlannedForOnlyWhereThePlannerLooksAtIt) {
  const TemporaryFolder cache;
  const auto plan_with = [&](const std::string& option, const std::string& value) {
    const auto result =
        run_cli({"plan", "--zoo", demo_zoo(), "--soc", "jetson-agx-orin", "--rate", "50", option, value}, cache.path());
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  };
  EXPECT_THAT(plan_with("--objective", "responses"), HasSubstr("planned for 50 requests/s"));
  EXPECT_THAT(plan_with("--objective", "throughput"), HasSubstr("predicted at 50 requests/s"));
  EXPECT_THAT(plan_with("--planner", "av-np"), HasSubstr("predicted at 50 requests/s"));
}

}  // namespace
}  // namespace sparseloom
