#include "sparseloom/eval/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/eval/journal.h"
#include "sparseloom/eval/summary.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Two tasks of one stage, a processor each: a request takes what the plan estimates.
plan::Plan plan_of(Seconds first, Seconds second) {
  plan::Plan plan;
  plan.planner = "made up";
  for (const Seconds time : {first, second}) {
    plan::TaskPlan& task = plan.tasks.emplace_back();
    task.sigma = {zoo::VariantId(0)};
    task.placement = {soc::ProcessorId(plan.tasks.size() - 1)};
    task.providers = {backend::Provider::kOpenVino};
    task.estimates = {{.latency = time, .model_latency = time, .sparsity = 0}};
    task.latency = time;
    task.accuracy = 0.8;
  }
  plan.bottleneck = std::max(first, second);
  return plan;
}

std::unique_ptr<Host> two_processors(const std::atomic<bool>* stop = nullptr) {
  VirtualMachine machine;
  machine.stop = stop;
  machine.pools.members = {{soc::ProcessorId(0)}, {soc::ProcessorId(1)}};
  machine.pools.of = {0, 1};
  return virtual_host(std::move(machine));
}

PlanAt always(plan::Plan plan) {
  return [made = std::make_shared<const plan::Plan>(std::move(plan))](double) { return made; };
}

const std::vector<plan::Slo> kSlos{{0.5, from_ms(10)}, {0.5, from_ms(10)}};

TEST(VirtualHost, SaturationIsTheProcessorsPace) {
  const auto host = two_processors();
  ASSERT_TRUE(host->adopt(std::make_shared<const plan::Plan>(plan_of(from_ms(5), from_ms(2)))).ok());
  EXPECT_THAT(saturate(*host, 2, Seconds(1)).value(),
              ElementsAre(::testing::DoubleNear(200, 1), ::testing::DoubleNear(500, 1)));
}

TEST(Goodput, OfOneRequestInTenOnTimeAtBestIsNone) {
  const auto host = two_processors();
  const PlanAt plan = always(plan_of(from_ms(11), from_ms(2)));  // the first is always late
  EXPECT_EQ(goodput(*host, plan, kSlos, 1, {.requests = 500, .highest = 200}).value(), 0);
}

TEST(Goodput, IsNoneIfAVariantIsNotAccurateEnough) {
  const auto host = two_processors();
  const PlanAt plan = always(plan_of(from_ms(1), from_ms(1)));
  const std::vector<plan::Slo> strict{{0.9, from_ms(10)}, {0.5, from_ms(10)}};
  EXPECT_EQ(goodput(*host, plan, strict, 1, {.requests = 500, .highest = 2000}).value(), 0);
}

