// Profiling cost by the number of variants: projected, and with trials of the estimator in its place.
#include "sparseloom/eval/profiling.h"

#include <gmock/gmock.h>

#include "sparseloom/base/file.h"
#include "sparseloom/eval/journal.h"
#include "sparseloom/soc/discover.h"
#include "tests/support/made_up_zoo.h"

namespace sparseloom::eval {
namespace {

using ::testing::DoubleEq;
using ::testing::HasSubstr;

constexpr std::size_t kSamples = 1000;

profile::Latency a_millisecond() {
  profile::Latency latency;
  latency.median = from_ms(1);
  latency.count = 9;
  return latency;
}

// One processor, on which every subgraph takes a millisecond.
struct Tasks {
  Tasks() {
    soc.name = "made up";
    soc.processors = {{.providers = {backend::Provider::kOpenVino}}};
  }
  void add(const std::string& name, std::size_t variants) {
    zoo::Task& task = zoo.tasks.emplace_back();
    task.name = name;
    task.profile.samples = kSamples;
    task.cuts.resize(2);
    task.variants.resize(variants);
    profile::TaskProfile& measured = profile.tasks.emplace_back(variants, task.stages(), 1);
    for (std::size_t v = 0; v < variants; ++v) {
      for (std::size_t s = 0; s < task.stages(); ++s) {
        measured.set_latency(zoo::VariantId(v), zoo::StageId(s), soc::ProcessorId(0), backend::Provider::kOpenVino,
                             a_millisecond());
      }
    }
  }
  std::vector<ProfilingRow> rows(const std::vector<EstimatorTrial>& trials = {}) const {
    return profiling_rows(zoo, soc, profile, trials);
  }
  zoo::Zoo zoo;
  soc::Soc soc;
  profile::Profile profile;
};

EstimatorTrial trial(const std::string& task, std::size_t variants) {
  EstimatorTrial one{task, variants, {}};
  one.report.spent = {50, 99, Seconds(90)};
  one.report.exhaustive = {1000, 1110, Seconds(1110)};
  one.report.promised = 0.9;
  one.report.truth_known = true;
  one.report.quality = {950, 0.8, 0.95, 0.7};
  return one;
}

TEST(ProfilingRows, OfTwoVariantsHaveNothingToEstimate) {
  Tasks tasks;
  tasks.add("a", 10);
  const ProfilingRow row = tasks.rows().front();
  EXPECT_EQ(row.variants, 2U);
  EXPECT_EQ(row.exhaustive.stitched, 8U);
  EXPECT_EQ(row.estimated.stitched, 8U);
  EXPECT_FALSE(row.estimable());
}

TEST(ProfilingRows, ProjectWhatGrowsWithTheVariants) {
  Tasks tasks;
  tasks.add("a", 10);
  const std::vector<ProfilingRow> rows = tasks.rows();
  ASSERT_EQ(rows.size(), 9U);
  const ProfilingRow& all = rows.back();
  EXPECT_EQ(all.variants, 10U);
  EXPECT_EQ(all.latencies, 10U * 3);
  EXPECT_EQ(all.exhaustive.stage_passes, 1110);
  EXPECT_THAT(all.exhaustive.projected.count(), DoubleEq(1110)) << "1,000 samples of a millisecond each";
  EXPECT_EQ(all.estimated.stitched, 50U);
  EXPECT_FALSE(all.trial);
  EXPECT_LT(all.estimated.stage_passes, 150);
}

TEST(ProfilingRows, TakeATrialForWhatWasProjected) {
  Tasks tasks;
  tasks.add("a", 10);
  const std::vector<ProfilingRow> rows = tasks.rows({trial("a", 10)});
  EXPECT_EQ(rows.back().estimated.stage_passes, 99);
  EXPECT_GT(rows.back().most.stage_passes, 99) << "still told";
  EXPECT_EQ(rows.back().trial->quality.mae_points, 0.8);
  EXPECT_FALSE(rows[7].trial) << "of nine variants there was none";
}

TEST(ProfilingRows, OverTasksCountThoseWithFewerVariantsWithAll) {
  Tasks tasks;
  tasks.add("a", 10);
  tasks.add("b", 2);
  const std::vector<ProfilingRow> totals = over_tasks(tasks.rows({trial("a", 10)}));
  ASSERT_EQ(totals.size(), 9U);
  EXPECT_EQ(totals.back().exhaustive.stitched, 1000U + 8);
  EXPECT_EQ(totals.back().estimated.stitched, 50U + 8);
  EXPECT_EQ(totals.back().trial->quality.compared, 950U) << "of b nothing can be estimated, so nothing is missing";
}

TEST(ProfilingRows, OverTasksHaveATrialOnlyIfNoneIsMissing) {
  Tasks tasks;
  tasks.add("a", 10);
  tasks.add("b", 10);
  EXPECT_FALSE(over_tasks(tasks.rows({trial("a", 10)})).back().trial);
  EXPECT_TRUE(over_tasks(tasks.rows({trial("a", 10), trial("b", 10)})).back().trial);
}

TEST(ProfilingRows, AsCsvLeaveEmptyWhatIsNotKnown) {
  Tasks tasks;
  tasks.add("a", 3);
  const std::string csv = to_csv(tasks.rows({trial("a", 3)}));
  EXPECT_THAT(csv, HasSubstr("\n\"made up\",false,\"a\",2,6,8,14,14,8,14,14,14,14,false,,,,,,,\n"));
  EXPECT_THAT(csv, HasSubstr(",99,90,true,0,0.8,0.95,0.7,0.9,,0\n"));
}

// Scripted models pass their input on, so every stitched variant is as right as any other: six answers of eight.
TEST(TryEstimator, RunsTheFirstVariantsOfATask) {
  const testing::MadeUpZoo made;
  const zoo::Zoo zoo = made.load();
  const auto runtime = backend::make_runtime("scripted").value();
  const soc::Soc soc = soc::discover(*runtime).value();
  const testing::TemporaryFolder folder;
  zoo::PieceStore pieces(zoo, *runtime, folder.path() / "pieces");
  profile::Profile profile = profile::empty_profile(zoo, soc);
  for (std::size_t i = 0; i < profile.tasks[0].stitched(); ++i) {
    profile.tasks[0].set_accuracy(profile.tasks[0].sigma_at(i), {6, 8});
  }
  for (std::size_t v = 0; v < 3; ++v) {
    for (std::size_t s = 0; s < 3; ++s) {
      profile.tasks[0].set_latency(zoo::VariantId(v), zoo::StageId(s), soc::ProcessorId(0),
                                   backend::Provider::kScripted, a_millisecond());
    }
  }
  profile::MeasureOptions measuring;
  measuring.compile_cache = folder.path() / "compiled";
  const TrialInput input{zoo, soc, profile, *runtime, pieces, measuring};

  const auto trial = try_estimator(input, zoo::TaskId(0), 3);
  ASSERT_TRUE(trial.ok()) << trial.status().message();
  const profile::EstimatorReport& report = trial->value().report;
  EXPECT_EQ(report.spent.stitched, 15U);
  EXPECT_EQ(report.exhaustive.stitched, 27U);
  EXPECT_TRUE(report.truth_known);
  EXPECT_EQ(report.quality.compared, 12U);

  EXPECT_FALSE(try_estimator(input, zoo::TaskId(0), 2).value()) << "eight stitched variants: all are run";
}

TEST(Journal, KeepsTrialsOfTheEstimator) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "eval.json";
  auto journal = Journal::open(file, Json{{"zoo", "abc"}});
  ASSERT_TRUE(journal->add(trial("a", 10)).ok());
  const auto again = Journal::open(file, Json{{"zoo", "abc"}});
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_TRUE(again->has_trial("a", 10));
  EXPECT_FALSE(again->has_trial("a", 9));
  EXPECT_EQ(to_json(again->trials().front()), to_json(trial("a", 10)));
}

TEST(Journal, NamesATrialThatIsNone) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "eval.json";
  Json document{{"format_version", 1}, {"complete", false}, {"inputs", Json::object()}, {"rows", Json::array()}};
  document["estimator"] = Json::array({{{"task", "a"}}});
  ASSERT_TRUE(write_file(file, document.dump()).ok());
  EXPECT_THAT(Journal::open(file, Json::object()).status().message(), HasSubstr("estimator[0]: not the report of"));
}

}  // namespace
}  // namespace sparseloom::eval
