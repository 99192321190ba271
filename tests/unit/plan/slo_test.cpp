#include "sparseloom/plan/slo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_world.h"

namespace sparseloom::plan {
namespace {

using testing::add_task;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::world_of;

TEST(GridRanges, SpanTheOriginalVariantsAtTheirBestPlacement) {
  testing::World world = world_of(2);
  add_task(world, "image", 2, {{"dense", 2, 0.9}, {"small", 1, 0.8}}, {});
  testing::set_ms(world, 0, 0, 1, 1, 1.5);  // dense's second stage is faster on cpu1
  const auto ranges = grid_ranges(world.zoo, world.soc, world.profile);
  ASSERT_TRUE(ranges.ok()) << ranges.status().message();
  EXPECT_DOUBLE_EQ((*ranges)[0].accuracy_min, 0.8);
  EXPECT_DOUBLE_EQ((*ranges)[0].accuracy_max, 0.9);
  EXPECT_DOUBLE_EQ(to_ms((*ranges)[0].latency_min), 2.0);
  EXPECT_DOUBLE_EQ(to_ms((*ranges)[0].latency_max), 3.5);
}

TEST(GridRanges, LeaveTimeToWaitWhereVariantsAreEquallyFast) {
  testing::World world = world_of(1);
  add_task(world, "lone", 2, {{"dense", 2, 0.9}}, {});
  add_task(world, "alike", 2, {{"dense", 2, 0.9}, {"small", 1.99, 0.8}}, {});
  const auto ranges = grid_ranges(world.zoo, world.soc, world.profile);
  ASSERT_TRUE(ranges.ok()) << ranges.status().message();
  EXPECT_DOUBLE_EQ(to_ms((*ranges)[0].latency_min), 4.0);
  EXPECT_DOUBLE_EQ(to_ms((*ranges)[0].latency_max), 8.0);
  EXPECT_DOUBLE_EQ((*ranges)[0].accuracy_max, 0.9);
  EXPECT_DOUBLE_EQ(to_ms((*ranges)[1].latency_max), 2 * 3.98);
}

TEST(ProposedSlos, LeaveTwoPointsAndTwiceTheTime) {
  testing::World world = world_of(1);
  add_task(world, "image", 2, {{"dense", 2, 0.9}, {"small", 1, 0.885}, {"tiny", 0.5, 0.8}}, {});
  world.zoo.tasks[0].accuracy_kind = "labels";
  const auto alone = proposed_slos(world.zoo, world.soc, world.profile);
  ASSERT_TRUE(alone.ok()) << alone.status().message();
  EXPECT_EQ(alone->name, "auto");
  EXPECT_DOUBLE_EQ(alone->slos[0].accuracy, 0.88);
  EXPECT_DOUBLE_EQ(to_ms(alone->slos[0].latency), 4.0) << "small keeps the bound in 2 ms";

  add_task(world, "lone", 1, {{"dense", 3, 0.9}}, {});
  world.zoo.tasks[1].accuracy_kind = "unknown";
  const auto two = proposed_slos(world.zoo, world.soc, world.profile).value();
  EXPECT_DOUBLE_EQ(to_ms(two.slos[0].latency), 8.0) << "two tasks share the processor";
  EXPECT_DOUBLE_EQ(two.slos[1].accuracy, 0) << "nothing is known of it";
}

TEST(GridConfig, LargerIndexIsStricterAndStopsANinthBeforeTheEnd) {
  const std::vector<GridRange> ranges{{0.8, 0.9, from_ms(2), from_ms(3.8)}};
  EXPECT_DOUBLE_EQ(grid_config(ranges, {0, 0}).slos[0].accuracy, 0.8);
  EXPECT_DOUBLE_EQ(to_ms(grid_config(ranges, {0, 0}).slos[0].latency), 3.8);
  EXPECT_NEAR(grid_config(ranges, {8, 8}).slos[0].accuracy, 0.8 + 0.1 * 8 / 9, 1e-12);
  EXPECT_NEAR(to_ms(grid_config(ranges, {8, 8}).slos[0].latency), 2.2, 1e-12);
}

TEST(GridName, ReadsBackWhatConfigsAreCalled) {
  const std::vector<GridRange> ranges{{0.8, 0.9, from_ms(2), from_ms(3.8)}};
  for (int j = 0; j <= 8; ++j) {
    for (int k = 0; k <= 8; ++k) {
      const auto parsed = parse_grid_name(grid_config(ranges, {j, k}).name);
      ASSERT_TRUE(parsed.ok());
      EXPECT_EQ(*parsed, (GridCell{j, k}));
    }
  }
  EXPECT_EQ(grid_config(ranges, {5, 5}).name, "C5");
  EXPECT_EQ(*parse_grid_name("a5l5"), (GridCell{5, 5}));
}

TEST(GridNames, StandForTheGridAndItsParts) {
  EXPECT_EQ(grid_names("grid")->size(), 81U);
  EXPECT_EQ(grid_cells("coarse")->size(), 25U);
  EXPECT_THAT(*grid_names("diagonal"), ElementsAre("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8"));
  EXPECT_THAT(*grid_names("a5l5"), ElementsAre("a5l5"));
  EXPECT_THAT(*grid_cells("a3l7"), ElementsAre(GridCell{3, 7}));
  const std::vector<GridRange> ranges{{0.8, 0.9, from_ms(2), from_ms(3.8)}};
  EXPECT_EQ(named_config(ranges, "a5l5")->name, "a5l5") << "as it was asked for";
  EXPECT_THAT(grid_names("a9l0").status().message(), HasSubstr("'a9l0': allowed are grid, coarse, diagonal, C1 to C8"));
}

TEST(GridName, RefusesWhatIsNotOnTheGrid) {
  for (const char* bad : {"", "C", "C0", "C9", "c5", "C55", "a9l0", "a0l9", "a1", "a1k2", "a-1l2", "a1l2 "}) {
    const auto parsed = parse_grid_name(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(parsed.status().message(), HasSubstr(fmt::format("'{}'", bad)));
    EXPECT_THAT(parsed.status().message(), HasSubstr("C1 to C8"));
  }
}

}  // namespace
}  // namespace sparseloom::plan
