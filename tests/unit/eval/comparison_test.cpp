#include "sparseloom/eval/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/fake_stage.h"

namespace sparseloom::eval {
namespace {

using engine::testing::Stage;
using soc::SubgraphKey;
using ::testing::EndsWith;
using ::testing::StartsWith;

// Two tasks: an episode for each of their two orders, four requests per contender and round.
constexpr std::size_t kRequestsPerRound = 4;
constexpr int kStageRunsPerRound = 12;

// Two contenders, of which the second stops the comparison in its `round` (from 1; 0: never), in the middle.
Comparison compare_stopped_in(int round) {
  Stage stage;
  std::atomic<bool> stop{false};
  std::atomic<int> runs{0};
  stage.setup.stop = &stop;
  stage.world.on_run = [&](const SubgraphKey& key, std::span<const float>, std::span<float>) {
    if (key.variant == zoo::VariantId(1) && ++runs == (round - 1) * kStageRunsPerRound + 1) stop = true;
    return Status();
  };
  const auto player = stage.start();
  const std::vector<Contender> contenders{{"first", stage.world.plan_of(0)}, {"second", stage.world.plan_of(1)}};
  const auto host = engine_host(*player, 2);
  auto played = compare(*host, contenders, stage.slos, {.repeats = 3, .saturated = Seconds(0), .on_progress = {}});
  EXPECT_TRUE(played.ok()) << played.status().message();
  EXPECT_EQ(played->outcomes.size(), contenders.size());
  return std::move(played).value();
}

TEST(Comparison, GivesEveryContenderTheSameRequests) {
  const Comparison played = compare_stopped_in(0);
  EXPECT_EQ(played.rounds, 3U);
  for (const Outcome& outcome : played.outcomes) EXPECT_EQ(outcome.episodes.size(), 3 * kRequestsPerRound);
}

TEST(Comparison, StoppedInTheFirstRoundHasNothingToCompare) {
  const Comparison played = compare_stopped_in(1);
  EXPECT_EQ(played.rounds, 0U);
  for (const Outcome& outcome : played.outcomes) EXPECT_TRUE(outcome.episodes.empty());
}

TEST(Comparison, StoppedLaterKeepsTheRoundsThatAllHavePlayed) {
  const Comparison played = compare_stopped_in(3);
  EXPECT_EQ(played.rounds, 2U);
  for (const Outcome& outcome : played.outcomes) EXPECT_EQ(outcome.episodes.size(), 2 * kRequestsPerRound);
}

TEST(Comparison, SaysWhatFailedAndWhere) {
  Stage stage;
  stage.world.on_run = [](const SubgraphKey& key, std::span<const float>, std::span<float>) {
    const bool fails = key.variant == zoo::VariantId(1) && key.stage == zoo::StageId(2);
    return fails ? error(Code::kInternal, "out of numbers") : Status();
  };
  const auto player = stage.start();
  const auto host = engine_host(*player, 2);
  const ComparisonOptions once{.repeats = 1, .saturated = Seconds(0), .on_progress = {}};
  ASSERT_TRUE(compare(*host, {{"first", stage.world.plan_of(0)}}, stage.slos, once).ok());
  EXPECT_TRUE(host->failures().ok());
  ASSERT_TRUE(compare(*host, {{"second", stage.world.plan_of(1)}}, stage.slos, once).ok());
  EXPECT_EQ(host->failures().code(), Code::kInternal);
  EXPECT_THAT(host->failures().message(), StartsWith("4 requests failed: "));
  EXPECT_THAT(host->failures().message(), EndsWith("/v1 stage 2 on cpu0: out of numbers"));
}

}  // namespace
}  // namespace sparseloom::eval
