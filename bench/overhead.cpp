#include "bench/overhead.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/base/brief.h"
#include "sparseloom/base/restore_cores.h"
#include "sparseloom/engine/engine.h"
#include "sparseloom/zoo/chain.h"

namespace sparseloom::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kStages = 3;

/// The first `count` processors of a system.
soc::Soc first_processors(const soc::Soc& soc, std::size_t count) {
  soc::Soc part = soc;
  part.processors = {};
  for (std::size_t p = 0; p < count; ++p) part.processors.push_back(soc.processors[p]);
  return part;
}

/// Zeros for every model input of every task.
class ZeroInputs {
 public:
  explicit ZeroInputs(const zoo::Zoo& zoo) {
    for (const zoo::Task& task : zoo.tasks) {
      auto& inputs = by_task_.emplace_back();
      for (const TensorSpec& tensor : task.inputs) inputs.push_back(buffers_.emplace_back(tensor.bytes()).span());
    }
  }
  const std::vector<std::span<const std::byte>>& operator[](std::size_t task) const { return by_task_[task]; }

 private:
  std::vector<HostBuffer> buffers_;
  std::vector<std::vector<std::span<const std::byte>>> by_task_;
};

/// Keeps a number of requests per task inside until a count is reached or it is told to stop, and waits for the end.
class Load {
 public:
  explicit Load(const zoo::Zoo& zoo) : inputs_(zoo) {}
  void attach(engine::Engine& engine) { engine_ = &engine; }

  /// Sends `requests` in all, `outstanding` at a time; returns when all have completed.
  Seconds serve(std::size_t requests, std::size_t outstanding) {
    const auto start = Clock::now();
    begin(0, requests, outstanding);
    static_cast<void>(wait());  // the caller asks again
    return Clock::now() - start;
  }
  void begin(std::size_t task, std::size_t requests, std::size_t outstanding) {
    const std::size_t first = std::min(requests, outstanding);
    {
      const std::lock_guard lock(mutex_);
      left_ += requests - first;
      inside_ += first;
    }
    for (std::size_t i = 0; i < first; ++i) send(task);
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    left_ = 0;
  }
  Status wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return inside_ == 0; });
    return failure_;
  }
  /// Returns after `count` more completions.
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    const std::size_t target = completed_ + count;
    completed_changed_.wait(lock, [&] { return completed_ >= target || inside_ == 0; });
  }
  void on_complete(const engine::Completion& completion) {
    bool again = false;
    {
      const std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = completion.status;
      last_finished_ = completion.finished;
      ++completed_;
      completed_changed_.notify_all();
      again = left_ > 0;
      if (again) --left_;
      if (!again && --inside_ == 0) done_.notify_all();
    }
    if (again) send(completion.request.task.index());
  }
  Seconds last_finished() const { return last_finished_; }

 private:
  void send(std::size_t task) {
    sched::Request request;
    request.task = zoo::TaskId(task);
    request.arrival = engine_->now();
    request.deadline = request.arrival + Seconds(1);
    const Status status = engine_->submit(request, inputs_[task]);
    if (status.ok()) return;
    const std::lock_guard lock(mutex_);
    failure_ = status;
    if (--inside_ == 0) done_.notify_all();
  }

  ZeroInputs inputs_;
  engine::Engine* engine_ = nullptr;
  std::mutex mutex_;
  std::condition_variable done_, completed_changed_;
  std::size_t completed_ = 0;
  std::size_t left_ = 0, inside_ = 0;
  Seconds last_finished_{0};
  Status failure_;
};

zoo::Task task_of(std::string name, std::size_t stages, std::vector<TensorSpec> inputs, TensorSpec output) {
  zoo::Task task;
  task.name = std::move(name);
  task.inputs = std::move(inputs);
  task.outputs = {std::move(output)};
  task.cuts.resize(stages - 1);
  task.variants.resize(1);
  return task;
}

std::shared_ptr<plan::Plan> plan_in_turn(const zoo::Zoo& zoo, const soc::Soc& soc) {
  return std::make_shared<plan::Plan>(uniform_plan(zoo, soc, 0, 0));
}

