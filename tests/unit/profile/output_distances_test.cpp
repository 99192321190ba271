#include "sparseloom/profile/estimate/output_distances.h"

#include <gmock/gmock.h>

#include "tests/support/made_up_zoo.h"
#include "tests/unit/profile/fake_stages.h"

namespace sparseloom::profile {
namespace {

// Stage s of variant v multiplies by 1 + v.
StageTable scaling_stages(std::size_t variants, std::size_t stages, FakeCounts& counts) {
  StageTable table(variants);
  for (std::size_t v = 0; v < variants; ++v) {
    for (std::size_t s = 0; s < stages; ++s) {
      const auto scale = [v](std::span<const float> in, std::span<float> out) {
        for (std::size_t c = 0; c < 4; ++c) out[c] = in[c] * static_cast<float>(1 + v);
        return Status();
      };
      table[v].push_back(fake_stage(scale, counts));
    }
  }
  return table;
}

class Distances : public ::testing::Test {
 protected:
  Distances() : zoo_(made_.load()), data_(zoo::Dataset::load(zoo_, zoo_.tasks[0], zoo_.tasks[0].profile).value()) {}
  sparseloom::testing::MadeUpZoo made_;
  zoo::Zoo zoo_;
  zoo::Dataset data_;
  FakeCounts fakes_;
};

TEST_F(Distances, AreOfWhatStagesHandOnRelativeToItsSize) {
  const OutputDistances distances = measure_distances(scaling_stages(2, 3, fakes_), data_, 4, {}).value();
  const OutputDistances::Part& first = distances.parts[0];
  // Outputs x and 2x: the difference is x, squared x², and the mean of the squares is (1 + 4)/2 x².
  EXPECT_NEAR(first.between(0, 1), 1 / 2.5, 1e-6);
  EXPECT_EQ(first.between(1, 0), first.between(0, 1));
  EXPECT_EQ(first.between(0, 0), 0);
  const OutputDistances::Part& pair = distances.parts[2];
  ASSERT_EQ(pair.stages, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(pair.between(1, 2), 0) << "2·1 is 1·2";
  EXPECT_GT(pair.between(0, 3), first.between(0, 1));
}

TEST_F(Distances, RunEachStageBehindDenseOnesAndPairsOfTheFirstTwo) {
  const OutputDistances distances = measure_distances(scaling_stages(2, 3, fakes_), data_, 4, {}).value();
  EXPECT_EQ(distances.samples, 4U);
  EXPECT_EQ(distances.stage_runs, 4U * (2 + (1 + 2) + (2 + 4) + (2 + 2)));
  EXPECT_EQ(static_cast<std::size_t>(fakes_.runs), distances.stage_runs);
}

TEST_F(Distances, StopWhenTold) {
  const std::atomic<bool> stop{true};
  Control control;
  control.stop = &stop;
  EXPECT_EQ(measure_distances(scaling_stages(2, 3, fakes_), data_, 4, control).status().code(), Code::kCancelled);
}

TEST(OutputParts, OfFewStagesHaveNoPair) {
  EXPECT_EQ(output_parts(3, 1).parts.size(), 1U);
  EXPECT_EQ(output_parts(3, 2).parts.size(), 2U);
  EXPECT_EQ(output_parts(3, 4).parts.size(), 5U);
}

}  // namespace
}  // namespace sparseloom::profile
