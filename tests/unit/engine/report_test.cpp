#include "sparseloom/engine/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_world.h"

namespace sparseloom::engine {
namespace {

Record record(std::size_t task, double latency_ms, std::size_t episode = 0, std::int32_t predicted = 0) {
  Record r;
  r.task = zoo::TaskId(task);
  r.deadline = from_ms(10);
  r.finished = from_ms(latency_ms);
  r.episode = episode;
  r.predicted = predicted;
  return r;
}

TEST(Rate, OfIndependentRequestsIsWilsons) {
  // Newcombe (1998), method 3: 81 of 263.
  std::vector<Record> records(263, record(0, 1));
  std::vector<bool> hits(263, false);
  std::fill(hits.begin(), hits.begin() + 81, true);
  const Rate rate = rate_with_interval(records, hits);
  EXPECT_NEAR(rate.value, 0.3080, 5e-5);
  EXPECT_NEAR(rate.low, 0.2553, 5e-5);
  EXPECT_NEAR(rate.high, 0.3662, 5e-5);
}

TEST(Rate, OfEpisodesThatStandOrFallTogetherCountsEpisodes) {
  std::vector<Record> records;
  std::vector<bool> hits;
  for (std::size_t episode = 0; episode < 20; ++episode) {
    for (int k = 0; k < 4; ++k) {
      records.push_back(record(0, 1, episode));
      hits.push_back(episode < 10);
    }
  }
  const Rate together = rate_with_interval(records, hits);
  EXPECT_NEAR(together.low, 0.29, 0.02);  // about 10 of 20, not 40 of 80 (0.39)
  EXPECT_NEAR(together.high, 0.71, 0.02);
  EXPECT_EQ(rate_with_interval(records, std::vector<bool>(80, false)).low, 0.0);
  EXPECT_NEAR(rate_with_interval(records, std::vector<bool>(80, false)).high, 0.161, 0.001);  // 0 of 20
  EXPECT_EQ(rate_with_interval({}, {}).high, 1.0);
}

struct Case {
  Case() {
    for (std::size_t t = 0; t < 2; ++t) profile.tasks.emplace_back(4, 3, 2);
    plan = *world.plan_of(1);
    plan.tasks[0].accuracy = 0.9;
    plan.tasks[1].accuracy = 0.6;
    plan.tasks[1].sigma.front() = zoo::VariantId(2);  // stitched, and not measured on the test split
    profile.tasks[0].set_accuracy_test(plan.tasks[0].sigma, {80, 100});
    samples.resize(2);
    for (TaskSamples& s : samples) s.labels = {0};
  }
  SystemReport report() const {
    return make_report({.name = "sparseloom",
                        .zoo = world.zoo,
                        .soc = world.soc,
                        .profile = profile,
                        .plan = plan,
                        .slos = slos,
                        .samples = samples,
                        .records = records,
                        .throughput_qps = 123});
  }
  testing::FakeWorld world;
  profile::Profile profile;
  plan::Plan plan;
  std::vector<plan::Slo> slos{{0.8, from_ms(10)}, {0.8, from_ms(10)}};
  std::vector<TaskSamples> samples;
  std::vector<Record> records;
};

TEST(Report, CountsCausesApart) {
  Case c;
  c.records = {record(0, 5), record(0, 20), record(1, 5), record(1, 20)};
  c.records[2].accurate = c.records[3].accurate = false;
  const SystemReport r = c.report();
  EXPECT_DOUBLE_EQ(r.violation_rate.value, 0.75);
  EXPECT_DOUBLE_EQ(r.violations.latency, 0.25);
  EXPECT_DOUBLE_EQ(r.violations.accuracy, 0.25);
  EXPECT_DOUBLE_EQ(r.violations.both, 0.25);
  EXPECT_EQ(r.tasks[0].violations, 1U);
  EXPECT_EQ(r.tasks[1].violations, 2U);
}

TEST(Report, ARequestNotServedViolatesAndHasNoLatency) {
  Case c;
  c.records = {record(0, 5), record(0, 5)};
  c.records[1].status = Code::kInternal;
  const SystemReport r = c.report();
  EXPECT_DOUBLE_EQ(r.violations.latency, 0.5);
  EXPECT_EQ(r.tasks[0].requests, 2U);
  EXPECT_EQ(r.tasks[0].accuracy_served, 1.0);
}

TEST(Report, GivesNearestRankPercentilesAndAccuraciesServed) {
  Case c;
  for (int ms = 1; ms <= 100; ++ms) c.records.push_back(record(0, ms * 0.1, 0, ms <= 75 ? 0 : 3));
  const TaskReport t = c.report().tasks[0];
  EXPECT_NEAR(to_ms(*t.p50), 5.0, 1e-9);
  EXPECT_NEAR(to_ms(*t.p95), 9.5, 1e-9);
  EXPECT_NEAR(to_ms(*t.p99), 9.9, 1e-9);
  EXPECT_DOUBLE_EQ(*t.accuracy_served, 0.75);
  EXPECT_DOUBLE_EQ(*t.accuracy_test, 0.8);
}

TEST(Report, WritesTheKeysThatOtherProgramsRead) {
  Case c;
  c.records = {record(0, 5)};
  const Json json = report_json("C5", "a machine", {c.report()}, true);
  EXPECT_EQ(json["slo_config"], "C5");
  EXPECT_EQ(json["machine"], "a machine");
  EXPECT_EQ(json["complete"], true);
  EXPECT_EQ(report_json("C5", "a machine", {}, false)["complete"], false);
  EXPECT_GT(json["peak_rss_bytes"], 0);
  const Json& system = json["systems"][0];
  EXPECT_EQ(system["name"], "sparseloom");
  EXPECT_EQ(system["violation_rate"], 0.0);
  EXPECT_EQ(system["violation_rate_ci"].size(), 2U);
  EXPECT_EQ(system["throughput_qps"], 123.0);
  for (const char* cause : {"latency", "accuracy", "both"}) EXPECT_TRUE(system["violations"].contains(cause));
  const Json& served = system["tasks"][0];
  EXPECT_EQ(served["task"], "a");
  EXPECT_EQ(served["variant"], (Json{"v1", "v1", "v1"}));
  EXPECT_EQ(served["placement"], (Json{"cpu0", "cpu1", "cpu0"}));
  EXPECT_EQ(served["provider"], (Json{"openvino", "openvino", "openvino"}));
  EXPECT_EQ(served["requests"], 1);
  EXPECT_EQ(served["accuracy"], 0.9);
  EXPECT_EQ(served["accuracy_test"], 0.8);
  EXPECT_EQ(served["accuracy_served"], 1.0);
  EXPECT_EQ(served["accuracy_bound"], 0.8);
  EXPECT_EQ(served["latency_bound_ms"], 10.0);
  EXPECT_EQ(served["latency_ms"]["p50"], 5.0);
  const Json& idle = system["tasks"][1];
  EXPECT_TRUE(idle["accuracy_served"].is_null());
  EXPECT_TRUE(idle["accuracy_test"].is_null());
  EXPECT_TRUE(idle["latency_ms"]["p99"].is_null());
}

TEST(Report, TakesAnOriginalsTestAccuracyFromTheZooIfTheProfileHasNone) {
  Case c;
  c.profile.tasks[0].set_accuracy_test(c.plan.tasks[0].sigma, {});
  c.world.zoo.tasks[0].variants[1].accuracy_test = 0.7;
  EXPECT_EQ(c.report().tasks[0].accuracy_test, 0.7);
}

TEST(Report, IsAnAlignedTable) {
  Case c;
  c.records = {record(0, 5), record(1, 5)};
  c.records[1].accurate = false;
  const std::string text = format_report(c.report());
  std::vector<std::size_t> lengths;
  for (std::size_t from = 0, end; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
    lengths.push_back(end - from);
  }
  ASSERT_EQ(lengths.size(), 5U);  // head, two tasks, what * means, totals
  EXPECT_EQ(lengths[0], lengths[1]);
  EXPECT_EQ(lengths[1], lengths[2]);
  EXPECT_THAT(text, ::testing::HasSubstr("2 requests, 50.00 % violate"));
}

TEST(Report, SaysWhichStagesRunSparse) {
  Case c;
  c.plan.tasks[0].providers[2] = backend::Provider::kSparse;
  const std::string text = format_report(c.report());
  EXPECT_THAT(text, ::testing::HasSubstr("cpu0|cpu1|cpu0(sparse) "));
  EXPECT_THAT(text, ::testing::HasSubstr("\n(sparse) pruned layers run in sparse kernels where those are faster\n"));
  EXPECT_EQ(report_json("C5", "m", {c.report()}, true)["systems"][0]["tasks"][0]["provider"],
            (Json{"openvino", "openvino", "sparse"}));
}

TEST(Report, CountsServedPerSecond) {
  std::vector<Record> records{record(0, 500), record(0, 1000)};
  EXPECT_DOUBLE_EQ(completed_per_second(records), 2);
  records[1].status = Code::kInternal;
  EXPECT_DOUBLE_EQ(completed_per_second(records), 2);  // one in half a second
  EXPECT_EQ(completed_per_second({}), 0);
}

}  // namespace
}  // namespace sparseloom::engine