// From each stage's end to its successor's start, requests served one at a time.
std::vector<Seconds> hand_offs(const sched::TraceSink& trace, std::size_t processors) {
  std::vector<sched::Span> spans;
  for (std::size_t p = 0; p < processors; ++p) {
    const auto& track = trace.spans(soc::ProcessorId(p));
    spans.insert(spans.end(), track.begin(), track.end());
  }
  std::sort(spans.begin(), spans.end(), [](const sched::Span& a, const sched::Span& b) { return a.start < b.start; });
  std::vector<Seconds> gaps;
  for (std::size_t i = 1; i < spans.size(); ++i) {
    const bool successor = spans[i].dispatch.stage.index() == spans[i - 1].dispatch.stage.index() + 1;
    if (successor) gaps.push_back(spans[i].start - spans[i - 1].end);
  }
  return gaps;
}

/// Of one stage that hands something on.
struct LookTimes {
  std::vector<Seconds> looks;
  std::vector<double> shares;  // of the run before it
};

/// By stage, of all but the last.
Result<std::vector<LookTimes>> time_looks(const soc::Soc& soc, engine::Residency& residency, zoo::TaskId task,
                                          const plan::TaskPlan& plan, std::size_t repetitions) {
  std::vector<std::shared_ptr<backend::Executable>> stages;
  for (std::size_t i = 0; i < plan.sigma.size(); ++i) {
    SL_ASSIGN_OR_RETURN(auto executable, residency.get(plan::subgraph_of(task, plan, zoo::StageId(i))));
    stages.push_back(std::move(executable));
  }
  SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind(std::move(stages)));
  constexpr std::size_t kWarmUp = 3;
  std::vector<LookTimes> times(chain.stages() - 1);
  for (std::size_t n = 0; n < kWarmUp + repetitions; ++n) {
    for (std::size_t i = 0; i < times.size(); ++i) {
      const soc::Processor& processor = soc.processor(plan.placement[i]);
      if (!processor.cores.empty()) SL_RETURN_IF_ERROR(pin_this_thread(processor.cores));
      const auto start = Clock::now();
      SL_RETURN_IF_ERROR(chain.run_stage(i));
      const auto ran = Clock::now();
      static_cast<void>(chain.sparsity(i));
      const Seconds look = Clock::now() - ran;
      if (n < kWarmUp) continue;
      times[i].looks.push_back(look);
      times[i].shares.push_back(look / Seconds(ran - start));
    }
  }
  return times;
}

}  // namespace

Spread spread_of(std::vector<Seconds> samples) {
  const std::size_t count = samples.size();
  return {quartiles(std::move(samples)), count};
}

