#include "sparseloom/plan/plan_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "small_world.h"
#include "sparseloom/base/json.h"
#include "sparseloom/plan/planners/sparseloom_planner.h"

namespace sparseloom::plan {
namespace {

using ::testing::HasSubstr;
using testing::World;

PlanTarget target_of(const World& world) { return {world.zoo, world.soc, world.profile}; }

/// Two like processors with sparse kernels, faster for some stages; memory and sparsity measured.
World like_processors() {
  World world = testing::world_of(2);
  for (const std::size_t p : {0U, 1U}) {
    testing::change_processor(world.soc, p, [](soc::Processor& processor) {
      processor.providers = {backend::Provider::kOpenVino, backend::Provider::kSparse};
    });
  }
  world.zoo.fingerprint = "of the zoo";
  world.soc.fingerprint = "of the machine";
  world.slo.name = "C5";
  testing::add_task(world, "image", 2, {{"dense", 2, 0.9}, {"int8", 1.1, 0.8}}, {0.83, from_ms(4.1)});
  testing::add_task(world, "speech", 3, {{"dense", 1.7, 0.8}, {"pruned", 0.9, 0.7}}, {0.72, from_ms(3.3)});
  for (std::size_t t = 0; t < 2; ++t) {
    profile::TaskProfile& task = world.profile.tasks[t];
    for (std::size_t v = 0; v < 2; ++v) {
      for (std::size_t i = 0; i < task.stages(); ++i) {
        for (std::size_t p = 0; p < 2; ++p) {
          const zoo::VariantId variant(v);
          const zoo::StageId stage(i);
          profile::Latency latency = task.latency(variant, stage, soc::ProcessorId(p), backend::Provider::kOpenVino);
          latency.resident = {1000 * (v + 1) + 10 * i + t};
          task.set_latency(variant, stage, soc::ProcessorId(p), backend::Provider::kOpenVino, latency);
          latency.median *= i == 0 ? 0.7 : 1.3;
          latency.resident.count /= 2;
          task.set_latency(variant, stage, soc::ProcessorId(p), backend::Provider::kSparse, latency);
        }
        task.set_sparsity(zoo::VariantId(v), zoo::StageId(i), {0.1 + 0.3 * static_cast<double>(v), 100});
      }
    }
  }
  return world;
}

PlanFile planned(const World& world, const Planner& planner) {
  return {.plan = planner.plan(world.problem()).value(), .slo = world.slo, .planning = from_ms(0.25)};
}

PlanFile planned(const World& world) { return planned(world, **find_planner("sparseloom")); }

void expect_same(const StageEstimate& read, const StageEstimate& written) {
  EXPECT_DOUBLE_EQ(read.latency.count(), written.latency.count());
  EXPECT_DOUBLE_EQ(read.model_latency.count(), written.model_latency.count());
  EXPECT_EQ(read.sparsity, written.sparsity);
}

void expect_same(const TaskPlan& read, const TaskPlan& written) {
  EXPECT_EQ(read.sigma, written.sigma);
  EXPECT_EQ(read.placement, written.placement);
  EXPECT_EQ(read.providers, written.providers);
  EXPECT_EQ(read.pooled, written.pooled);
  EXPECT_EQ(read.shared, written.shared);
  ASSERT_EQ(read.estimates.size(), written.estimates.size());
  for (std::size_t i = 0; i < read.estimates.size(); ++i) expect_same(read.estimates[i], written.estimates[i]);
  EXPECT_DOUBLE_EQ(read.latency.count(), written.latency.count());
  EXPECT_EQ(read.accuracy, written.accuracy);
  EXPECT_EQ(read.meets_latency, written.meets_latency);
  EXPECT_EQ(read.meets_accuracy, written.meets_accuracy);
}

/// Durations to the last bits, everything else exactly.
void expect_same(const PlanFile& read, const PlanFile& written) {
  EXPECT_EQ(read.plan.planner, written.plan.planner);
  EXPECT_DOUBLE_EQ(read.plan.bottleneck.count(), written.plan.bottleneck.count());
  EXPECT_EQ(read.plan.optimal, written.plan.optimal);
  EXPECT_EQ(read.plan.gap, written.plan.gap);
  ASSERT_EQ(read.plan.tasks.size(), written.plan.tasks.size());
  for (std::size_t t = 0; t < read.plan.tasks.size(); ++t) expect_same(read.plan.tasks[t], written.plan.tasks[t]);
  EXPECT_EQ(read.slo.name, written.slo.name);
  ASSERT_EQ(read.slo.slos.size(), written.slo.slos.size());
  for (std::size_t t = 0; t < read.slo.slos.size(); ++t) {
    EXPECT_EQ(read.slo.slos[t].accuracy, written.slo.slos[t].accuracy);
    EXPECT_DOUBLE_EQ(read.slo.slos[t].latency.count(), written.slo.slos[t].latency.count());
  }
  EXPECT_EQ(read.estimates, written.estimates);
  ASSERT_EQ(read.planning.has_value(), written.planning.has_value());
  EXPECT_DOUBLE_EQ(read.planning.value_or(Seconds(0)).count(), written.planning.value_or(Seconds(0)).count());
}

void expect_survives(const World& world, const PlanFile& written) {
  const auto read = parse_plan(format_plan(written, target_of(world)), "plan.json", target_of(world));
  ASSERT_TRUE(read.ok()) << read.status().message();
  expect_same(*read, written);
}

TEST(PlanFile, ReadsBackEveryPlannersPlan) {
  std::vector<World> worlds{like_processors()};
  for (unsigned seed = 1; seed <= 5; ++seed) worlds.push_back(testing::random_world(seed, 3, 3, 2, 3));
  for (const World& world : worlds) {
    for (const Planner* planner : planners()) {
      SCOPED_TRACE(planner->name());
      expect_survives(world, planned(world, *planner));
    }
  }
}

TEST(PlanFile, KeepsWhatIsLeftToPoolsWhatIsSharedAndWhatIsMissed) {
  World world = like_processors();
  EXPECT_TRUE(planned(world).plan.tasks[0].pooled);
  EXPECT_TRUE(planned(world, **find_planner("shared")).plan.tasks[0].shared);
  world.slo.slos[1] = {0.95, from_ms(0.5)};  // out of reach
  const PlanFile missed = planned(world);
  EXPECT_FALSE(missed.plan.tasks[1].meets_latency || missed.plan.tasks[1].meets_accuracy);
  expect_survives(world, missed);
}

TEST(PlanFile, MayLeaveOutThePlanningTime) {
  const World world = like_processors();
  PlanFile file = planned(world);
  file.planning.reset();
  EXPECT_EQ(format_plan(file, target_of(world)).find("plan_ms"), std::string::npos);
  expect_survives(world, file);
}

TEST(PlanFile, CountsEstimatedAccuraciesAsThePlannerDid) {
  World world = like_processors();
  profile::TaskProfile& task = world.profile.tasks[0];
  for (std::size_t s = 0; s < task.stitched(); ++s) {
    task.set_accuracy(task.sigma_at(s), {});
    task.set_accuracy_estimate(task.sigma_at(s), {0.9, 0.84});
  }
  World by_lower = world;
  by_lower.profile.use_estimates = profile::EstimateUse::kLower;
  PlanFile file = planned(by_lower);
  file.estimates = profile::EstimateUse::kLower;
  EXPECT_EQ(file.plan.tasks[0].accuracy, 0.84);
  expect_survives(world, file);
}

/// What reading says of a good file that was changed.
class ChangedPlanFile : public ::testing::Test {
 protected:
  using Change = std::function<void(Json&)>;

