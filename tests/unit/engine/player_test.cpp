#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "fake_stage.h"
#include "sparseloom/engine/engine_player.h"
#include "sparseloom/sched/standard_workloads.h"

namespace sparseloom::engine {
namespace {

using sched::Arrivals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Stage;

Arrivals entry(std::size_t task, Arrivals::Kind kind, std::size_t requests, double rate_per_s = 0,
               std::size_t outstanding = 1) {
  Arrivals a;
  a.task = zoo::TaskId(task);
  a.kind = kind;
  a.requests = requests;
  a.rate_per_s = rate_per_s;
  a.outstanding = outstanding;
  return a;
}

std::map<std::size_t, std::size_t> count_by_task(const std::vector<Record>& records) {
  std::map<std::size_t, std::size_t> counts;
  for (const Record& r : records) ++counts[r.task.index()];
  return counts;
}

TEST(Player, PlaysOpenAndClosedLoopsTogether) {
  Stage stage;
  const auto player = stage.start();
  sched::Workload workload;
  workload.arrivals = {entry(0, Arrivals::Kind::kPoisson, 30, 5000), entry(1, Arrivals::Kind::kPeriodic, 20, 5000),
                       entry(1, Arrivals::Kind::kClosedLoop, 40, 0, 3), entry(0, Arrivals::Kind::kClosedLoop, 2, 0, 8)};
  const std::vector<Record> records = player->play(workload, stage.slos);
  EXPECT_EQ(count_by_task(records), (std::map<std::size_t, std::size_t>{{0, 32}, {1, 60}}));
  for (const Record& r : records) {
    EXPECT_TRUE(r.served());
    EXPECT_GE(r.finished, r.arrival);
    EXPECT_EQ(r.deadline, r.arrival + from_ms(50));
  }
}

TEST(Player, OpenLoopRequestsArriveWhenTheyAreDue) {
  Stage stage;
  const auto player = stage.start();
  sched::Workload workload;
  workload.arrivals = {entry(0, Arrivals::Kind::kPeriodic, 5, 1000)};
  std::vector<Record> records = player->play(workload, stage.slos);
  ASSERT_EQ(records.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR((records[i].arrival - records[0].arrival).count(), 1e-3 * static_cast<double>(i), 1e-9);
    EXPECT_EQ(records[i].sample, i);
  }
}

TEST(Player, ADurationEndsAnEndlessClosedLoop) {
  Stage stage;
  const auto player = stage.start();
  const Seconds start = player->engine().now();
  const std::vector<Record> records = player->play(sched::saturation(2, from_ms(20)), stage.slos);
  const Seconds over = player->engine().now();
  EXPECT_GE(over - start, from_ms(20));
  EXPECT_EQ(count_by_task(records).size(), 2U) << "both tasks were served";
  for (const Record& r : records) EXPECT_LE(r.finished, over);
}

TEST(Player, AnEpisodeSpacesArrivalsByThePredecessorsBoundOverTheProcessors) {
  Stage stage(3);
  stage.slos = {{0.5, from_ms(2)}, {0.5, from_ms(6)}, {0.5, from_ms(4)}};
  const auto player = stage.start();
  const auto episode = sched::episode({zoo::TaskId(1), zoo::TaskId(0), zoo::TaskId(2)}, stage.slos, 2);
  std::vector<Record> records = player->play(episode, stage.slos);
  ASSERT_EQ(records.size(), 3U);
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return a.arrival < b.arrival; });
  EXPECT_NEAR((records[1].arrival - records[0].arrival).count(), 3e-3, 1e-9);  // 6 ms over two processors
  EXPECT_NEAR((records[2].arrival - records[1].arrival).count(), 1e-3, 1e-9);
}

TEST(Player, SeekingSendsTheSameSamplesAgain) {
  Stage stage(1, 3);
  const auto player = stage.start();
  const auto samples = [&] {
    std::vector<std::size_t> sent;
    for (const Record& r :
         player->play(sched::episode(std::vector<zoo::TaskId>(4, zoo::TaskId(0)), stage.slos, 2), stage.slos)) {
      sent.push_back(r.sample);
    }
    std::sort(sent.begin(), sent.end());
    return sent;
  };
  EXPECT_EQ(samples(), (std::vector<std::size_t>{0, 0, 1, 2}));
  EXPECT_EQ(samples(), (std::vector<std::size_t>{0, 1, 1, 2}));
  player->seek(0);
  EXPECT_EQ(samples(), (std::vector<std::size_t>{0, 0, 1, 2}));
}

TEST(Player, StoppingEndsEndlessPlaysAndReturnsWhatIsThere) {
  Stage stage;
  std::atomic<bool> stop{false};
  std::atomic<int> runs{0};
  stage.setup.stop = &stop;
  stage.world.on_run = [&](const SubgraphKey&, std::span<const float>, std::span<float>) {
    if (++runs == 300) stop = true;
    return Status();
  };
  const auto player = stage.start();
  sched::Workload workload;
  workload.arrivals = {entry(0, Arrivals::Kind::kClosedLoop, 10'000'000), entry(1, Arrivals::Kind::kPeriodic, 1000, 1)};
  const std::vector<Record> records = player->play(workload, stage.slos);
  EXPECT_GE(records.size(), 90U);
  EXPECT_LT(records.size(), 200U);
}

TEST(Player, AFailedRequestIsRecordedAsNotServed) {
  Stage stage(1);
  stage.world.on_run = [](const SubgraphKey&, std::span<const float> in, std::span<float>) {
    return in[0] == 1 ? error(Code::kInternal, "lost") : Status();
  };
  const auto player = stage.start();
  sched::Workload workload;
  workload.arrivals = {entry(0, Arrivals::Kind::kClosedLoop, 10)};
  const std::vector<Record> records = player->play(workload, stage.slos);
  ASSERT_EQ(records.size(), 10U);
  for (const Record& r : records) EXPECT_EQ(r.served(), r.sample != 1);
}

TEST(Player, SaysHowManyRequestsFailedAndWhyTheFirstDid) {
  Stage stage(1);
  std::atomic<int> failures{0};
  stage.world.on_run = [&](const SubgraphKey&, std::span<const float> in, std::span<float>) {
    return in[0] == 1 ? error(Code::kInternal, "loss {}", ++failures) : Status();
  };
  const auto player = stage.start();
  const auto play = [&](std::size_t requests) {
    sched::Workload workload;
    workload.arrivals = {entry(0, Arrivals::Kind::kClosedLoop, requests)};
    player->play(workload, stage.slos);
  };
  play(1);
  EXPECT_TRUE(player->failures().ok());
  play(1);
  EXPECT_EQ(player->failures().code(), Code::kInternal);
  EXPECT_THAT(player->failures().message(), HasSubstr("1 request failed: "));
  play(10);
  EXPECT_THAT(player->failures().message(),
              AllOf(HasSubstr("3 requests failed: "), HasSubstr("a/v0 stage 0 on cpu0: loss 1")));
}

TEST(Player, RefusesATaskWithoutSamples) {
  Stage stage;
  stage.setup.samples[1] = {};
  const auto player = EnginePlayer::start(stage.setup, stage.world.plan_of(0));
  EXPECT_EQ(player.status().message(), "task 'b': no samples to send");
}

}  // namespace
}  // namespace sparseloom::engine
