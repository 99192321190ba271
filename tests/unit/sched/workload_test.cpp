#include "sparseloom/sched/workload.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "script.h"
#include "sparseloom/base/file.h"
#include "sparseloom/sched/workload_file.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::sched {
namespace {

using ::testing::HasSubstr;

Result<Workload> parse(const std::string& text) {
  static const zoo::Zoo zoo = testing::made_up_zoo(2, 3, 2);
  SL_ASSIGN_OR_RETURN(const Json json, parse_json(text, "w.json"));
  return parse_workload(json, zoo, "w.json", [](const std::string& file) -> Result<std::vector<Seconds>> {
    if (file == "r.csv") return std::vector{Seconds(0), Seconds(0.25), Seconds(0.25), Seconds(0.75)};
    return error(Code::kMalformed, "{}: no such file", file);
  });
}

/// A workload whose arrivals are `entries`.
Result<Workload> with(const std::string& entries, const std::string& more = R"("duration_s": 1,)") {
  return parse(R"({"format_version": 1, )" + more + R"( "arrivals": [)" + entries + "]}");
}

std::string problem(const Result<Workload>& workload) {
  if (workload.ok()) return "accepted";
  EXPECT_EQ(workload.status().code(), Code::kMalformed);
  EXPECT_EQ(workload.status().message().find('\n'), std::string::npos);
  return workload.status().message();
}

TEST(Workload, ReadsEveryKey) {
  const auto w = parse(R"({"format_version": 1, "name": "mix", "slo_config": "a3l7", "planner": "av-p",
    "policy": "fcfs", "seed": 7, "duration_s": 2.5,
    "slos": [{"task": "b", "accuracy": 0.8, "latency_ms": 12}],
    "arrivals": [{"task": "a", "kind": "poisson", "rate_per_s": 50, "requests": 9, "offset_ms": 100},
                 {"task": "b", "kind": "periodic", "period_ms": 20},
                 {"task": "a", "kind": "closed_loop", "outstanding": 3, "priority": 2.5},
                 {"task": "b", "kind": "bursty", "rate_per_s": 40, "burst_ms": 500, "gap_ms": 1500},
                 {"task": "b", "kind": "recorded", "file": "r.csv"}]})");
  ASSERT_TRUE(w.ok()) << w.status().message();
  EXPECT_EQ(w->name, "mix");
  EXPECT_EQ(w->slo_config, "a3l7");
  EXPECT_EQ(w->planner, "av-p");
  EXPECT_EQ(w->policy, "fcfs");
  EXPECT_EQ(w->seed, 7U);
  EXPECT_EQ(w->duration, Seconds(2.5));
  EXPECT_FALSE(w->slos[0].has_value());
  EXPECT_EQ(w->slos[1]->latency, from_ms(12));
  ASSERT_EQ(w->arrivals.size(), 5U);
  EXPECT_EQ(w->arrivals[0].kind, Arrivals::Kind::kPoisson);
  EXPECT_EQ(w->arrivals[0].requests, 9U);
  EXPECT_EQ(w->arrivals[0].offset, from_ms(100));
  EXPECT_DOUBLE_EQ(w->arrivals[1].rate_per_s, 50);
  EXPECT_EQ(w->arrivals[2].outstanding, 3U);
  EXPECT_EQ(w->arrivals[2].priority, 2.5);
  EXPECT_EQ(w->arrivals[3].priority, 1);
  EXPECT_EQ(w->arrivals[3].burst, from_ms(500));
  EXPECT_EQ(w->arrivals[3].gap, from_ms(1500));
  EXPECT_EQ(w->arrivals[4].requests, 4U);
}

TEST(Workload, DefaultsAreC5SparseloomEdf) {
  const auto w = with(R"({"task": "a", "kind": "closed_loop"})");
  ASSERT_TRUE(w.ok()) << w.status().message();
  EXPECT_EQ(w->slo_config, "C5");
  EXPECT_EQ(w->planner, "sparseloom");
  EXPECT_EQ(w->policy, "edf");
  EXPECT_EQ(w->arrivals[0].outstanding, 1U);
}

