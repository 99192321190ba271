#include "sparseloom/profile/measure/accuracy.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "sparseloom/zoo/chain.h"
#include "tests/support/made_up_zoo.h"
#include "tests/unit/profile/fake_stages.h"

namespace sparseloom::profile {
namespace {

using sparseloom::testing::MadeUpZoo;

using Counts = std::map<zoo::Sigma, std::int64_t>;

class AccuracyTree : public ::testing::Test {
 protected:
  AccuracyTree() : zoo_(made_.load()), data_(zoo::Dataset::load(zoo_, zoo_.tasks[0], zoo_.tasks[0].profile).value()) {}

  // One σ by one chain.
  std::int64_t brute_force(const StageTable& stages, const zoo::Sigma& sigma) {
    std::vector<std::shared_ptr<backend::Executable>> chosen;
    for (std::size_t s = 0; s < sigma.size(); ++s) chosen.push_back(stages[sigma[s].index()][s]);
    zoo::Chain chain = zoo::Chain::bind(chosen).value();
    std::int64_t correct = 0;
    for (std::size_t n = 0; n < data_.size(); ++n) {
      chain.load(data_, n);
      EXPECT_TRUE(chain.run().ok());
      correct += zoo::top1(chain.output(0)) == data_.label(n) ? 1 : 0;
    }
    return correct;
  }

  Result<AccuracyRun> measure(
      const StageTable& stages, Counts& counts, const AccuracyOptions& options = {},
      const std::function<bool(const zoo::Sigma&)>& known = [](const auto&) { return false; }) {
    return measure_accuracies({.task = zoo::TaskId(0), .split = SplitName::kProfile, .data = data_, .stages = stages},
                              known, options, [&](std::span<const AccuracyEntry> entries) -> Status {
                                for (const AccuracyEntry& e : entries) {
                                  EXPECT_EQ(e.accuracy.samples, MadeUpZoo::kSamples);
                                  EXPECT_TRUE(counts.emplace(e.sigma, e.accuracy.correct).second)
                                      << "handed over twice";
                                }
                                return {};
                              });
  }

  MadeUpZoo made_;
  zoo::Zoo zoo_;
  zoo::Dataset data_;
  FakeCounts fakes_;
};

TEST_F(AccuracyTree, AgreesWithRunningEveryStitchedVariant) {
  for (const std::size_t stages : {1U, 2U, 3U, 4U}) {
    for (const std::size_t threads : {1U, 3U}) {
      const StageTable table = turning_stages(3, stages, fakes_);
      Counts counts;
      ASSERT_TRUE(measure(table, counts, {.threads = threads, .control = {}}).ok());
      const TaskProfile all(3, stages, 1);
      ASSERT_EQ(counts.size(), all.stitched());
      std::set<std::int64_t> different;
      for (std::size_t i = 0; i < all.stitched(); ++i) {
        EXPECT_EQ(counts[all.sigma_at(i)], brute_force(table, all.sigma_at(i))) << "S=" << stages << " σ " << i;
        different.insert(counts[all.sigma_at(i)]);
      }
      EXPECT_GT(different.size(), 1U) << "the test's stages tell no σ apart";
    }
  }
}

TEST_F(AccuracyTree, RunsEachPrefixOnce) {
  const StageTable table = turning_stages(4, 3, fakes_);
  Counts counts;
  const AccuracyRun run = measure(table, counts).value();
  EXPECT_EQ(run.stitched, 64U);
  EXPECT_EQ(run.stage_passes, 4U + 16U + 64U);
  EXPECT_EQ(fakes_.runs, (4 + 16 + 64) * MadeUpZoo::kSamples);
}

TEST_F(AccuracyTree, RunsOnlyTheMissingLastStages) {
  const StageTable table = turning_stages(4, 3, fakes_);
  const auto unchanged = [](const zoo::Sigma& sigma) {
    return std::ranges::find(sigma, zoo::VariantId(3)) == sigma.end();
  };
  Counts counts;
  const AccuracyRun run = measure(table, counts, {}, unchanged).value();
  EXPECT_EQ(run.stitched, 64U - 27U);
  EXPECT_EQ(run.stage_passes, 4U + 16U + (64U - 27U));
  EXPECT_EQ(counts.size(), 64U - 27U);
  for (const auto& [sigma, correct] : counts) {
    EXPECT_FALSE(unchanged(sigma));
    EXPECT_EQ(correct, brute_force(table, sigma));
  }
}

TEST_F(AccuracyTree, GoesOnWhereAnotherRunStopped) {
  const StageTable table = turning_stages(3, 3, fakes_);
  Counts all;
  ASSERT_TRUE(measure(table, all).ok());

  // Stopped by its own receiver after the fourth prefix.
  std::atomic<bool> stop{false};
  Counts first;
  AccuracyOptions stopping;
  stopping.control.stop = &stop;
  const auto run = measure_accuracies(
      {.task = zoo::TaskId(0), .split = SplitName::kProfile, .data = data_, .stages = table},
      [](const auto&) { return false; }, stopping,
      [&](std::span<const AccuracyEntry> entries) -> Status {
        for (const auto& e : entries) first[e.sigma] = e.accuracy.correct;
        stop = first.size() == 12;
        return {};
      });
  EXPECT_EQ(run.status().code(), Code::kCancelled);
  ASSERT_EQ(first.size(), 12U);

  fakes_.runs = 0;
  Counts rest;
  ASSERT_TRUE(measure(table, rest, {}, [&](const zoo::Sigma& sigma) { return first.contains(sigma); }).ok());
  EXPECT_EQ(rest.size(), 27U - 12U);
  EXPECT_LE(fakes_.runs, (3 + 9 + 15) * MadeUpZoo::kSamples) << "what is known was run again";
  first.merge(rest);
  EXPECT_EQ(first, all);
}

TEST_F(AccuracyTree, FailureOfTheReceiverEndsIt) {
  const StageTable table = turning_stages(3, 3, fakes_);
  const auto run = measure_accuracies(
      {.task = zoo::TaskId(0), .split = SplitName::kProfile, .data = data_, .stages = table},
      [](const auto&) { return false; }, {.threads = 2, .control = {}},
      [](std::span<const AccuracyEntry>) -> Status {
        return {Code::kResourceExhausted, "disk full"};
      });
  EXPECT_EQ(run.status().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace sparseloom::profile
