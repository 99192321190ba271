#include "sparseloom/profile/measure/ensure.h"

#include <gmock/gmock.h>

#include "sparseloom/profile/measure/measure.h"
#include "tests/unit/profile/scripted_world.h"

namespace sparseloom::profile {
namespace {

using ::testing::HasSubstr;

EnsureOptions options_in(const ScriptedWorld& world) {
  EnsureOptions options;
  options.database = world.folder.path() / "p.sqlite";
  options.compile_cache = world.folder.path() / "compiled";
  options.lock.file = world.folder.path() / "lock";
  return options;
}

std::size_t latencies_kept(ScriptedWorld& world, const EnsureOptions& options) {
  MeasureOptions nothing;
  nothing.database = options.database;
  nothing.compile_cache = options.compile_cache;
  nothing.latency = false;
  return count_latencies(measure(world.zoo, world.soc, *world.runtime, world.pieces, nothing).value().profile).measured;
}

TEST(EnsureProfile, SeesThatAccuraciesAreThereBeforeItMeasures) {
  ScriptedWorld world;
  const EnsureOptions options = options_in(world);
  const Status status = ensure_profile(world.zoo, world.soc, *world.runtime, world.pieces, options).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("no accuracy"));
  EXPECT_EQ(latencies_kept(world, options), 0U);
}

TEST(EnsureProfile, UnknownAccuraciesAreNotRequired) {
  ScriptedWorld world;
  world.zoo.tasks[0].accuracy_kind = "unknown";
  world.zoo.tasks[0].profile = world.zoo.tasks[0].test = {};
  const EnsureOptions options = options_in(world);
  const Profile profile = ensure_profile(world.zoo, world.soc, *world.runtime, world.pieces, options).value();
  EXPECT_EQ(count_latencies(profile).measured, ScriptedWorld::kSubgraphs * world.soc.processors.size());
  EXPECT_EQ(latencies_kept(world, options), ScriptedWorld::kSubgraphs * world.soc.processors.size());
}

TEST(EnsureProfile, AnotherProcessThatMeasuresIsNamed) {
  ScriptedWorld world;
  world.zoo.tasks[0].accuracy_kind = "unknown";
  EnsureOptions options = options_in(world);
  options.lock.wait = false;
  const auto held = MachineLock::acquire({.file = options.lock.file, .who = "a neighbour"}, {});
  ASSERT_TRUE(held.ok()) << held.status().message();
  const Status status = ensure_profile(world.zoo, world.soc, *world.runtime, world.pieces, options).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("a neighbour"));
}

TEST(EnsureCheckedProfile, CorrectsWhatWasMeasuredEarlier) {
  ScriptedWorld world;
  world.zoo.tasks[0].accuracy_kind = "unknown";
  const EnsureOptions options = options_in(world);
  const auto ensure = [&] {
    return ensure_checked_profile(world.zoo, world.soc, *world.runtime, world.pieces, options).value();
  };
  const CheckedProfile first = ensure();
  EXPECT_FALSE(first.check.has_value()) << "it was measured just now";
  const CheckedProfile second = ensure();
  ASSERT_TRUE(second.check.has_value());
  for (std::size_t p = 0; p < world.soc.processors.size(); ++p) {
    const auto median = [&](const CheckedProfile& of) {
      return of.profile.tasks[0]
          .latency(zoo::VariantId(1), zoo::StageId(1), soc::ProcessorId(p), backend::Provider::kScripted)
          .median;
    };
    EXPECT_EQ(median(second), median(first) * second.check->slowdowns()[p]);
  }
}

}  // namespace
}  // namespace sparseloom::profile
