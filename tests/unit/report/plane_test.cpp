#include "sparseloom/report/plane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/plan/small_world.h"

namespace sparseloom::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Dense takes 10 ms and is right in 9 of 10 answers, small takes 2 ms and is right in 6; stitched ones lie between.
plan::testing::World two_variants() {
  plan::testing::World world = plan::testing::world_of(1);
  plan::testing::add_task(world, "image", 2, {{"dense", 5, 0.9}, {"small", 1, 0.6}}, {});
  return world;
}

TEST(PlanesOf, TellsOriginalVariantsFromStitchedOnes) {
  const auto world = two_variants();
  const auto planes = planes_of(world.zoo, world.soc, world.profile);
  ASSERT_TRUE(planes.ok()) << planes.status().message();
  ASSERT_EQ(planes->size(), 1U);
  const Plane& plane = planes->front();
  ASSERT_EQ(plane.originals.size(), 2U);
  EXPECT_EQ(plane.originals[0].name, "dense");
  EXPECT_NEAR(plane.originals[0].latency_ms, 10, 1e-9);
  EXPECT_NEAR(plane.originals[1].accuracy, 0.6, 1e-9);
  ASSERT_EQ(plane.stitched.size(), 2U);
  EXPECT_NEAR(plane.stitched[0].latency_ms, 6, 1e-9);
  EXPECT_NEAR(plane.stitched[0].accuracy, 0.75, 1e-9);
  EXPECT_NEAR(to_ms(plane.range.latency_max), 10, 1e-9);
}

// The slow variant keeps every accuracy at the loosest latency, the fast one every latency at the loosest accuracy.
TEST(BoundsKept, OfTwoVariantsAreTwoSidesOfTheGrid) {
  Plane plane{.task = "image",
              .originals = {{"dense", 10, 0.9}, {"small", 1, 0.6}},
              .stitched = {},
              .range = {0.6, 0.9, from_ms(1), from_ms(10)}};
  EXPECT_EQ(bounds_kept(plane).by_originals, 17);
  EXPECT_EQ(bounds_kept(plane).by_any, 17);
  plane.stitched = {{"", 1, 0.9}};
  EXPECT_EQ(bounds_kept(plane).by_originals, 17);
  EXPECT_EQ(bounds_kept(plane).by_any, 81);
}

TEST(PlanesSvg, StandsAloneAndSaysWhatItShows) {
  const auto world = two_variants();
  std::vector<Plane> planes = planes_of(world.zoo, world.soc, world.profile).value();
  planes[0].task = "R&D <image>";
  const std::string svg = planes_svg(planes, "Zoo demo on a machine");
  EXPECT_THAT(svg, StartsWith("<svg xmlns="));
  EXPECT_THAT(svg, HasSubstr("Zoo demo on a machine"));
  EXPECT_THAT(svg, HasSubstr("R&amp;D &lt;image>"));
  EXPECT_THAT(svg, HasSubstr("latency alone, ms"));
  EXPECT_THAT(svg, HasSubstr("<title>dense: 10 ms, 90.0 %</title>"));
}

TEST(PlanesSvg, OfNothingToStitchHasNoBrokenNumbers) {
  plan::testing::World world = plan::testing::world_of(1);
  plan::testing::add_task(world, "only", 1, {{"dense", 5, 0.9}}, {});  // no range of bounds either
  const std::string svg = planes_svg(planes_of(world.zoo, world.soc, world.profile).value(), "one variant");
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

}  // namespace
}  // namespace sparseloom::report