TEST(Workload, SaysWhatIsWrongAndWhere) {
  const std::string ok = R"({"task": "a", "kind": "closed_loop"})";
  EXPECT_EQ(problem(with(R"({"task": "x", "kind": "closed_loop"})")),
            "w.json: arrivals[0]: task: 'x': not known; allowed: a, b");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "burst"})")),
            "w.json: arrivals[0]: kind: 'burst': not known; allowed: poisson, periodic, bursty, recorded, closed_loop");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "poisson", "rate_per_s": -3})")),
            "w.json: arrivals[0]: rate_per_s: got -3; allowed: 1e-06..1000000");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "poisson"})")), "w.json: arrivals[0]: rate_per_s: missing");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "poisson", "rate_per_s": 1, "requests": 0})")),
            "w.json: arrivals[0]: requests: got 0; allowed: 1..10000000");
  EXPECT_EQ(
      problem(with(R"({"task": "a", "kind": "poisson", "rate_per_s": 5})", "")),
      "w.json: arrivals[0]: requests: missing, and the workload has no duration_s, so it would never end; give one "
      "of the two");
  EXPECT_EQ(problem(with("")), "w.json: arrivals: got no entry, hence zero requests; allowed: at least one entry");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "periodic", "rate_per_s": 1, "offset_ms": 2000})")),
            "w.json: arrivals: zero requests before the end; allowed: at least one");
  EXPECT_THAT(problem(with(ok, R"("planner": "best", "duration_s": 1,)")),
              HasSubstr("w.json: planner: 'best': not known; allowed: sparseloom, "));
  EXPECT_EQ(problem(with(ok, R"("policy": "lifo", "duration_s": 1,)")),
            fmt::format("w.json: policy: 'lifo': not known; allowed: {}", fmt::join(policy_names(), ", ")));
  EXPECT_THAT(problem(with(ok, R"("polcy": "edf", "duration_s": 1,)")), HasSubstr("w.json: key 'polcy': not known"));
  EXPECT_THAT(
      problem(with(R"({"task": "a", "kind": "closed_loop", "rate_per_s": 3})")),
      HasSubstr("key 'rate_per_s': not known; allowed: kind, offset_ms, outstanding, priority, requests, task"));
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "closed_loop", "priority": 0})")),
            "w.json: arrivals[0]: priority: got 0; allowed: more than 0, at most 1000000");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "bursty", "rate_per_s": 9, "burst_ms": 100})")),
            "w.json: arrivals[0]: gap_ms: missing");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "bursty", "rate_per_s": 9, "burst_ms": 100, "gap_ms": -1})")),
            "w.json: arrivals[0]: gap_ms: got -1; allowed: more than 0, at most 1000000000");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "bursty", "rate_per_s": 1, "burst_ms": 1, "gap_ms": 1})")),
            "w.json: arrivals[0]: burst_ms: got 1, in which 0.001 requests arrive on average; allowed: at least 0.01 "
            "requests");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "recorded"})")), "w.json: arrivals[0]: file: missing");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "recorded", "file": "x.csv"})")),
            "w.json: arrivals[0]: file: x.csv: no such file");
  EXPECT_THAT(problem(with(ok, R"("slo_config": "C9", "duration_s": 1,)")), HasSubstr("w.json: slo_config: "));
  EXPECT_EQ(problem(with(ok, R"("duration_s": 0,)")),
            "w.json: duration_s: got 0; allowed: more than 0, at most 1000000");
  EXPECT_EQ(problem(with(ok, R"("duration_s": 1, "slos": [{"task": "a", "accuracy": 2, "latency_ms": 1}],)")),
            "w.json: slos[0]: accuracy: got 2; allowed: 0..1");
  EXPECT_EQ(problem(with(R"({"task": "a", "kind": "poisson", "rate_per_s": 1e6})", R"("duration_s": 100,)")),
            "w.json: arrivals: about 100000001 requests; allowed: at most 10000000");
  EXPECT_EQ(problem(parse(R"({"format_version": 2, "arrivals": []})")),
            "w.json: format_version: got 2; this release reads 1");
  EXPECT_EQ(problem(parse("[]")), "w.json: expected an object, got array");
}

TEST(Workload, ExplicitBoundsReplaceTheGridsForTheirTaskAlone) {
  const auto w = with(R"({"task": "a", "kind": "closed_loop"})",
                      R"("duration_s": 1, "slos": [{"task": "b", "accuracy": 0.5, "latency_ms": 4}],)");
  const plan::GridRange range{0.0, 0.9, from_ms(1), from_ms(10)};
  const auto slos = workload_slos(*w, {range, range});
  ASSERT_TRUE(slos.ok());
  EXPECT_NEAR(slos->slos[0].accuracy, 0.5, 1e-12);  // C5: 5/9 of the way
  EXPECT_NEAR(to_ms(slos->slos[0].latency), 5, 1e-9);
  EXPECT_EQ(slos->slos[1].accuracy, 0.5);
  EXPECT_EQ(slos->slos[1].latency, from_ms(4));
}

