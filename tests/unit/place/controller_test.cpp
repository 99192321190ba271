// Placements follow the machine: soon, but not every flicker of it.
#include "sparseloom/place/adapt/controller.h"

#include <gmock/gmock.h>

#include "sparseloom/base/uniform.h"
#include "sparseloom/place/adapt/ahead.h"
#include "tests/support/random_cost_table.h"
#include "tests/support/two_devices.h"

namespace sparseloom::place {
namespace {

using ::testing::ElementsAre;

// A controller on a machine that is made slow by hand.
class Machine {
 public:
  Machine(CostTable table, std::vector<Placement> placements, ControllerOptions options = {})
      : table_(std::move(table)),
        controller_(PlacementController::create(table_, std::move(placements), options).value()) {}

  /// From now on placements are made anew for the states that are wanted.
  void place_anew() { anew_ = exactly_for(table_, {}); }

  /// Inferences with these slow-downs, of the CPU and the GPU.
  void run(int inferences, double cpu, double gpu, double noise = 0) {
    for (int i = 0; i < inferences; ++i) infer(cpu, gpu, noise);
  }

  /// The same until `placement` is in use; how many there were, at most 1,000.
  int run_until(const Placement& placement, double cpu, double gpu, double noise = 0) {
    int inferences = 0;
    for (; inferences < 1000 && active() != placement; ++inferences) infer(cpu, gpu, noise);
    return inferences;
  }

  void infer(double cpu, double gpu, double noise = 0) {
    Busy busy = busy_of(in_state(table_, {.slow_down = {cpu, gpu}}), active());
    for (double& seconds : busy.processors) seconds *= 1 + noise * (2 * uniform(random_) - 1);
    const std::size_t before = controller_.active();
    const auto other = controller_.observe(before, busy);
    EXPECT_EQ(controller_.active(), other.value_or(before));
    history_.push_back(before);
    const auto wanted = anew_ ? controller_.wanted() : std::nullopt;
    if (!wanted) return;
    EXPECT_TRUE(controller_.offer(*wanted, anew_(*wanted).value()).ok());
  }

  const Placement& active() const { return controller_.placements()[controller_.active()]; }
  PlacementController& controller() { return controller_; }
  std::size_t switches() const { return controller_.counts().switches; }
  /// Of every inference, by which placement it ran.
  const std::vector<std::size_t>& history() const { return history_; }

