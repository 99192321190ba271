// simulate and run decide alike: one script of requests, played by the discrete-event simulation and by the real
// engine, gives the same dispatches at the same times. The engine's workers are real threads, but time is scripted: its
// clock stands still until the test moves it, and a stage runs until the test says that it is over.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "sparseloom/simulate/simulation.h"
#include "tests/unit/engine/fake_world.h"

namespace sparseloom {
namespace {

using engine::testing::FakeWorld;

constexpr std::size_t kTasks = 3, kStages = 3;
#ifdef NDEBUG
constexpr std::size_t kScripts = 1000;
#else
constexpr std::size_t kScripts = 50;  // the sanitizers take longer for each
#endif
constexpr std::size_t kWidth = 16;  // elements of every tensor

/// How a stage goes: how long it takes, and how many of the elements that it hands on are zeros.
struct ScriptedStage {
  Seconds time{0};
  std::size_t zeros = 0;
};

/// What is played: on which machine, under which plan.
struct Setting {
  std::size_t processors = 1;
  bool pooled = false;
  bool gangs = false;  ///< stages are placed on gangs too
  std::size_t requests = 30;
  std::size_t seed = 0;
};

/// What arrives, and how every stage of it goes.
struct Script {
  std::vector<sched::Request> requests;            // in order of arrival; the id is the position
  std::vector<std::vector<ScriptedStage>> stages;  // by request and stage

  const ScriptedStage& of(std::size_t request, zoo::StageId stage) const { return stages[request][stage.index()]; }
};

/// Share of zeros that the profile has seen in what a stage hands on, whoever's it is: nobody looks at one that is
/// usually dense.
double usual_sparsity(std::size_t task, std::size_t stage) { return (task + stage) % 3 == 0 ? 0 : 0.375; }

/// Requests that keep the processors busy, a few waiting: stages of 2 to 18 ms that hand on up to three quarters of
/// zeros, deadlines of 20 to 150 ms, and five priorities.
Script make_script(const Setting& setting) {
  std::mt19937_64 random(setting.processors + 1000 * setting.seed);
  const auto between = [&random](double low, double high) {
    return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
  };
  Script script;
  Seconds arrival{0};
  for (std::size_t r = 0; r < setting.requests; ++r) {
    std::vector<ScriptedStage>& stages = script.stages.emplace_back();
    for (std::size_t i = 0; i < kStages; ++i) stages.push_back({from_ms(between(2, 18)), random() % 13});
    script.requests.push_back({.id = sched::RequestId(r),
                               .task = zoo::TaskId(random() % kTasks),
                               .arrival = arrival,
                               .deadline = arrival + from_ms(between(20, 150)),
                               .priority = static_cast<double>(1 + random() % 5)});
    // The second request comes at the very moment when the first stage ends.
    arrival = r == 0 ? stages[0].time : arrival + from_ms(between(0, 55) / static_cast<double>(setting.processors));
  }
  return script;
}

/// A variant of its own at every stage, and estimates that tell tasks and stages apart, as a profile would. With gangs,
/// every third stage is placed on one or another.
std::shared_ptr<const plan::Plan> make_plan(const FakeWorld& world, const Setting& setting) {
  auto plan = std::make_shared<plan::Plan>(*world.plan_of(0));
  const std::size_t processors = world.soc.processors.size(), gangs = world.soc.processors.places() - processors;
  for (std::size_t t = 0; t < plan->tasks.size(); ++t) {
    plan::TaskPlan& task = plan->tasks[t];
    task.pooled = setting.pooled;
    for (std::size_t i = 0; i < kStages; ++i) {
      const bool on_gang = gangs > 0 && (t + i + setting.seed) % 3 == 0;
      task.sigma[i] = zoo::VariantId((t + i) % 4);
      task.placement[i] = soc::ProcessorId(on_gang ? processors + (t + setting.seed) % gangs : (t + i) % processors);
      task.estimates[i] = {.latency = from_ms(4 + 3 * static_cast<double>(t) + static_cast<double>(i)),
                           .model_latency = from_ms(12 - 2 * static_cast<double>(t) + static_cast<double>(i)),
                           .sparsity = usual_sparsity(t, i)};
    }
  }
  return plan;
}

/// What was dispatched, in order of time and processor.
using Trace = std::vector<std::string>;

class Recorder {
 public:
  void add(const sched::Dispatch& d, Seconds start) {
    lines_[{start, d.processor}] =
        fmt::format("{} s: cpu{} runs stage {} of request {} with variant {}", start.count(), d.processor.index(),
                    d.stage.index(), d.request.index(), d.variant.index());
  }
  Trace trace() const {
    Trace trace;
    for (const auto& [time_and_place, line] : lines_) trace.push_back(line);
    return trace;
  }

