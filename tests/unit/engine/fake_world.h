// A zoo, processors and compiled subgraphs that exist only in memory. A fake subgraph of stage i with variant v passes
// its tensor on with element 1 + i set to v: element 0 of the output tells which request it answers, the others which
// stitched variant did.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <vector>

#include "sparseloom/engine/engine.h"
#include "tests/support/change_processor.h"
#include "tests/support/fake_executable.h"
#include "tests/unit/sched/script.h"

namespace sparseloom::engine::testing {

using sparseloom::testing::change_processor;

/// What a test may do, or observe, while a fake subgraph runs; a failure becomes the run's.
using OnRun = std::function<Status(const SubgraphKey&, std::span<const float> in, std::span<float> out)>;

struct Counts : sparseloom::testing::FakeCounts {
  std::atomic<int> compiled{0};
};

struct FakeWorld {
  /// `width`: elements of every tensor, at least 1 + stages. `gangs`: processors 0 and 1 form one, 2 and 3 ..., and all
  /// of them if there are more than two.
  explicit FakeWorld(std::size_t tasks = 2, std::size_t processors = 2, std::size_t stages = 3, std::int64_t width = 4,
                     bool gangs = false)
      : zoo(sched::testing::made_up_zoo(tasks, stages, 4)),
        soc(like_processors(processors, gangs)),
        tensor{"x", ElementType::kF32, {1, width}},
        residency(soc, [this](const SubgraphKey& k) { return compile(k); }) {
    for (zoo::Task& task : zoo.tasks) {
      task.inputs = {tensor};
      task.outputs = {tensor};
    }
  }

  static soc::Soc like_processors(std::size_t count, bool gangs) {
    soc::Soc soc;
    const auto add_gang = [&soc](std::size_t first, std::size_t size) {
      std::vector<soc::ProcessorId> members;
      for (std::size_t p = first; p < first + size; ++p) members.emplace_back(p);
      soc.processors.add_gang({.name = fmt::format("cpu{}-{}", first, first + size - 1),
                               .device = "CPU",
                               .kind = fmt::format("gang of {}", size)},
                              members);
    };
    for (std::size_t p = 0; p < count; ++p) {
      soc.processors.push_back({.name = "cpu" + std::to_string(p),
                                .device = "CPU",  // without cores: its worker is not pinned
                                .providers = {backend::Provider::kOpenVino, backend::Provider::kSparse}});
    }
    for (std::size_t p = 0; gangs && p + 2 <= count; p += 2) add_gang(p, 2);
    if (gangs && count > 2) add_gang(0, count);
    return soc;
  }

  /// All tasks use variant `v` at every stage; stage i runs on processor i mod P, or, of every other task, on whichever
  /// is free first. All by one provider.
  std::shared_ptr<const plan::Plan> plan_of(std::size_t v,
                                            backend::Provider provider = backend::Provider::kOpenVino) const {
    auto plan = std::make_shared<plan::Plan>();
    plan->planner = "fake";
    for (const zoo::Task& task : zoo.tasks) {
      plan::TaskPlan& chosen = plan->tasks.emplace_back();
      chosen.pooled = plan->tasks.size() % 2 == 0;
      for (std::size_t i = 0; i < task.stages(); ++i) {
        chosen.sigma.emplace_back(v);
        chosen.placement.emplace_back(i % soc.processors.size());
        chosen.providers.push_back(provider);
        chosen.estimates.push_back({.latency = from_ms(1), .model_latency = from_ms(1), .sparsity = usual_sparsity});
      }
    }
    return plan;
  }

  Result<std::unique_ptr<backend::Executable>> compile(const SubgraphKey& key) {
    ++counts.compiled;
    if (on_compile) on_compile(key);
    TensorSpec in = tensor;
    if (key.variant == misfit && key.stage.index() == 1) in.shape = {1, 99};
    const auto run = [this, key](std::span<const float> from, std::span<float> to) {
      std::memcpy(to.data(), from.data(), to.size_bytes());
      to[1 + key.stage.index()] = static_cast<float>(key.variant.index());
      return on_run ? on_run(key, from, to) : Status();
    };
    return std::unique_ptr<backend::Executable>(
        std::make_unique<sparseloom::testing::FakeExecutable>(in, tensor, run, counts));
  }

  std::unique_ptr<Engine> start(std::shared_ptr<const plan::Plan> plan, OnComplete on_complete,
                                EngineOptions options = {}) {
    auto engine = Engine::start(zoo, soc, residency, std::move(plan), std::move(options), std::move(on_complete));
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    return engine.ok() ? std::move(engine).value() : nullptr;
  }

  zoo::Zoo zoo;
  soc::Soc soc;
  TensorSpec tensor;
  OnRun on_run;
  std::function<void(const SubgraphKey&)> on_compile;  ///< called before a subgraph is compiled
  Counts counts;
  double usual_sparsity = 0;             ///< of every stage, as plans have it
  std::optional<zoo::VariantId> misfit;  ///< its stage 1 takes a tensor that nobody makes
  Residency residency;
};

/// Requests' input tensors: sample s is (s, 0, 0, ...).
class Inputs {
 public:
  Inputs(std::size_t count, std::size_t width = 4) {
    for (std::size_t s = 0; s < count; ++s) {
      HostBuffer& buffer = buffers_.emplace_back(width * sizeof(float));
      *reinterpret_cast<float*>(buffer.data()) = static_cast<float>(s);
      spans_.push_back({std::span<const std::byte>(buffer.span())});
    }
  }
  const std::vector<std::span<const std::byte>>& operator[](std::size_t s) const { return spans_[s]; }

 private:
  std::vector<HostBuffer> buffers_;
  std::vector<std::vector<std::span<const std::byte>>> spans_;
};

inline sched::Request request(std::size_t id, std::size_t task = 0) {
  sched::Request r;
  r.id = sched::RequestId(id);
  r.task = zoo::TaskId(task);
  r.deadline = Seconds(1e9);
  return r;
}

/// A completion, copied out of its callback.
struct Seen {
  std::size_t id = 0;
  std::size_t task = 0;
  std::size_t plan_version = 0;
  Status status;
  std::vector<float> output;
  std::vector<float> sigma;
};

/// Keeps every completion. Callbacks come one at a time; read when the engine is drained.
class Log {
 public:
  OnComplete callback() {
    return [this](const Completion& c) { add(c); };
  }
  void add(const Completion& c) {
    Seen seen{c.request.id.index(), c.request.task.index(), c.plan_version, c.status, {}, {}};
    const auto* values = reinterpret_cast<const float*>(c.output().data());
    seen.output.assign(values, values + c.output().size() / sizeof(float));
    if (c.plan != nullptr) {
      for (const zoo::VariantId v : c.plan->sigma) seen.sigma.push_back(static_cast<float>(v.index()));
    }
    all.push_back(std::move(seen));
  }
  std::vector<std::size_t> ids() const {
    std::vector<std::size_t> result;
    for (const Seen& seen : all) result.push_back(seen.id);
    return result;
  }
  std::vector<Seen> all;
};

/// Blocks whoever waits until it is opened.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  /// Returns when somebody is (or was) waiting.
  void until_reached() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

}  // namespace sparseloom::engine::testing
