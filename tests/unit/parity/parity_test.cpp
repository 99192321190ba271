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

constexpr std::size_t kTasks = 3, kStages = 3, kRequests = 30;
constexpr std::size_t kWidth = 16;  // elements of every tensor

/// How a stage goes: how long it takes, and how many of the elements that it hands on are zeros.
struct ScriptedStage {
  Seconds time{0};
  std::size_t zeros = 0;
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

/// Requests that keep `processors` processors busy, a few waiting: stages of 2 to 18 ms that hand on up to three
/// quarters of zeros, deadlines of 20 to 150 ms, and five priorities.
Script make_script(std::size_t processors) {
  std::mt19937_64 random(processors);
  const auto between = [&random](double low, double high) {
    return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
  };
  Script script;
  Seconds arrival{0};
  for (std::size_t r = 0; r < kRequests; ++r) {
    std::vector<ScriptedStage>& stages = script.stages.emplace_back();
    for (std::size_t i = 0; i < kStages; ++i) stages.push_back({from_ms(between(2, 18)), random() % 13});
    script.requests.push_back({.id = sched::RequestId(r),
                               .task = zoo::TaskId(random() % kTasks),
                               .arrival = arrival,
                               .deadline = arrival + from_ms(between(20, 150)),
                               .priority = static_cast<double>(1 + random() % 5)});
    // The second request comes at the very moment when the first stage ends.
    arrival = r == 0 ? stages[0].time : arrival + from_ms(between(0, 55) / static_cast<double>(processors));
  }
  return script;
}

/// A variant of its own at every stage, and estimates that tell tasks and stages apart, as a profile would.
std::shared_ptr<const plan::Plan> make_plan(const FakeWorld& world, bool pooled) {
  auto plan = std::make_shared<plan::Plan>(*world.plan_of(0));
  for (std::size_t t = 0; t < plan->tasks.size(); ++t) {
    plan::TaskPlan& task = plan->tasks[t];
    task.pooled = pooled;
    for (std::size_t i = 0; i < kStages; ++i) {
      task.sigma[i] = zoo::VariantId((t + i) % 4);
      task.placement[i] = soc::ProcessorId((t + i) % world.soc.processors.size());
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

Trace simulated(const Script& script, std::string_view policy_name, std::size_t processors, bool pooled) {
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
  const FakeWorld fake(kTasks, processors, kStages, kWidth);
  const soc::Pools& pools = fake.soc.pools();
  ScriptedWorld world(script);
  Observer observer;
  auto policy = sched::make_policy(policy_name, sched::Dispatcher::queue_count(pools));
  auto simulation = simulate::Simulation::make(make_plan(fake, pooled), pools, std::move(policy).value(),
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

Trace real(const Script& script, std::string_view policy, std::size_t processors, bool pooled) {
  FakeWorld world(kTasks, processors, kStages, kWidth);
  ScriptedTime time;
  world.on_run = [&](const soc::SubgraphKey& key, std::span<const float> in, std::span<float> out) {
    const ScriptedStage& stage = script.of(static_cast<std::size_t>(in[0]) - 1, key.stage);
    std::fill(out.begin() + 1, out.end(), 1.0F);
    std::fill(out.end() - static_cast<std::ptrdiff_t>(stage.zeros), out.end(), 0.0F);
    time.run(stage);
    return Status();
  };
  const engine::testing::Inputs inputs(kRequests + 1, kWidth);
  sched::TraceSink sink(processors);
  {
    const auto engine = world.start(make_plan(world, pooled), nullptr,
                                    {.policy = std::string(policy),
                                     .slots_per_task = kRequests,  // nobody waits for a slot
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
  for (std::size_t p = 0; p < processors; ++p) {
    for (const sched::Span& span : sink.spans(soc::ProcessorId(p))) recorder.add(span.dispatch, span.start);
  }
  return recorder.trace();
}

class Parity : public ::testing::TestWithParam<std::tuple<std::string_view, std::size_t, bool>> {};

TEST_P(Parity, SimulationAndEngineDispatchTheSame) {
  const auto [policy, processors, pooled] = GetParam();
  const Script script = make_script(processors);
  const Trace expected = simulated(script, policy, processors, pooled);
  EXPECT_EQ(expected.size(), kRequests * kStages);
  EXPECT_EQ(real(script, policy, processors, pooled), expected);
}

INSTANTIATE_TEST_SUITE_P(EveryPolicy, Parity,
                         ::testing::Combine(::testing::ValuesIn(sched::causal_policy_names()),
                                            ::testing::Values(1, 2, 3), ::testing::Bool()),
                         [](const auto& row) {
                           return fmt::format("{}_on_{}_{}", std::get<0>(row.param), std::get<1>(row.param),
                                              std::get<2>(row.param) ? "late" : "placed");
                         });

// Else the policies would have had nothing to decide, and the tests above nothing to compare.
// All but dysta_fixed, which decides as dysta does.
TEST(ParityScript, TellsPoliciesApart) {
  std::set<Trace> different;
  for (const std::string_view policy : sched::causal_policy_names()) {
    different.insert(simulated(make_script(1), policy, 1, false));
  }
  EXPECT_EQ(different.size(), sched::causal_policy_names().size() - 1);
}

// Nor would γ have been anything but 1, had nobody seen zeros.
TEST(ParityScript, ShowsTheMonitorZerosThatDecide) {
  const Script script = make_script(1);
  Script dense = script;
  for (auto& stages : dense.stages) {
    for (ScriptedStage& stage : stages) stage.zeros = 0;
  }
  EXPECT_NE(simulated(script, "dysta", 1, false), simulated(dense, "dysta", 1, false));
  EXPECT_EQ(simulated(script, "dysta_naive", 1, false), simulated(dense, "dysta_naive", 1, false));
}

}  // namespace
}  // namespace sparseloom