// An M/D/1 queue of 1 ms services keeps 99 % within 10 ms up to a load of about 0.8: two of them, each with half of the
// requests, up to 1,600 requests/s.
TEST(Goodput, IsWhatQueueingTheorySays) {
  const auto host = two_processors();
  const double rate =
      goodput(*host, always(plan_of(from_ms(1), from_ms(1))), kSlos, 7, {.requests = 20'000, .highest = 2400}).value();
  EXPECT_GT(rate, 1450);
  EXPECT_LT(rate, 1800);
}

// A system that knows to halve its latencies above 1,000 requests/s gets further than one that does not.
TEST(Goodput, IsThatOfTheSystemWhichPlansForTheRate) {
  const auto host = two_processors();
  const PlanAt adapts = [](double rate) {
    const Seconds stage = rate > 1000 ? from_ms(0.5) : from_ms(1);
    return std::make_shared<const plan::Plan>(plan_of(stage, stage));
  };
  const GoodputOptions options{.requests = 5'000, .highest = 4800};
  EXPECT_GT(goodput(*host, adapts, kSlos, 7, options).value(),
            1.5 * goodput(*host, always(plan_of(from_ms(1), from_ms(1))), kSlos, 7, options).value());
}

/// Keeps every bound. Under saturation a task is served 200 times a second, or 100 times if it shares all cores.
class ScriptedHost final : public Host {
 public:
  Status adopt(std::shared_ptr<const plan::Plan> plan) override {
    plan_ = std::move(plan);
    return {};
  }
  Status prepare(const plan::Plan&) override { return {}; }
  void seek(std::size_t) override {}
  Result<std::vector<engine::Record>> play(const sched::Workload& workload,
                                           const std::vector<plan::Slo>& slos) override {
    std::vector<engine::Record> records;
    for (const sched::Arrivals& arrivals : workload.arrivals) {
      const bool saturated = arrivals.kind == sched::Arrivals::Kind::kClosedLoop;
      const int served = !saturated ? 1 : plan_->tasks[arrivals.task.index()].shared ? 100 : 200;
      records.insert(records.end(), static_cast<std::size_t>(served),
                     {.task = arrivals.task, .deadline = slos[arrivals.task.index()].latency});
    }
    if (workload.name == "saturation") {
      ++saturations;
      if (stops_when_saturated) return error(Code::kCancelled, "stopped");
    }
    return records;
  }
  bool stopped() const override { return stops_when_saturated && saturations > 0; }
  Status failures() const override { return failed; }
  std::size_t processors() const override { return 2; }
  bool deterministic() const override { return true; }

  int saturations = 0;
  bool stops_when_saturated = false;
  Status failed;

 private:
  std::shared_ptr<const plan::Plan> plan_;
};

/// The same plan for all SLOs and loads.
System system_of(const std::string& name, plan::Plan plan) {
  return {name, [made = std::move(plan)](const plan::SloConfig&, const plan::Load*) { return made; }};
}

/// A grid on a host, and what it refers to: the second task's bounds are ten times the first's.
struct GridOn {
  explicit GridOn(Host& on, std::vector<System> systems, GridOptions options = {.goodput_seeds = 0, .goodput = {}})
      : host(on) {
    profile.tasks.assign(2, profile::TaskProfile(1, 1, 2));
    grid.emplace(GridInput{.soc = "made up",
                           .modelled = true,
                           .host = host,
                           .systems = std::move(systems),
                           .ranges = ranges,
                           .profile = profile,
                           .options = std::move(options)});
  }
  Host& host;
  std::vector<plan::GridRange> ranges{{0.5, 0.7, from_ms(5), from_ms(10)}, {0.5, 0.7, from_ms(50), from_ms(100)}};
  profile::Profile profile;
  std::optional<Grid> grid;
};

TEST(Grid, SaturatesAPlanOnceInWhicheverCellItComes) {
  ScriptedHost host;
  GridOn on(host,
            {system_of("one", plan_of(from_ms(5), from_ms(2))), system_of("same", plan_of(from_ms(5), from_ms(2)))});
  for (const plan::GridCell cell : {plan::GridCell{1, 1}, plan::GridCell{1, 2}}) {
    const auto rows = on.grid->play(cell);
    ASSERT_TRUE(rows.ok()) << rows.status().message();
    ASSERT_EQ(rows->size(), 2U);
    for (const Row& row : *rows) EXPECT_NEAR(row.completed_qps, 400, 1e-9);
  }
  EXPECT_EQ(host.saturations, 1);
}

// On one processor all cores are that one: the plans differ in who serves them alone.
TEST(Grid, TellsAPlanThatSharesAllCoresFromTheSameOneThatDoesNot) {
  ScriptedHost host;
  plan::Plan shared = plan_of(from_ms(5), from_ms(2));
  for (plan::TaskPlan& task : shared.tasks) task.shared = true;
  GridOn on(host, {system_of("av-np", plan_of(from_ms(5), from_ms(2))), system_of("shared", shared)});
  const auto rows = on.grid->play({1, 1});
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_NEAR(rows->at(0).completed_qps, 400, 1e-9);
  EXPECT_NEAR(rows->at(1).completed_qps, 200, 1e-9);
}

// 200 requests/s of one task and 500 of the other: 200 rounds of both.
TEST(Grid, InEqualSharesTheTaskThatIsServedLeastCounts) {
  const auto host = two_processors();
  GridOn on(*host, {system_of("one", plan_of(from_ms(5), from_ms(2)))});
  const auto rows = on.grid->play({1, 1});
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  EXPECT_NEAR(rows->at(0).throughput_qps, 700, 2);
  EXPECT_NEAR(rows->at(0).equal_qps, 400, 2);
}

// Two tasks, at least 5 ms per round within the bounds, and 80 % of 4 ms however late requests may be.
TEST(Grid, TheMostIsProvenForAccuracyBoundsAlone) {
  ScriptedHost host;
  const System certified{"exact", [](const plan::SloConfig& slo, const plan::Load*) {
                           plan::Plan plan = plan_of(from_ms(5), from_ms(2));
                           const bool late = slo.slos[0].latency > Seconds(1000);
                           plan.bottleneck = from_ms(late ? 4 : 5);
                           plan.gap = late ? 0.2 : 0;
                           plan.optimal = !late;
                           return plan;
                         }};
  plan::Plan seeks_none = plan_of(from_ms(5), from_ms(2));
  seeks_none.gap = 1;
  GridOn on(host, {certified, system_of("av-np", seeks_none)});
  const auto rows = on.grid->play({1, 1});
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  ASSERT_TRUE(rows->at(0).most_qps);
  EXPECT_NEAR(*rows->at(0).most_qps, 2 / 0.0032, 1e-9);
  EXPECT_FALSE(rows->at(1).most_qps);
}

TEST(Grid, GivesUpACellInWhichRequestsFailed) {
  ScriptedHost host;
  host.failed = error(Code::kInternal, "2 requests failed: image/dense stage 0 on cpu1: no");
  GridOn on(host, {system_of("one", plan_of(from_ms(5), from_ms(2)))});
  const auto rows = on.grid->play({1, 2});
  EXPECT_EQ(rows.status().code(), Code::kInternal);
  EXPECT_EQ(rows.status().message(), "a1l2: 2 requests failed: image/dense stage 0 on cpu1: no");
}

TEST(Grid, StoppedDuringSaturationHasNoRows) {
  ScriptedHost host;
  host.stops_when_saturated = true;
  GridOn on(host, {system_of("one", plan_of(from_ms(5), from_ms(2)))});
  const auto rows = on.grid->play({1, 1});
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  EXPECT_TRUE(rows->empty());
}

// A simulation that is stopped has no records, only kCancelled.
TEST(Grid, StoppedDuringGoodputHasNoRows) {
  std::atomic<bool> stop{false};
  const System stops{"one", [&stop](const plan::SloConfig&, const plan::Load* load) {
                       if (load != nullptr) stop = true;  // goodput has begun
                       return plan_of(from_ms(1), from_ms(1));
                     }};
  const auto host = two_processors(&stop);
  GridOn on(*host, {stops}, {.goodput_seeds = 1, .goodput = {}});
  const auto rows = on.grid->play({1, 1});
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  EXPECT_TRUE(rows->empty());
  EXPECT_TRUE(stop);
}

// Both tasks on one processor, which takes their requests in turns.
TEST(Grid, WhatAPlanServesDoesNotDependOnTheBounds) {
  VirtualMachine machine;
  machine.pools.members = {{soc::ProcessorId(0)}};
  machine.pools.of = {0};
  const auto host = virtual_host(std::move(machine));
  plan::Plan plan = plan_of(from_ms(5), from_ms(3));
  plan.tasks[1].placement = {soc::ProcessorId(0)};
  GridOn on(*host, {system_of("one", plan)});
  const auto rows = on.grid->play({8, 8});  // the second task would hardly ever be the most urgent one
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  EXPECT_THAT(rows->at(0).completed_qps, ::testing::DoubleNear(250, 3));
}

Row row(const std::string& system, plan::GridCell cell, double violations, double throughput) {
  Row r;
  r.soc = "an \"edge\", SoC";
  r.system = system;
  r.cell = cell;
  r.violation_rate = {violations, violations - 0.01, violations + 0.01};
  r.violations.latency = violations;
  r.throughput_qps = r.completed_qps = throughput;
  r.goodput_qps = Mean{throughput / 2, 1};
  r.resident = Bytes{1 << 20};
  return r;
}

TEST(Row, SurvivesJsonAlsoWithGoodputOfOneStream) {
  Row one = row("exact", {1, 1}, 0.1, 400);
  one.goodput_qps = mean95({200});
  const Json json = parse_json(to_json(one).dump(), "row").value();
  EXPECT_TRUE(json["goodput"]["half_width"].is_null());
  EXPECT_EQ(to_json(row_from_json(json, "row").value()), json);
  EXPECT_THAT(to_csv({one}), HasSubstr(",400,400,0,200,,1048576\n"));
}

const std::vector<Row> kRows{row("sparseloom", {1, 1}, 0.10, 300), row("sv-lo-np", {1, 1}, 0.50, 200),
                             row("av-np", {1, 1}, 0.05, 100),      row("sparseloom", {1, 2}, 0.10, 300),
                             row("sv-lo-np", {1, 2}, 0.30, 200),   row("av-np", {1, 2}, 0.20, 100)};

std::optional<Target> target_named(const std::vector<Row>& rows, const std::string& what) {
  for (const Target& t : targets(rows)) {
    if (t.what == what) return t;
  }
  return std::nullopt;
}

TEST(Summary, TakesMeansOverCellsAndFindsTheCellsThatAreLost) {
  const auto summaries = summarize(kRows);
  ASSERT_EQ(summaries.size(), 3U);
  EXPECT_NEAR(summaries[1].violation_rate, 0.4, 1e-12);
  EXPECT_EQ(summaries[0].cells, 2U);
  EXPECT_THAT(lost_cells(kRows, kRows[0].soc, "sparseloom"), ElementsAre("a1l1 to av-np"));
  const auto violations = target_named(kRows, "violations: 1 - sparseloom / sv-lo-np");
  ASSERT_TRUE(violations.has_value());
  EXPECT_NEAR(violations->measured.value(), 0.75, 1e-12);
  const auto throughput = target_named(kRows, "throughput: sparseloom / the best sv");
  ASSERT_TRUE(throughput.has_value());
  EXPECT_NEAR(throughput->measured.value(), 1.5, 1e-12);
  const auto lost = target_named(kRows, "share of (cell, baseline) not lost");
  ASSERT_TRUE(lost.has_value());
  EXPECT_NEAR(lost->measured.value(), 0.75, 1e-12) << "one of two cells and two baselines";
  EXPECT_FALSE(lost->reached());
}

// A baseline may violate nothing, or serve nothing that is accurate enough: no ratio, and nothing reached.
TEST(Summary, HasNoRatioToNothing) {
  std::vector<Row> rows{row("sparseloom", {1, 1}, 0, 300), row("sv-lo-np", {1, 1}, 0, 0)};
  for (const char* what : {"violations: 1 - sparseloom / sv-lo-np", "throughput: sparseloom / the best sv"}) {
    const auto target = target_named(rows, what);
    ASSERT_TRUE(target.has_value()) << what;
    EXPECT_FALSE(target->measured.has_value()) << what;
    EXPECT_FALSE(target->equal_shares.has_value()) << what;
    EXPECT_FALSE(target->reached()) << what;
  }
}

// 500 and 700 requests/s are certified upper bounds; sv-lo-np serves 200.
TEST(Summary, SetsThroughputBesideItsCertifiedUpperBound) {
  std::vector<Row> rows = kRows;
  rows.push_back(row("exact", {1, 1}, 0.1, 400));
  rows.back().most_qps = 500;
  rows.push_back(row("exact", {1, 2}, 0.1, 400));
  rows.back().most_qps = 700;
  for (Row& row : rows) row.equal_qps = row.throughput_qps / 2;
  const std::string what = "throughput: sparseloom / the best sv";
  ASSERT_TRUE(target_named(rows, what).has_value());
  EXPECT_NEAR(target_named(rows, what)->limit.value(), 3, 1e-12);
  EXPECT_NEAR(target_named(rows, what)->equal_shares.value(), 0.75, 1e-12);
  rows.back().most_qps.reset();
  EXPECT_FALSE(target_named(rows, what)->limit) << "one cell without a proof";
}

TEST(Summary, QuotesNamesInCsv) {
  EXPECT_THAT(to_csv(kRows), HasSubstr("\"an \"\"edge\"\", SoC\",false,sparseloom,1,1,0.1"));
}

TEST(Journal, GoesOnWhereItWasAndRefusesAnotherEvaluation) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "eval.json";
  const Json inputs{{"zoo", "abc"}, {"cells", "grid"}};
  {
    auto journal = Journal::open(file, inputs);
    ASSERT_TRUE(journal.ok()) << journal.status().message();
    ASSERT_TRUE(journal->add({kRows[0], kRows[1], kRows[2]}).ok());
  }
  const auto again = Journal::open(file, inputs);
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_EQ(again->rows().size(), 3U);
  EXPECT_TRUE(again->has(kRows[0].soc, {1, 1}));
  EXPECT_FALSE(again->has(kRows[0].soc, {1, 2}));
  EXPECT_EQ(to_json(again->rows()[1]), to_json(kRows[1]));

  const auto other = Journal::open(file, Json{{"zoo", "xyz"}, {"cells", "grid"}});
  EXPECT_EQ(other.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(other.status().message(), HasSubstr("zoo is \"abc\" there and \"xyz\" here"));
}

}  // namespace
}  // namespace sparseloom::eval