 private:
  std::map<std::pair<Seconds, soc::ProcessorId>, std::string> lines_;
};

Trace simulated(const Script& script, std::string_view policy_name, const Setting& setting) {
  struct ScriptedWorld final : simulate::World {
    explicit ScriptedWorld(const Script& s) : script(s) {}
    simulate::StageRun run(const simulate::Query& query, const sched::Dispatch& dispatch, Seconds) override {
      const ScriptedStage& stage = script.of(query.request.id.index(), dispatch.stage);
      const bool dense = usual_sparsity(query.request.task.index(), dispatch.stage.index()) == 0;
      return {stage.time, dense ? 0 : static_cast<double>(stage.zeros) / kWidth};
    }
    const Script& script;
  };
  struct Observer final : simulate::Observer {
    void ran(const sched::Request&, const sched::Dispatch& dispatch, Seconds start, Seconds, bool) override {
      recorder.add(dispatch, start);
    }
    void finished(const simulate::Query&, Seconds) override {}
    Recorder recorder;
  };
  const FakeWorld fake(kTasks, setting.processors, kStages, kWidth, setting.gangs);
  const soc::Pools& pools = fake.soc.pools();
  ScriptedWorld world(script);
  Observer observer;
  auto policy = sched::make_policy(policy_name, sched::Dispatcher::queue_count(pools));
  auto simulation = simulate::Simulation::make(make_plan(fake, setting), pools, std::move(policy).value(),
                                               simulate::Admission::kStandard, world, observer);
  for (const sched::Request& request : script.requests) simulation->arrive({request, 0, nullptr});
  simulation->finish();
  return observer.recorder.trace();
}

/// The stages that workers of the real engine are running, and the engine's clock.
class ScriptedTime {
 public:
  Seconds now() const { return now_; }
  void set(Seconds now) { now_ = now; }

  /// Runs a stage: returns when end_first() has chosen it.
  void run(const ScriptedStage& stage) {
    std::unique_lock lock(mutex_);
    Running self{now() + stage.time};
    running_.push_back(&self);
    changed_.wait(lock, [&] { return self.over; });
  }

  std::size_t running() const {
    const std::lock_guard lock(mutex_);
    return running_.size();
  }

  std::optional<Seconds> first_end() const {
    const std::lock_guard lock(mutex_);
    const auto first = find_first();
    return first == running_.end() ? std::nullopt : std::optional((*first)->end);
  }

  /// Moves the clock to the end of the stage that ends first, and lets that one go.
  void end_first() {
    const std::lock_guard lock(mutex_);
    const auto first = find_first();
    now_ = (*first)->end;
    (*first)->over = true;
    running_.erase(first);
    const bool alone = std::none_of(running_.begin(), running_.end(), [&](Running* r) { return r->end == now(); });
    EXPECT_TRUE(alone) << "two stages end at one moment, of which threads know no order";
    changed_.notify_all();
  }

 private:
  struct Running {
    Seconds end{0};
    bool over = false;
  };
  std::vector<Running*>::const_iterator find_first() const {
    return std::min_element(running_.begin(), running_.end(), [](Running* a, Running* b) { return a->end < b->end; });
  }