TEST(Arrivals, PeriodicArrivalsAreEvenlySpacedFromTheirOffset) {
  const auto w = with(R"({"task": "b", "kind": "periodic", "period_ms": 300, "offset_ms": 50})");
  std::vector<double> at;
  for (const Arrival& a : open_loop_arrivals(*w)) at.push_back(to_ms(a.at));
  EXPECT_THAT(at, ::testing::ElementsAre(::testing::DoubleEq(50), ::testing::DoubleEq(350), ::testing::DoubleEq(650),
                                         ::testing::DoubleEq(950)));
}

TEST(Arrivals, PoissonArrivalsAreTheSameOnEveryMachine) {
  const auto w = with(R"({"task": "a", "kind": "poisson", "rate_per_s": 100, "requests": 4})", R"("seed": 1,)");
  std::vector<long> ns;
  for (const Arrival& a : open_loop_arrivals(*w)) ns.push_back(std::lround(a.at.count() * 1e9));
  EXPECT_THAT(ns, ::testing::ElementsAre(2451253, 18538170, 20590165, 21670545));
}

TEST(Arrivals, PoissonHasItsRateAndItsScatter) {
  const auto w = with(R"({"task": "a", "kind": "poisson", "rate_per_s": 1000, "requests": 100000})", R"("seed": 3,)");
  const std::vector<Arrival> all = open_loop_arrivals(*w);
  ASSERT_EQ(all.size(), 100'000U);
  double sum = 0, squares = 0, before = 0;
  for (const Arrival& a : all) {
    const double gap = a.at.count() - before;
    before = a.at.count();
    sum += gap, squares += gap * gap;
  }
  const double mean = sum / 1e5;
  EXPECT_NEAR(mean, 1e-3, 2e-5);                                    // six standard errors
  EXPECT_NEAR(std::sqrt(squares / 1e5 - mean * mean), mean, 4e-5);  // an exponential's deviation is its mean
}

TEST(Arrivals, BurstyArrivalsAreTheSameOnEveryMachine) {
  const auto w =
      with(R"({"task": "a", "kind": "bursty", "rate_per_s": 100, "burst_ms": 20, "gap_ms": 1000, "requests": 6})",
           R"("seed": 1,)");
  std::vector<long> ns;
  for (const Arrival& a : open_loop_arrivals(*w)) ns.push_back(std::lround(a.at.count() * 1e9));
  EXPECT_THAT(ns, ::testing::ElementsAre(228220994, 247304210, 247335420, 661730181, 670665955, 833174062));
}

// Bursts of 50 ms and gaps of 150 ms at 1000/s: 250/s over all, and hardly a gap between requests of 10 ms or more that
// is not a gap between bursts, hence 5 of those per second.
TEST(Arrivals, BurstyHasItsRateWithinBurstsAndItsGaps) {
  const auto w =
      with(R"({"task": "a", "kind": "bursty", "rate_per_s": 1000, "burst_ms": 50, "gap_ms": 150, "requests": 100000})",
           R"("seed": 3,)");
  const std::vector<Arrival> all = open_loop_arrivals(*w);
  ASSERT_EQ(all.size(), 100'000U);
  Seconds before{0}, on{0}, off{0};
  double gaps = 0;
  for (const Arrival& a : all) {
    const bool gap = a.at - before >= from_ms(10);
    (gap ? off : on) += a.at - before;
    gaps += gap ? 1 : 0;
    before = a.at;
  }
  EXPECT_NEAR(1e5 / before.count(), 250, 15);
  EXPECT_NEAR(1e5 / on.count(), 1000, 40);
  EXPECT_NEAR(gaps / before.count(), 5, 0.5);
}

TEST(Arrivals, RecordedArrivalsCountFromTheirOffset) {
  const auto w = with(R"({"task": "b", "kind": "recorded", "file": "r.csv", "offset_ms": 100})", "");
  ASSERT_TRUE(w.ok()) << w.status().message();
  std::vector<double> at;
  for (const Arrival& a : open_loop_arrivals(*w)) at.push_back(to_ms(a.at));
  EXPECT_EQ(at, (std::vector<double>{100, 350, 350, 850}));
  const auto few = with(R"({"task": "b", "kind": "recorded", "file": "r.csv", "requests": 2})");
  EXPECT_EQ(open_loop_arrivals(*few).size(), 2U);
}

TEST(Arrivals, ARecordingIsAColumnOfTimes) {
  const sparseloom::testing::TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "r.csv";
  const auto read = [&](const std::string& text) {
    EXPECT_TRUE(write_file(file, text).ok());
    return read_recording(file);
  };
  const auto times = read("arrival_s\n0\n0.5\n0.5\n2e1\n");
  ASSERT_TRUE(times.ok()) << times.status().message();
  EXPECT_EQ(*times, (std::vector{Seconds(0), Seconds(0.5), Seconds(0.5), Seconds(20)}));
  const auto problem = [&](const std::string& text) {
    const auto result = read(text);
    return result.ok() ? "accepted" : result.status().message().substr(folder.path().string().size() + 1);
  };
  EXPECT_EQ(problem("arrival_s\n1\n0.5\n"), "r.csv:3: column 'arrival_s': got 0.5; allowed: 1..1000000, in order");
  EXPECT_EQ(problem("arrival_s\n-1\n"), "r.csv:2: column 'arrival_s': got -1; allowed: 0..1000000, in order");
  EXPECT_EQ(problem("arrival_s\n"), "r.csv: no rows; allowed: at least one");
  EXPECT_EQ(problem("time\n1\n"), "r.csv:1: column 'arrival_s' is missing; got: time; allowed: arrival_s");
}

TEST(Workload, ARecordingLiesBelowItsFolder) {
  const sparseloom::testing::TemporaryFolder folder, elsewhere;
  ASSERT_TRUE(write_file(elsewhere.path() / "r.csv", "arrival_s\n1\n").ok());
  const auto refused = [&](const std::string& file) {
    const std::string text = R"({"format_version": 1, "arrivals": [{"task": "a", "kind": "recorded", "file": ")";
    EXPECT_TRUE(write_file(folder.path() / "w.json", text + file + "\"}]}").ok());
    return load_workload(folder.path() / "w.json", testing::made_up_zoo(2, 3, 2)).status().message();
  };
  EXPECT_THAT(refused("../r.csv"), HasSubstr("arrivals[0]: file: '../r.csv' has a part '..'"));
  EXPECT_THAT(refused(elsewhere.path() / "r.csv"), HasSubstr("is absolute"));
  std::filesystem::create_symlink(elsewhere.path() / "r.csv", folder.path() / "link.csv");
  EXPECT_THAT(refused("link.csv"), HasSubstr("nothing outside"));
}

TEST(Arrivals, AClosedLoopBeginsWithItsOutstandingRequestsAndSendsTheRestOneByOne) {
  const auto w = with(R"({"task": "a", "kind": "closed_loop", "outstanding": 3, "requests": 10, "offset_ms": 100},
                         {"task": "b", "kind": "periodic", "period_ms": 100, "requests": 2},
                         {"task": "b", "kind": "closed_loop", "outstanding": 3, "requests": 2},
                         {"task": "b", "kind": "closed_loop", "offset_ms": 1000})");
  std::string order;
  for (const Arrival& a : first_arrivals(*w)) order += fmt::format("{}@{} ", a.entry, to_ms(a.at));
  EXPECT_EQ(order, "1@0 2@0 2@0 1@100 0@100 0@100 0@100 ");
  EXPECT_EQ(follow_ups(w->arrivals[0]), 7U);
  EXPECT_EQ(follow_ups(w->arrivals[1]), 0U);
  EXPECT_EQ(follow_ups(w->arrivals[2]), 0U);
  EXPECT_EQ(follow_ups(w->arrivals[3]), std::numeric_limits<std::size_t>::max());
}

TEST(Arrivals, OneTasksRateLeavesTheOthersAlone) {
  const auto at_b = [](const std::string& rate_of_a) {
    std::vector<double> at;
    const auto w = with(R"({"task": "a", "kind": "poisson", "rate_per_s": )" + rate_of_a +
                        R"(}, {"task": "b", "kind": "poisson", "rate_per_s": 20})");
    for (const Arrival& a : open_loop_arrivals(*w)) {
      if (a.task == zoo::TaskId(1)) at.push_back(a.at.count());
    }
    return at;
  };
  EXPECT_EQ(at_b("10"), at_b("200"));
}

TEST(Arrivals, ComeInOrderOfTimeTiesByTask) {
  const auto w = with(R"({"task": "b", "kind": "periodic", "period_ms": 100},
                         {"task": "a", "kind": "periodic", "period_ms": 200})");
  std::string order;
  for (const Arrival& a : open_loop_arrivals(*w)) order += a.task.index() == 0 ? 'a' : 'b';
  EXPECT_EQ(order, "abbabbabbabbabb");
}

}  // namespace
}  // namespace sparseloom::sched