  Status after(const Change& change, const World& world) const {
    Json json = parse_json(format_plan(planned(world_), target_of(world_)), "plan.json").value();
    change(json);
    return parse_plan(json.dump(), "plan.json", target_of(world)).status();
  }
  Status after(const Change& change) const { return after(change, world_); }
  Status elsewhere(const std::function<void(World&)>& change) const {
    World other = world_;
    change(other);
    return after([](Json&) {}, other);
  }
  static Json& rung(Json& json, std::size_t task = 0) { return json["tasks"][task]["ladder"][0]; }

  void expect(const Change& change, Code code, const std::vector<std::string>& words) const {
    const Status status = after(change);
    EXPECT_EQ(status.code(), code) << status.message();
    for (const std::string& word : words) EXPECT_THAT(status.message(), HasSubstr(word));
    EXPECT_EQ(status.message().find('\n'), std::string::npos);
  }

  const World world_ = like_processors();
};

TEST_F(ChangedPlanFile, IsFineUnchanged) {
  EXPECT_TRUE(after([](Json&) {}).ok());
}

TEST_F(ChangedPlanFile, OfAnotherFormatVersionIsRefusedFirst) {
  expect(
      [](Json& j) {
        j = {{"format_version", 2}, {"anything", 1}};
      },
      Code::kFailedPrecondition, {"plan.json: format_version: got 2", "reads 1"});
  expect([](Json& j) { j.erase("format_version"); }, Code::kMalformed, {"format_version: missing"});
}

TEST_F(ChangedPlanFile, OfAnotherZooMachineOrProfileMustBeMadeAgain) {
  const Status zoo = elsewhere([](World& w) { w.zoo.fingerprint = "of another"; });
  EXPECT_EQ(zoo.code(), Code::kFailedPrecondition);
  EXPECT_THAT(zoo.message(), HasSubstr("plan.json: zoo: the plan was made for zoo 'small' (fingerprint of the zoo)"));
  const Status machine = elsewhere([](World& w) { w.soc.fingerprint = "of another"; });
  EXPECT_EQ(machine.code(), Code::kFailedPrecondition);
  EXPECT_THAT(machine.message(), HasSubstr("machine: the plan was made for machine 'small'"));
  const Status profile = elsewhere([](World& w) { testing::set_ms(w, 0, 0, 0, 0, 3); });
  EXPECT_EQ(profile.code(), Code::kFailedPrecondition);
  EXPECT_THAT(profile.message(), HasSubstr("profile: the plan was made by another profile"));
  EXPECT_THAT(profile.message(), HasSubstr("make it again"));
}

TEST_F(ChangedPlanFile, NamesThatAreNotThereAreListed) {
  expect([](Json& j) { j["tasks"][1]["task"] = "chess"; }, Code::kMalformed,
         {"tasks[1]: task: 'chess': not known", "image, speech"});
  expect([](Json& j) { rung(j)["variant"][1] = "tiny"; }, Code::kMalformed,
         {"tasks[0]: ladder[0]: variant[1]", "'tiny'", "dense, int8"});
  expect([](Json& j) { rung(j)["placement"][0] = "gpu0"; }, Code::kMalformed, {"placement[0]", "'gpu0'", "cpu0, cpu1"});
  expect([](Json& j) { rung(j)["providers"][0] = "tensorrt"; }, Code::kMalformed,
         {"providers[0]", "does not offer 'tensorrt'", "openvino, sparse"});
  expect([](Json& j) { rung(j)["providers"][0] = "scripted"; }, Code::kMalformed, {"does not offer 'scripted'"});
}

TEST_F(ChangedPlanFile, HasOneEntryForEachTask) {
  expect([](Json& j) { j["tasks"].erase(1); }, Code::kMalformed, {"tasks: none for task 'speech'"});
  expect([](Json& j) { j["tasks"].push_back(j["tasks"][0]); }, Code::kMalformed,
         {"tasks[2]: task 'image' has an entry already"});
}

TEST_F(ChangedPlanFile, HasOneNamePerStage) {
  for (const char* key : {"variant", "placement", "providers"}) {
    expect([&](Json& j) { rung(j)[key].erase(1); }, Code::kMalformed,
           {fmt::format("{}: got 1 names; task 'image' has 2 stages", key)});
  }
  expect([](Json& j) { rung(j)["estimates"].erase(1); }, Code::kMalformed, {"estimates: got 1", "2 stages"});
}

TEST_F(ChangedPlanFile, LaddersAndBatchesAreOfALaterRelease) {
  expect([](Json& j) { j["tasks"][0]["ladder"].push_back(rung(j)); }, Code::kFailedPrecondition,
         {"tasks[0]: ladder: got 2 rungs", "later release"});
  expect([](Json& j) { rung(j)["batch"] = 4; }, Code::kFailedPrecondition, {"batch: got 4", "later release"});
  expect([](Json& j) { j["tasks"][0]["ladder"] = Json::array(); }, Code::kMalformed, {"ladder: got no rung"});
  expect([](Json& j) { rung(j)["batch"] = 0; }, Code::kMalformed, {"batch: got 0"});
}

TEST_F(ChangedPlanFile, NumbersLieInTheirRange) {
  const auto refused = [&](const Change& change, const std::string& word) { expect(change, Code::kMalformed, {word}); };
  refused([](Json& j) { j["gap"] = -0.1; }, "gap: got -0.1; allowed: 0..1");
  refused([](Json& j) { j["throughput_qps"] = 0; }, "throughput_qps: got 0");
  refused([](Json& j) { j["throughput_qps"] = std::numeric_limits<double>::quiet_NaN(); }, "throughput_qps");
  refused([](Json& j) { j["resident_bytes"] = -1; }, "resident_bytes: got -1");
  refused([](Json& j) { j["plan_ms"] = -1; }, "plan_ms: got -1");
  refused([](Json& j) { j["estimated_accuracies"] = "best"; },
          "estimated_accuracies: got 'best'; allowed: value, lower");
  refused([](Json& j) { j["tasks"][0]["slo"]["latency_ms"] = 0; }, "tasks[0]: slo: latency_ms: got 0");
  refused([](Json& j) { j["tasks"][0]["slo"]["accuracy"] = 83; }, "slo: accuracy: got 83");
  refused([](Json& j) { rung(j)["latency_ms"] = -4; }, "ladder[0]: latency_ms: got -4");
  refused([](Json& j) { rung(j)["accuracy"] = 1.5; }, "accuracy: got 1.5");
  refused([](Json& j) { rung(j)["bytes"] = -5; }, "bytes: got -5");
  refused([](Json& j) { rung(j)["estimates"][1]["sparsity"] = 1; }, "estimates[1]: sparsity: got 1");
  refused([](Json& j) { rung(j)["estimates"][0]["model_latency_ms"] = 0; }, "model_latency_ms: got 0");
}

TEST_F(ChangedPlanFile, KeysThatNobodyKnowsAreRefused) {
  expect([](Json& j) { j["note"] = 1; }, Code::kMalformed, {"key 'note': not known"});
  expect([](Json& j) { j["zoo"]["path"] = ""; }, Code::kMalformed, {"zoo: key 'path': not known"});
  expect([](Json& j) { j["tasks"][0]["rung"] = 1; }, Code::kMalformed, {"tasks[0]: key 'rung': not known"});
  expect([](Json& j) { rung(j)["provider"] = 1; }, Code::kMalformed, {"ladder[0]: key 'provider': not known"});
}

TEST_F(ChangedPlanFile, FiguresAreTheProfiles) {
  const auto refused = [&](const Change& change, const std::string& word) {
    expect(change, Code::kFailedPrecondition, {word});
  };
  refused([](Json& j) { rung(j)["accuracy"] = 0.99; }, "accuracy: got 0.99; by the profile");
  refused([](Json& j) { rung(j)["bytes"] = 7; }, "bytes: got 7; by the profile");
  refused([](Json& j) { rung(j)["latency_ms"] = 7; }, "latency_ms: got 7; the estimates of its stages");
  refused([](Json& j) { j["resident_bytes"] = 7; }, "resident_bytes: got 7; by the profile");
}

TEST(PlanFile, ThatIsNoJsonSaysWhere) {
  const World world = like_processors();
  const auto read = parse_plan("{\n  nothing", "plan.json", target_of(world));
  EXPECT_EQ(read.status().code(), Code::kMalformed);
  EXPECT_THAT(read.status().message(), HasSubstr("plan.json:2:"));
}

}  // namespace
}  // namespace sparseloom::plan