  std::atomic<Seconds> now_{Seconds(0)};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Running*> running_;
};

Trace real(const Script& script, std::string_view policy, const Setting& setting) {
  FakeWorld world(kTasks, setting.processors, kStages, kWidth, setting.gangs);
  ScriptedTime time;
  world.on_run = [&](const soc::SubgraphKey& key, std::span<const float> in, std::span<float> out) {
    const ScriptedStage& stage = script.of(static_cast<std::size_t>(in[0]) - 1, key.stage);
    std::fill(out.begin() + 1, out.end(), 1.0F);
    std::fill(out.end() - static_cast<std::ptrdiff_t>(stage.zeros), out.end(), 0.0F);
    time.run(stage);
    return Status();
  };
  const engine::testing::Inputs inputs(setting.requests + 1, kWidth);
  sched::TraceSink sink(world.soc.processors.places());
  {
    const auto engine = world.start(make_plan(world, setting), nullptr,
                                    {.policy = std::string(policy),
                                     .slots_per_task = setting.requests,  // nobody waits for a slot
                                     .clock = [&] { return time.now(); },
                                     .trace = &sink});
    // Every stage that was handed out is being run: nothing happens until time goes on.
    const auto settle = [&] {
      while (time.running() != engine->running()) std::this_thread::yield();
    };
    const auto end_first = [&] {
      time.end_first();
      settle();
    };
    for (const sched::Request& request : script.requests) {
      while (time.running() > 0 && *time.first_end() <= request.arrival) end_first();
      time.set(request.arrival);
      EXPECT_TRUE(engine->submit(request, inputs[request.id.index() + 1]).ok());
      settle();
    }
    while (time.running() > 0) end_first();
    engine->drain();
  }
  Recorder recorder;
  for (std::size_t p = 0; p < world.soc.processors.places(); ++p) {
    for (const sched::Span& span : sink.spans(soc::ProcessorId(p))) recorder.add(span.dispatch, span.start);
  }
  return recorder.trace();
}

class Parity : public ::testing::TestWithParam<std::tuple<std::string_view, std::size_t, bool>> {};

TEST_P(Parity, SimulationAndEngineDispatchTheSame) {
  const auto [policy, processors, pooled] = GetParam();
  const Setting setting{.processors = processors, .pooled = pooled};
  const Script script = make_script(setting);
  const Trace expected = simulated(script, policy, setting);
  EXPECT_EQ(expected.size(), setting.requests * kStages);
  EXPECT_EQ(real(script, policy, setting), expected);
}

INSTANTIATE_TEST_SUITE_P(EveryPolicy, Parity,
                         ::testing::Combine(::testing::ValuesIn(sched::causal_policy_names()),
                                            ::testing::Values(1, 2, 3), ::testing::Bool()),
                         [](const auto& row) {
                           return fmt::format("{}_on_{}_{}", std::get<0>(row.param), std::get<1>(row.param),
                                              std::get<2>(row.param) ? "late" : "placed");
                         });

// Gangs, which the dispatcher lets in by reservation, over many scripts on two to four processors.
class ParityWithGangs : public ::testing::TestWithParam<std::string_view> {};

TEST_P(ParityWithGangs, SimulationAndEngineDispatchTheSame) {
  std::size_t on_gangs = 0;
  for (std::size_t seed = 0; seed < kScripts; ++seed) {
    const Setting setting{
        .processors = 2 + seed % 3, .pooled = seed % 2 == 0, .gangs = true, .requests = 8, .seed = seed};
    const Script script = make_script(setting);
    const Trace expected = simulated(script, GetParam(), setting);
    ASSERT_EQ(expected.size(), setting.requests * kStages);
    ASSERT_EQ(real(script, GetParam(), setting), expected) << "seed " << seed;
    for (const std::string& line : expected) {
      for (std::size_t gang = setting.processors; gang < setting.processors + 3; ++gang)
        on_gangs += line.find(fmt::format("cpu{} ", gang)) != std::string::npos ? 1 : 0;
    }
  }
  EXPECT_GT(on_gangs, 5 * kScripts);
}

INSTANTIATE_TEST_SUITE_P(EveryPolicy, ParityWithGangs, ::testing::ValuesIn(sched::causal_policy_names()),
                         [](const auto& row) { return std::string(row.param); });

// Else the policies would have had nothing to decide, and the tests above nothing to compare.
// All but dysta_fixed, which decides as dysta does.
TEST(ParityScript, TellsPoliciesApart) {
  std::set<Trace> different;
  for (const std::string_view policy : sched::causal_policy_names()) {
    different.insert(simulated(make_script({}), policy, {}));
  }
  EXPECT_EQ(different.size(), sched::causal_policy_names().size() - 1);
}

// Nor would γ have been anything but 1, had nobody seen zeros.
TEST(ParityScript, ShowsTheMonitorZerosThatDecide) {
  const Script script = make_script({});
  Script dense = script;
  for (auto& stages : dense.stages) {
    for (ScriptedStage& stage : stages) stage.zeros = 0;
  }
  EXPECT_NE(simulated(script, "dysta", {}), simulated(dense, "dysta", {}));
  EXPECT_EQ(simulated(script, "dysta_naive", {}), simulated(dense, "dysta_naive", {}));
}

}  // namespace
}  // namespace sparseloom
