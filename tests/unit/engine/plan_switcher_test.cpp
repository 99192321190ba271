#include "sparseloom/engine/plan_switcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_world.h"
#include "sparseloom/engine/activation.h"

namespace sparseloom::engine {
namespace {

using ::testing::HasSubstr;

/// Two tasks of three stages. SLO "v2" wants a plan with variant 2 throughout; each subgraph takes 10 bytes, and time
/// passes when the test says so.
class Switcher : public ::testing::Test {
 protected:
  void serve(Bytes budget, SwitcherOptions options = {}) {
    residency_.emplace(
        world_.soc, [this](const SubgraphKey& k) { return world_.compile(k); },
        ResidencyOptions{.budget = budget, .estimate = [](const SubgraphKey&) { return Bytes{10}; }});
    const auto first = world_.plan_of(0);
    engine_ = Engine::start(world_.zoo, world_.soc, *residency_, first, {.clock = [this] { return now_.load(); }},
                            [this](const Completion& c) {
                              log_.add(c);
                              if (switcher_) switcher_->completed(c);
                            })
                  .value();
    const MakePlan make_plan = [this](const plan::SloConfig& slo) -> Result<std::shared_ptr<const plan::Plan>> {
      if (++plans_made_ == 1 && on_first_plan_) on_first_plan_();
      if (slo.name == "impossible") return error(Code::kInvalidArgument, "no such SLO");
      return world_.plan_of(static_cast<std::size_t>(slo.name[1] - '0'));
    };
    switcher_.emplace(*engine_, *residency_, first, make_plan, options);
  }
  void TearDown() override {
    if (engine_) engine_->drain();
    switcher_.reset();
  }

  void change(const std::string& slo) { switcher_->change({slo, {}}); }
  void change_here(const std::string& slo) { EXPECT_TRUE(switcher_->change_here({slo, {}}).ok()); }
  void submit(std::size_t id) { ASSERT_TRUE(engine_->submit(testing::request(id), inputs_[0]).ok()); }
  SwitchRecord last() const { return switcher_->records().back(); }