Result<DispatchCost> measure_dispatch_cost(const soc::Soc& soc, std::size_t processors, std::size_t batches,
                                           const std::filesystem::path& folder) {
  if (processors < 1 || processors > soc.processors.size()) {
    return error(Code::kInvalidArgument, "{} processors; {} has {}", processors, soc.name, soc.processors.size());
  }
  const soc::Soc part = first_processors(soc, processors);
  const TensorSpec tensor{"x", ElementType::kF32, {1, 4}};
  const TensorSpec result{"y", ElementType::kF32, {1, 4}};
  const std::filesystem::path file = folder / "nothing.json";
  const std::filesystem::path slow_file = folder / "busy.json";
  backend::ScriptedModel script{.inputs = {tensor}, .between = {}, .outputs = {result}, .spin = Seconds(0), .fail = {}};
  SL_RETURN_IF_ERROR(backend::write_scripted_model(file, script));
  script.spin = 5 * kBrief;  // a worker that looks no longer than that sleeps then
  SL_RETURN_IF_ERROR(backend::write_scripted_model(slow_file, script));
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("scripted"));
  engine::Residency residency(part, [&](const soc::SubgraphKey&) { return runtime->load(file, {}); });
  engine::Residency slow(part, [&](const soc::SubgraphKey&) { return runtime->load(slow_file, {}); });
  zoo::Zoo zoo;
  zoo.tasks.push_back(task_of("nothing", kStages, {tensor}, result));
  const auto plan = plan_in_turn(zoo, part);

  constexpr std::size_t kRequests = 500, kOutstanding = 8;
  DispatchCost cost{.processors = processors, .per_dispatch = {}, .hand_off = {}, .hand_off_looking = {}};
  {
    Load load(zoo);
    SL_ASSIGN_OR_RETURN(
        const auto engine,
        engine::Engine::start(zoo, part, residency, plan, {.slots_per_task = kOutstanding, .spin = kBrief},
                              [&](const engine::Completion& c) { load.on_complete(c); }));
    load.attach(*engine);
    std::vector<Seconds> samples;
    for (std::size_t b = 0; b < batches; ++b) {
      const Seconds time = load.serve(kRequests, kOutstanding);
      samples.push_back(time * static_cast<double>(processors) / static_cast<double>(kRequests * kStages));
    }
    SL_RETURN_IF_ERROR(load.wait());
    cost.per_dispatch = spread_of(std::move(samples));
  }
  for (const bool looking : {false, true}) {
    sched::TraceSink trace(processors);
    engine::EngineOptions options{.slots_per_task = 1, .trace = &trace};
    if (!looking) options.spin = kBrief;
    Load load(zoo);
    SL_ASSIGN_OR_RETURN(const auto engine,
                        engine::Engine::start(zoo, part, slow, plan, options,
                                              [&](const engine::Completion& c) { load.on_complete(c); }));
    load.attach(*engine);
    load.serve(batches * 5, 1);
    SL_RETURN_IF_ERROR(load.wait());
    (looking ? cost.hand_off_looking : cost.hand_off) = spread_of(hand_offs(trace, processors));
  }
  return cost;
}

plan::Plan uniform_plan(const zoo::Zoo& zoo, const soc::Soc& soc, std::size_t variant, std::size_t shift) {
  plan::Plan plan;
  plan.planner = "bench";
  for (const zoo::Task& task : zoo.tasks) {
    plan::TaskPlan& chosen = plan.tasks.emplace_back();
    for (std::size_t i = 0; i < task.stages(); ++i) {
      chosen.sigma.emplace_back(std::min(variant, task.variants.size() - 1));
      chosen.placement.emplace_back((i + shift) % soc.processors.size());
      chosen.providers.push_back(soc.processor(chosen.placement.back()).providers.front());
      chosen.estimates.push_back({.latency = from_ms(1), .model_latency = from_ms(1)});  // fcfs and edf ignore it
    }
  }
  return plan;
}

Result<SwitchCost> measure_switch_cost(const zoo::Zoo& zoo, const soc::Soc& soc, engine::Residency& residency,
                                       const plan::Plan& first, const plan::Plan& second, std::size_t repetitions) {
  const std::vector<std::shared_ptr<const plan::Plan>> plans{std::make_shared<plan::Plan>(first),
                                                             std::make_shared<plan::Plan>(second)};
  Load load(zoo);
  SL_ASSIGN_OR_RETURN(const auto engine,
                      engine::Engine::start(zoo, soc, residency, plans[0], {},
                                            [&](const engine::Completion& c) { load.on_complete(c); }));
  load.attach(*engine);
  SL_RETURN_IF_ERROR(engine->prepare(second));
  const auto measure = [&](std::size_t completions_between) -> Result<Spread> {
    std::vector<Seconds> samples;
    for (std::size_t i = 1; i <= repetitions; ++i) {
      const auto start = Clock::now();
      SL_RETURN_IF_ERROR(engine->switch_plan(plans[i % 2]));
      samples.push_back(Clock::now() - start);
      if (completions_between > 0) load.wait_for(completions_between);
    }
    return spread_of(std::move(samples));
  };
  SwitchCost cost;
  SL_ASSIGN_OR_RETURN(cost.idle, measure(0));
  constexpr std::size_t kEndless = 1'000'000'000;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) load.begin(t, kEndless, 2);
  Result<Spread> loaded = measure(3);
  load.stop();
  SL_RETURN_IF_ERROR(load.wait());
  SL_ASSIGN_OR_RETURN(cost.loaded, std::move(loaded));
  return cost;
}

