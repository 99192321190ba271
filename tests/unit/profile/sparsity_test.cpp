#include "sparseloom/profile/measure/sparsity.h"

#include <gmock/gmock.h>

#include "scripted_world.h"

namespace sparseloom::profile {
namespace {

using sparseloom::testing::MadeUpZoo;
using ::testing::IsEmpty;

// A zoo of scripted models, which pass their input on: in each sample three of the four numbers are zeros.
struct BoundaryWorld : ScriptedWorld {
  std::vector<SparsityEntry> measure(const Profile& known, const SparsityOptions& options = {}) {
    std::vector<SparsityEntry> all;
    status = measure_sparsities(zoo, soc, *runtime, pieces, known, options,
                                [&](std::span<const SparsityEntry> entries) -> Status {
                                  all.insert(all.end(), entries.begin(), entries.end());
                                  return {};
                                });
    return all;
  }

  Status status;
};

TEST(MeasureSparsities, SeesWhatEveryStageButTheLastHandsOn) {
  BoundaryWorld world;
  Profile profile = empty_profile(world.zoo, world.soc);
  const std::vector<SparsityEntry> entries = world.measure(profile);
  ASSERT_TRUE(world.status.ok()) << world.status.message();
  EXPECT_EQ(entries.size(), 3U * 2U) << "three variants, two stages that hand something on";
  for (const SparsityEntry& e : entries) {
    EXPECT_EQ(e.sparsity.mean, 0.75);
    EXPECT_EQ(e.sparsity.samples, MadeUpZoo::kSamples);
    profile.tasks[0].set_sparsity(e.variant, e.stage, e.sparsity);
  }
  EXPECT_THAT(world.measure(profile), IsEmpty()) << "nothing is missing any more";
}

TEST(MeasureSparsities, MeasuresVariantsThatLackSome) {
  BoundaryWorld world;
  Profile profile = empty_profile(world.zoo, world.soc);
  for (const SparsityEntry& e : world.measure(profile)) {
    const bool forgotten = e.variant == zoo::VariantId(1) && e.stage == zoo::StageId(0);
    if (!forgotten) profile.tasks[0].set_sparsity(e.variant, e.stage, e.sparsity);
  }
  const std::vector<SparsityEntry> entries = world.measure(profile);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].variant, zoo::VariantId(1));
}

TEST(MeasureSparsities, TakesAFewSamplesAndStopsWhenTold) {
  BoundaryWorld world;
  const Profile nothing = empty_profile(world.zoo, world.soc);
  SparsityOptions options;
  options.samples = 3;
  EXPECT_EQ(world.measure(nothing, options).front().sparsity.samples, 3);
  const std::atomic<bool> stop{true};
  options.control.stop = &stop;
  EXPECT_THAT(world.measure(nothing, options), IsEmpty());
  EXPECT_EQ(world.status.code(), Code::kCancelled);
}

}  // namespace
}  // namespace sparseloom::profile