  static constexpr Bytes kOnePlan{60}, kTwoPlans{120};
  std::atomic<Seconds> now_{Seconds(0)};
  testing::FakeWorld world_{2};
  testing::Inputs inputs_{1};
  testing::Log log_;
  std::atomic<int> plans_made_{0};
  std::function<void()> on_first_plan_;
  std::optional<Residency> residency_;
  std::optional<PlanSwitcher> switcher_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(Switcher, LoadsWhatIsMissingOnceAndIsHotTheNextTime) {
  serve(kTwoPlans);
  for (const std::string slo : {"v1", "v0", "v1"}) {
    change(slo);
    EXPECT_TRUE(switcher_->step());
  }
  const auto records = switcher_->records();
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].loaded, 6U);
  EXPECT_EQ(records[1].loaded, 0U);
  EXPECT_EQ(records[2].loaded, 0U);
  EXPECT_EQ(records[2].plan_version, 3U);
  EXPECT_FALSE(switcher_->step());
}

TEST_F(Switcher, SaysWhenTheNewPlanFirstServed) {
  serve(kTwoPlans);
  now_ = Seconds(1);
  change("v1");
  now_ = Seconds(2);
  ASSERT_TRUE(switcher_->step());
  EXPECT_FALSE(last().served.has_value());
  now_ = Seconds(3);
  submit(0);
  engine_->drain();
  EXPECT_EQ(last().asked, Seconds(1));
  EXPECT_EQ(last().switched, Seconds(2));
  EXPECT_EQ(last().served, Seconds(3));
}

TEST_F(Switcher, APlanStaysForItsDwellAndOnlyTheLastChangeMeanwhileCounts) {
  serve(kTwoPlans, {.least_dwell = Seconds(10)});
  change("v1");
  ASSERT_TRUE(switcher_->step());
  now_ = Seconds(1);
  change("v2");
  change("v0");
  EXPECT_EQ(switcher_->due(), Seconds(10));
  EXPECT_FALSE(switcher_->step());
  now_ = Seconds(10);
  EXPECT_TRUE(switcher_->step());
  EXPECT_EQ(last().slo, "v0");
  EXPECT_EQ(plans_made_, 2);
  EXPECT_FALSE(switcher_->busy());
}

TEST_F(Switcher, WhatIsColdMakesRoomForANewPlan) {
  serve(kTwoPlans);
  for (const std::string slo : {"v1", "v2", "v3"}) {
    change(slo);
    ASSERT_TRUE(switcher_->step());
    EXPECT_TRUE(last().status.ok()) << last().status.message();
    EXPECT_EQ(last().steps, 1U);
  }
  EXPECT_EQ(residency_->booked(), kTwoPlans);
  EXPECT_EQ(residency_->counts().most, kTwoPlans);
}

TEST_F(Switcher, TasksChangeOverOneByOneWhereBothPlansDoNotFit) {
  testing::Gate gate;
  world_.on_run = [&](const SubgraphKey&, std::span<const float>, std::span<float>) {
    gate.wait();
    return Status();
  };
  serve({90});  // one plan and one task more
  submit(0);
  gate.until_reached();
  change("v1");
  EXPECT_FALSE(switcher_->step());  // the first task changes over, but request 0 holds on to what should make room
  EXPECT_TRUE(switcher_->busy());
  gate.open();
  engine_->drain();
  now_ = *switcher_->due();
  ASSERT_TRUE(switcher_->step());
  EXPECT_TRUE(last().status.ok()) << last().status.message();
  EXPECT_EQ(last().steps, 2U);
  submit(1);
  engine_->drain();
  EXPECT_EQ(log_.all[0].sigma, std::vector<float>(3, 0.0F));
  EXPECT_EQ(log_.all[1].sigma, std::vector<float>(3, 1.0F));
  EXPECT_LE(residency_->counts().most.count, 90U);
}

TEST_F(Switcher, HoldsTasksWhereTheOldPlanIsInTheWayOfTheNew) {
  serve({69});  // not even one further subgraph
  submit(0);
  engine_->drain();
  change("v1");
  bool done = false;
  for (std::size_t k = 0; k < 1000 && !done; ++k) {
    now_ = *switcher_->due();
    done = switcher_->step();
    if (k == 10) submit(1);  // after ten tries: waits while its task is held
  }
  engine_->drain();
  EXPECT_TRUE(last().status.ok()) << last().status.message();
  EXPECT_EQ(log_.all.front().sigma, std::vector<float>(3, 0.0F));
  EXPECT_EQ(log_.all.back().sigma, std::vector<float>(3, 1.0F));
  EXPECT_LE(residency_->counts().most.count, 69U);
}

TEST_F(Switcher, GoesBackToTheOldPlanWhenTheNewOneCannotBeLoadedAfterAll) {
  serve({69});
  world_.misfit = zoo::VariantId(1);
  change("v1");
  bool done = false;
  for (int k = 0; k < 1000 && !done; ++k) {
    now_ = *switcher_->due();
    done = switcher_->step();
  }
  EXPECT_EQ(last().status.code(), Code::kFailedPrecondition);
  submit(0);
  engine_->drain();
  EXPECT_EQ(log_.all.back().sigma, std::vector<float>(3, 0.0F));
}

TEST_F(Switcher, AnEngineDoesNotStartWithAPlanThatTheBudgetCannotHold) {
  Residency small(world_.soc, [this](const SubgraphKey& k) { return world_.compile(k); },
                  {.budget = {59}, .estimate = [](const SubgraphKey&) { return Bytes{10}; }});
  const auto refused = Engine::start(world_.zoo, world_.soc, small, world_.plan_of(0), {}, {});
  EXPECT_EQ(refused.status().code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.status().message(), HasSubstr("the smallest budget that it fits is 60 bytes"));
}

TEST_F(Switcher, WhatIsResidentIsSwitchedToThereAndThen) {
  serve(kTwoPlans);
  change("v1");
  ASSERT_TRUE(switcher_->step());
  change_here("v0");
  EXPECT_EQ(last().slo, "v0");
  EXPECT_EQ(last().loaded, 0U);
  EXPECT_FALSE(switcher_->busy());

  change_here("v2");
  EXPECT_EQ(last().slo, "v0") << "has to be loaded: left to step()";
  EXPECT_TRUE(switcher_->step());
  EXPECT_EQ(last().slo, "v2");
  EXPECT_EQ(last().loaded, 6U);
  EXPECT_EQ(plans_made_, 3) << "planned once";
}

// step() ends for an earlier change and looks for another one while change_here() plans.
TEST_F(Switcher, WhatIsSwitchedToThereAndThenIsNotTakenByStepAsWell) {
  serve(kTwoPlans);
  std::thread stepping;
  on_first_plan_ = [&] {
    EXPECT_TRUE(switcher_->busy());
    stepping = std::thread([&] { EXPECT_FALSE(switcher_->step()) << "carried out twice"; });
    while (switcher_->due()) std::this_thread::yield();  // until step() has taken it, should it be there to take
  };
  change_here("v0");
  stepping.join();
  EXPECT_FALSE(switcher_->busy());
  EXPECT_EQ(plans_made_, 1);
  EXPECT_EQ(engine_->plan_version(), 1U);
  EXPECT_EQ(switcher_->records().size(), 1U);
}

// While step() plans for v0, v1 waits, v2 is asked for there and then, and after it v3.
TEST_F(Switcher, WhatWaitsForAPlanIsOvertakenByALaterChange) {
  serve(kTwoPlans);
  std::thread here;
  on_first_plan_ = [&] {
    change("v1");
    here = std::thread([&] { change_here("v2"); });
    while (switcher_->due()) std::this_thread::yield();  // until v2 has set v1 aside
    change("v3");
  };
  change("v0");
  ASSERT_TRUE(switcher_->step());
  here.join();
  ASSERT_TRUE(switcher_->step());
  EXPECT_EQ(last().slo, "v3");
  EXPECT_EQ(switcher_->records().size(), 2U);
  EXPECT_EQ(plans_made_, 2) << "v0 and v3";
}

TEST_F(Switcher, TheDwellHoldsThereAndThenToo) {
  serve(kTwoPlans, {.least_dwell = Seconds(10)});
  change_here("v1");
  ASSERT_TRUE(switcher_->step());
  change_here("v0");
  EXPECT_EQ(last().slo, "v1");
  EXPECT_EQ(switcher_->due(), Seconds(10));
}

TEST_F(Switcher, ABridgeServesUntilThePlanIsLoaded) {
  // Of SLO "v2" nothing is resident, but variant 1 would do.
  const MakeBridge bridge = [this](const plan::SloConfig& slo, const plan::IsResident& resident) {
    if (slo.name != "v2") return world_.plan_of(0);
    EXPECT_TRUE(resident(subgraphs_of(*world_.plan_of(1))[0]));
    EXPECT_FALSE(resident(subgraphs_of(*world_.plan_of(2))[0]));
    return world_.plan_of(1);
  };
  serve({180}, {.bridge = bridge});
  change("v1");
  ASSERT_TRUE(switcher_->step());
  change("v0");
  ASSERT_TRUE(switcher_->step());
  now_ = Seconds(1);
  change_here("v2");
  submit(0);
  engine_->drain();
  now_ = Seconds(2);
  ASSERT_TRUE(switcher_->step());
  submit(1);
  engine_->drain();
  EXPECT_EQ(log_.all[0].sigma, std::vector<float>(3, 1.0F));
  EXPECT_EQ(log_.all[1].sigma, std::vector<float>(3, 2.0F));
  EXPECT_EQ(last().bridged, Seconds(1));
  EXPECT_EQ(last().switched, Seconds(2));
}

TEST_F(Switcher, ABridgeStaysForTheDwellAsWell) {
  serve({180}, {.least_dwell = Seconds(10), .bridge = [this](auto&&...) { return world_.plan_of(0); }});
  change_here("v1");
  EXPECT_EQ(engine_->plan_version(), 1U);
  now_ = Seconds(1);
  change_here("v2");
  EXPECT_EQ(switcher_->due(), Seconds(10));
}

TEST_F(Switcher, TasksThatTheBridgeCannotServeStayAsTheyAre) {
  const MakeBridge bridge = [this](const plan::SloConfig&, const plan::IsResident&) {
    auto mixed = std::make_shared<plan::Plan>(*world_.plan_of(1));
    mixed->tasks[1] = world_.plan_of(3)->tasks[1];  // not resident
    return std::shared_ptr<const plan::Plan>(std::move(mixed));
  };
  serve({180}, {.bridge = bridge});
  change("v1");
  ASSERT_TRUE(switcher_->step());
  change("v0");
  ASSERT_TRUE(switcher_->step());
  change_here("v2");
  submit(0);
  engine_->drain();
  EXPECT_EQ(log_.all[0].sigma, std::vector<float>(3, 1.0F)) << "task 0 follows it";
  ASSERT_TRUE(switcher_->step());
  EXPECT_FALSE(last().bridged.has_value()) << "task 1 did not";
}

TEST_F(Switcher, ALoadThatALaterChangeOvertakesEndsWithTheSubgraphInHand) {
  serve({180});
  int compiled = 0;
  world_.on_compile = [&](const SubgraphKey&) {
    if (++compiled == 2) change("v0");
  };
  change("v1");
  EXPECT_FALSE(switcher_->step());
  EXPECT_EQ(compiled, 2);
  EXPECT_TRUE(switcher_->records().empty());
  ASSERT_TRUE(switcher_->step());
  EXPECT_EQ(last().slo, "v0");
}

TEST_F(Switcher, APlannerThatFailsChangesNothingAndIsReported) {
  std::vector<std::string> told;
  serve(kTwoPlans, {.on_failure = [&](const Status& why) { told.push_back(why.message()); }});
  change("impossible");
  EXPECT_TRUE(switcher_->step());
  EXPECT_EQ(told, (std::vector<std::string>{"no such SLO"}));
  EXPECT_EQ(last().status.message(), "no such SLO");
  EXPECT_EQ(engine_->plan_version(), 0U);
}

TEST_F(Switcher, OnItsOwnThreadLosesNoRequestAndKeepsTheBudget) {
  serve({90}, {.most_tries = 1'000'000});  // time flies here
  switcher_->start();
  constexpr std::size_t kRequests = 300;
  for (std::size_t id = 0; id < kRequests; ++id) {
    if (id % 20 == 0) change("v" + std::to_string(id / 20 % 4));
    submit(id);
    now_ = now_.load() + Seconds(1);
  }
  engine_->drain();
  while (switcher_->busy()) {
    now_ = now_.load() + Seconds(1);
    std::this_thread::yield();
  }
  EXPECT_EQ(log_.all.size(), kRequests);
  for (const testing::Seen& seen : log_.all) EXPECT_TRUE(seen.status.ok()) << seen.status.message();
  EXPECT_FALSE(switcher_->records().empty());
  for (const SwitchRecord& record : switcher_->records()) EXPECT_TRUE(record.status.ok()) << record.status.message();
  EXPECT_LE(residency_->counts().most.count, 90U);
}

}  // namespace
}  // namespace sparseloom::engine