Result<MonitorCost> measure_monitor_cost(const zoo::Zoo& zoo, const soc::Soc& soc, engine::Residency& residency,
                                         const plan::Plan& plan, std::size_t repetitions) {
  const RestoreCores restore;
  MonitorCost cost;
  std::vector<Seconds> looks;
  std::vector<double> shares;
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    SL_ASSIGN_OR_RETURN(const std::vector<LookTimes> stages,
                        time_looks(soc, residency, zoo::TaskId(t), plan.tasks[t], repetitions));
    for (std::size_t i = 0; i < stages.size(); ++i) {
      looks.insert(looks.end(), stages[i].looks.begin(), stages[i].looks.end());
      shares.insert(shares.end(), stages[i].shares.begin(), stages[i].shares.end());
      const double median = quartiles(stages[i].shares).median;
      if (median <= cost.worst_share) continue;
      const zoo::Task& task = zoo.tasks[t];
      cost.worst_share = median;
      cost.worst = fmt::format("{}/{} stage {}", task.name, task.variants[plan.tasks[t].sigma[i].index()].name, i);
    }
  }
  if (looks.empty()) return error(Code::kInvalidArgument, "plan '{}': no task has two stages", plan.planner);
  cost.look = spread_of(std::move(looks));
  cost.share = quartiles(std::move(shares));
  return cost;
}

Result<WholeModelCost> measure_whole_model(const backend::Runtime& runtime, const soc::Soc& soc,
                                           const std::filesystem::path& model, std::size_t repetitions) {
  const soc::Soc part = first_processors(soc, 1);
  const soc::Processor& processor = part.processors.front();
  const backend::CompileOptions compile{
      .device = processor.device, .threads = static_cast<int>(processor.cores.size()), .cache_dir = {}};
  engine::Residency residency(part, [&](const soc::SubgraphKey&) { return runtime.load(model, compile); });
  SL_ASSIGN_OR_RETURN(const auto executable, residency.get({}));
  if (executable->outputs().empty()) return error(Code::kInvalidArgument, "{}: no outputs", model.string());
  SL_ASSIGN_OR_RETURN(zoo::Chain bare, zoo::Chain::bind({executable}));
  zoo::Zoo zoo;
  zoo.tasks.push_back(task_of("model", 1, executable->inputs(), executable->outputs().front()));
  Load load(zoo);
  // Both run on one core: a worker that looked for more to do would take it from the bare runtime.
  SL_ASSIGN_OR_RETURN(
      const auto engine,
      engine::Engine::start(zoo, part, residency, plan_in_turn(zoo, part), {.slots_per_task = 1, .spin = Seconds(0)},
                            [&](const engine::Completion& c) { load.on_complete(c); }));
  load.attach(*engine);
  const RestoreCores restore;
  if (!processor.cores.empty()) SL_RETURN_IF_ERROR(pin_this_thread(processor.cores));

  constexpr std::size_t kWarmUp = 5;
  std::vector<Seconds> alone, through;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < kWarmUp + repetitions; ++i) {
    const auto start = Clock::now();
    SL_RETURN_IF_ERROR(bare.run());
    const Seconds bare_time = Clock::now() - start;
    const Seconds submitted = engine->now();
    load.begin(0, 1, 1);
    SL_RETURN_IF_ERROR(load.wait());
    const Seconds engine_time = load.last_finished() - submitted;
    if (i < kWarmUp) continue;
    alone.push_back(bare_time);
    through.push_back(engine_time);
    ratios.push_back(engine_time / bare_time);
  }
  return WholeModelCost{.bare = spread_of(std::move(alone)),
                        .engine = spread_of(std::move(through)),
                        .ratio = quartiles(std::move(ratios))};
}

}  // namespace sparseloom::bench