 private:
  CostTable table_;
  PlacementController controller_;
  PlaceFor anew_;
  std::mt19937_64 random_{3};
  std::vector<std::size_t> history_;
};

// One group, 8 s on the CPU or 4 s on the GPU: best with a quarter on the CPU; with halves if the GPU is 3 times as
// slow.
const Placement kQuarter{{1, 3}}, kHalf{{2, 2}}, kAllCpu{{4, 0}}, kAllGpu{{0, 4}};
const std::vector<Placement> kDivided{kQuarter, kHalf, kAllCpu, kAllGpu};

Machine divided() { return {testing::two_devices(8, 4), kDivided}; }
// The same, but a group that cannot be divided: on the GPU, or on the CPU once the GPU is twice as slow.
Machine whole() { return {testing::two_devices(8, 4, false), {kAllGpu, kAllCpu}}; }

TEST(Controller, StaysWhileNothingChanges) {
  Machine machine = divided();
  machine.run(1000, 1, 1, 0.1);
  EXPECT_EQ(machine.active(), kQuarter);
  EXPECT_EQ(machine.switches(), 0U);
  EXPECT_EQ(machine.controller().counts().probes, 0U);
}

TEST(Controller, ReplacesWithinTenInferencesOfAStep) {
  Machine machine = divided();
  machine.run(50, 1, 1, 0.05);
  EXPECT_LE(machine.run_until(kHalf, 1, 3, 0.05), 10);
  EXPECT_NEAR(machine.controller().state().slow_down[1], 3, 0.2);
}

TEST(Controller, ANeighbourThatComesAndGoesIsTwoSwitches) {
  for (const double cpu : {1.0, 3.0}) {
    for (const double gpu : {2.0, 3.0, 6.0}) {
      Machine machine = divided();
      machine.run(30, 1, 1, 0.1);
      machine.run(40, cpu, gpu, 0.1);
      machine.run(60, 1, 1, 0.1);
      EXPECT_EQ(machine.active(), kQuarter);
      EXPECT_LE(machine.switches(), 2U) << cpu << ", " << gpu;
    }
  }
}

TEST(Controller, ComesBackWithinTenInferencesToo) {
  Machine machine = divided();
  machine.run(20, 1, 3);
  ASSERT_EQ(machine.active(), kHalf);
  EXPECT_LE(machine.run_until(kQuarter, 1, 1), 10);
}

TEST(Controller, InferencesThatWereDisturbedSwitchNothing) {
  Machine machine = divided();
  for (int i = 0; i < 300; ++i) machine.run(1, i % 7 == 0 ? 3 : 1, i % 5 == 0 ? 3 : 1, 0.05);
  EXPECT_EQ(machine.switches(), 0U);
}

TEST(Controller, WhatGainsTooLittleIsNotWorthASwitch) {
  Machine machine(testing::two_devices(8, 4, false), {kAllGpu, kAllCpu});
  machine.run(100, 1, 2.08);  // 8.32 s instead of 8
  EXPECT_EQ(machine.active(), kAllGpu);
  machine.run(10, 1, 2.3);
  EXPECT_EQ(machine.active(), kAllCpu);
}

TEST(Controller, DoesNotFollowFlapping) {
  for (const int half_period : {1, 2, 3, 4, 5, 7, 10, 15}) {
    Machine machine = divided();
    for (int period = 0; period < 1000 / half_period; ++period) {
      machine.run(half_period, 1, 4);
      machine.run(half_period, 1, 1);
    }
    // Of 2,000 inferences: a few at first, and a trial now and then whether it has become worth following.
    EXPECT_LE(machine.switches(), 50U) << half_period;
  }
}

TEST(Controller, FollowsSlowChangesForEver) {
  Machine machine = divided();
  for (int period = 0; period < 20; ++period) {
    machine.run(150, 1, 3, 0.05);
    EXPECT_EQ(machine.active(), kHalf);
    machine.run(150, 1, 1, 0.05);
    EXPECT_EQ(machine.active(), kQuarter);
  }
  EXPECT_EQ(machine.switches(), 40U);
}

TEST(Controller, AProcessorThatHasNothingToDoIsSeenToRecover) {
  Machine machine = whole();
  machine.run(80, 1, 3);
  ASSERT_EQ(machine.active(), kAllCpu);
  EXPECT_GE(machine.controller().counts().probes, 2U);  // in vain
  EXPECT_LE(machine.run_until(kAllGpu, 1, 1), 60);
  machine.run(100, 1, 1);
  EXPECT_EQ(machine.active(), kAllGpu);
  EXPECT_EQ(machine.switches(), 2U);
}

TEST(Controller, ProbesThatFailCostAHundredthOfTheTime) {
  Machine machine = whole();
  machine.run(20, 1, 3);
  ASSERT_EQ(machine.active(), kAllCpu);
  machine.run(5000, 1, 3, 0.05);
  EXPECT_EQ(machine.switches(), 1U);
  // One inference each, of 12 s instead of 8, hence about one in 50.
  const auto on_gpu = std::count(machine.history().begin() + 20, machine.history().end(), 0);
  EXPECT_NEAR(static_cast<double>(on_gpu), static_cast<double>(machine.controller().counts().probes), 1);
  EXPECT_NEAR(static_cast<double>(on_gpu) * (12 - 8) / (5000 * 8), 0.01, 0.002);
}

TEST(Controller, AProbeThatWasDisturbedIsRepeated) {
  Machine machine = whole();
  machine.run(20, 1, 3);
  while (machine.active() == kAllCpu) machine.infer(1, 1);
  machine.infer(1, 3);  // disturbed
  EXPECT_EQ(machine.active(), kAllCpu);
  machine.run(PlacementController::kLeastPatience + 100, 1, 1);
  EXPECT_EQ(machine.active(), kAllGpu);
}

TEST(Controller, NothingIsProbedThatWouldChangeNothing) {
  Machine machine(testing::two_devices(8, 4, false), {kAllGpu, kAllCpu});
  machine.run(1000, 3, 1);
  EXPECT_EQ(machine.active(), kAllGpu);
  EXPECT_EQ(machine.controller().counts().probes, 0U);
}

TEST(Controller, WantsPlacementsForStatesThatItSeesAndUsesThem) {
  Machine machine(testing::two_devices(8, 4), {kQuarter});
  machine.place_anew();
  EXPECT_LE(machine.run_until(kHalf, 1, 3, 0.05), 10);
  EXPECT_LE(machine.run_until(kQuarter, 1, 1, 0.05), 10);
  EXPECT_EQ(machine.switches(), 2U);
  EXPECT_EQ(machine.controller().counts().offers, 2U);
  EXPECT_THAT(machine.controller().placements(), ElementsAre(kQuarter, kHalf));
}

TEST(Controller, WantsNothingWhileNothingChangesMuch) {
  Machine machine = divided();
  machine.run(10, 1.05, 0.95);
  EXPECT_EQ(machine.controller().wanted(), std::nullopt);
  machine.run(10, 1.05, 2);
  const auto wanted = machine.controller().wanted();
  ASSERT_TRUE(wanted);
  EXPECT_THAT(wanted->slow_down, ElementsAre(1.05, 2));
  EXPECT_TRUE(machine.controller().offer(*wanted, std::nullopt).ok());  // none could be made
  machine.run(10, 1.05, 2);
  EXPECT_EQ(machine.controller().wanted(), std::nullopt);
}

TEST(Controller, AnOfferThatCannotBeRunIsRefused) {
  Machine machine = whole();
  EXPECT_EQ(machine.controller().offer({.slow_down = {1, 2}}, kHalf).code(), Code::kInvalidArgument);
  EXPECT_EQ(machine.controller().placements().size(), 2U);
}

TEST(Controller, KeepsSoManyPlacementsAtMost) {
  Machine machine(testing::two_devices(8, 4), {kQuarter}, {.most_kept = 2});
  machine.place_anew();
  for (const double gpu : {3.0, 20.0, 0.1, 3.0}) machine.run(30, 1, gpu);
  EXPECT_EQ(machine.controller().placements().size(), 2U);
}

TEST(Controller, AnInferenceThatWasUnderWayTellsOnlyOfTheMachine) {
  Machine machine = divided();
  machine.run(20, 1, 3);
  ASSERT_EQ(machine.active(), kHalf);
  const Busy late = busy_of(testing::two_devices(8, 12), kQuarter);
  EXPECT_EQ(machine.controller().observe(0, late), std::nullopt);
  EXPECT_NEAR(machine.controller().state().slow_down[1], 3, 1e-9);
}

TEST(Controller, TheSameObservationsGiveTheSameChoices) {
  const auto history = [] {
    std::mt19937_64 random(9);
    const CostTable table = testing::random_table({.groups = 6}, random);
    Machine machine(table, {place_exactly(table, {})->placement});
    machine.place_anew();
    for (int i = 0; i < 30; ++i) machine.run(20, 1 + 3 * uniform(random), 1 + 3 * uniform(random), 0.2);
    return machine.history();
  };
  EXPECT_EQ(history(), history());
}

TEST(Controller, WhatCannotBeRunIsRefused) {
  const CostTable table = testing::two_devices(8, 4, false);
  EXPECT_EQ(PlacementController::create(table, {}).status().message(), "no placement to begin with");
  for (const Placement& wrong : {Placement{}, Placement{{4}}, Placement{{4, 1}}, Placement{{255, 5}}, kHalf}) {
    EXPECT_EQ(PlacementController::create(table, {kAllCpu, wrong}).status().message(),
              "placement 1: the processors cannot run the model's 1 operator groups so");
  }
  EXPECT_EQ(PlacementController::create({}, {kAllCpu}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace sparseloom::place
