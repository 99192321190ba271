#include "sparseloom/profile/measure/check.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/unit/profile/scripted_world.h"

namespace sparseloom::profile {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Every subgraph takes a millisecond everywhere.
Profile all_known(const ScriptedWorld& world) {
  Profile profile = empty_profile(world.zoo, world.soc);
  for (std::size_t n = 0; n < ScriptedWorld::kSubgraphs; ++n) {
    for (std::size_t p = 0; p < world.soc.processors.size(); ++p) {
      profile.tasks[0].set_latency(
          zoo::VariantId(n / 3), zoo::StageId(n % 3), soc::ProcessorId(p), backend::Provider::kScripted,
          {.median = from_ms(1), .q1 = from_ms(1), .q3 = from_ms(1), .count = 9, .resident = {}});
    }
  }
  return profile;
}

Result<ProfileCheck> check(ScriptedWorld& world, const Profile& profile, std::size_t subgraphs) {
  return check_profile(world.zoo, world.soc, *world.runtime, world.pieces, profile,
                       {.subgraphs = subgraphs, .compile_cache = {}, .lock = {.file = world.folder.path() / "lock"}});
}

std::set<std::pair<zoo::VariantId, zoo::StageId>> subgraphs_of(const ProfileCheck& check) {
  std::set<std::pair<zoo::VariantId, zoo::StageId>> all;
  for (const CheckedLatency& l : check.latencies) all.emplace(l.subgraph.variant, l.subgraph.stage);
  return all;
}

TEST(CheckProfile, RunsTheSameFewSubgraphsOnEveryProcessorSpreadOverVariantsAndStages) {
  ScriptedWorld world;
  const Profile profile = all_known(world);
  const ProfileCheck first = check(world, profile, 3).value();
  const auto chosen = subgraphs_of(first);
  EXPECT_THAT(chosen, SizeIs(3));
  EXPECT_THAT(first.latencies, SizeIs(3 * world.soc.processors.size()));
  std::set<zoo::VariantId> variants;
  std::set<zoo::StageId> stages;
  for (const auto& [variant, stage] : chosen) variants.insert(variant), stages.insert(stage);
  EXPECT_THAT(variants, SizeIs(3));
  EXPECT_THAT(stages, SizeIs(3));
  EXPECT_EQ(subgraphs_of(check(world, profile, 3).value()), chosen);
  EXPECT_EQ(subgraphs_of(check(world, profile, 100).value()).size(), ScriptedWorld::kSubgraphs) << "there are no more";
}

TEST(CheckProfile, ComparesWithTheStoredMedians) {
  ScriptedWorld world;  // its stages take next to nothing
  const ProfileCheck found = check(world, all_known(world), 9).value();
  for (const CheckedLatency& l : found.latencies) {
    EXPECT_EQ(l.stored, from_ms(1));
    EXPECT_EQ(l.ratio(), l.now.median / from_ms(1));
  }
  EXPECT_FALSE(found.fits()) << "it is much faster";
  EXPECT_THAT(found.slowdowns(), SizeIs(world.soc.processors.size()));
}

TEST(CheckProfile, WhatTakesTooLongIsLeftOut) {
  ScriptedWorld world;
  Profile profile = all_known(world);
  for (std::size_t p = 0; p < world.soc.processors.size(); ++p) {
    Latency minute{.median = Seconds(60), .q1 = Seconds(60), .q3 = Seconds(60), .count = 9, .resident = {}};
    for (std::size_t s = 0; s < 3; ++s) {
      profile.tasks[0].set_latency(zoo::VariantId(1), zoo::StageId(s), soc::ProcessorId(p),
                                   backend::Provider::kScripted, minute);
    }
  }
  const ProfileCheck found = check(world, profile, 9).value();
  for (const auto& [variant, stage] : subgraphs_of(found)) EXPECT_NE(variant, zoo::VariantId(1));
}

TEST(CheckProfile, AnEmptyProfileCannotBeChecked) {
  ScriptedWorld world;
  const Status status = check(world, empty_profile(world.zoo, world.soc), 3).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("no latency"));
}

TEST(ProfileCheck, FitsWithinFifteenPercentBothWays) {
  ProfileCheck check;
  check.processors = {{.median = 1.1, .q1 = 1.0, .q3 = 1.3}, {.median = 0.9, .q1 = 0.8, .q3 = 1.0}};
  EXPECT_TRUE(check.fits());
  check.processors[1].median = 0.8;
  EXPECT_FALSE(check.fits());
  check.processors[1].median = 1.2;
  EXPECT_FALSE(check.fits());
}

TEST(Corrected, MakesEveryProcessorsLatenciesAsLongAsTheyAreNow) {
  const ScriptedWorld world;
  ProfileCheck check;
  for (std::size_t p = 0; p < world.soc.processors.size(); ++p) {
    const double ratio = 2 + static_cast<double>(p);
    check.processors.push_back({.median = ratio, .q1 = ratio, .q3 = ratio});
  }
  const Profile now = corrected(all_known(world), check);
  for (std::size_t p = 0; p < world.soc.processors.size(); ++p) {
    const Latency& latency =
        now.tasks[0].latency(zoo::VariantId(1), zoo::StageId(2), soc::ProcessorId(p), backend::Provider::kScripted);
    EXPECT_EQ(latency.median, from_ms(1) * (2 + static_cast<double>(p)));
    EXPECT_EQ(latency.q3, latency.median);
  }
}

}  // namespace
}  // namespace sparseloom::profile
