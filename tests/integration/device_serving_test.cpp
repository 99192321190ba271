// Serving on a device with memory of its own, here in software (tests/support/software_gpu.h): a task whose stages all
// run there, beside one on a CPU core.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <map>
#include <mutex>

#include "sparseloom/engine/engine.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/server.h"
#include "sparseloom/soc/discover.h"
#include "sparseloom/zoo/pieces.h"
#include "tests/errors/cli.h"
#include "tests/support/software_gpu.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::testing {
namespace {

using ::testing::ElementsAre;

// A zoo of two tasks, "far" in three parts and "near" in one, and a cache of its own.
class DeviceServing : public ::testing::Test {
 protected:
  DeviceServing() {
    const std::string file = folder_.path() / "chain.onnx";
    EXPECT_TRUE(write_file(file, tiny_layers(6).text()).ok());
    run({"zoo", "init", zoo_});
    run({"zoo", "add", "far", file, "--zoo", zoo_, "--parts", "3"});
    run({"zoo", "add", "near", file, "--zoo", zoo_, "--parts", "1"});
  }

  CliResult run(const std::vector<std::string>& words) {
    CliResult result = run_cli(words, folder_.path() / "cache");
    EXPECT_EQ(result.status, 0) << result.err;
    return result;
  }

  SoftwareGpu gpu_;
  TemporaryFolder folder_;
  const std::string zoo_ = folder_.path() / "zoo";
  const ScopedEnv cache_{"SPARSELOOM_CACHE_DIR", folder_.path() / "cache"};
};

struct Stage {
  double start, end;
};
std::vector<Stage> spans_of(const sched::TraceSink& trace, soc::ProcessorId processor) {
  std::vector<Stage> spans;
  for (const sched::Span& span : trace.spans(processor)) spans.push_back({span.start.count(), span.end.count()});
  return spans;
}

// Everything that serves the zoo, "far" on `place` and "near" on the first core, whatever is fastest.
struct Serving {
  Serving(const std::filesystem::path& folder, const std::string& root,
          std::vector<bool> on_device = {true, true, true}, const std::string& place = "webgpu0",
          backend::Provider provider = backend::Provider::kWebGpu)
      : zoo(zoo::load_zoo(root).value()),
        pieces(zoo, *runtime, folder / "pieces"),
        residency(*runtime, soc, pieces, folder / "compiled"),
        trace(soc.processors.places()) {
    auto plan = std::make_shared<plan::Plan>();
    plan->planner = "test";
    for (const zoo::Task& task : zoo.tasks) {
      const bool far = task.name == "far";
      plan::TaskPlan& chosen = plan->tasks.emplace_back();
      chosen.sigma.assign(task.stages(), zoo::VariantId(0));
      for (std::size_t i = 0; i < task.stages(); ++i) {
        const bool there = far && on_device[i];
        chosen.placement.push_back(soc.find(there ? place : "cpu0").value());
        chosen.providers.push_back(there ? provider : backend::Provider::kOpenVino);
      }
      chosen.estimates.assign(task.stages(), {.latency = from_ms(1), .model_latency = from_ms(1)});
    }
    auto started = engine::Engine::start(zoo, soc, residency, plan, {.trace = &trace},
                                         [this](const engine::Completion& completion) { completed(completion); });
    EXPECT_TRUE(started.ok()) << started.status().message();
    engine = std::move(started).value();
  }

  // Sends a request, whose answer comes later.
  std::future<std::vector<float>> ask(const std::string& task, float scale) {
    const std::size_t id = sent++;
    std::vector<float> x{scale, 0.5F, -0.25F, 1.0F, 0.125F, -1.0F, 0.75F, 2 * scale};
    const std::lock_guard lock(mutex);
    Asked& asked = waiting[id];
    std::memcpy(asked.input.data(), x.data(), asked.input.size());
    const Status sent_ok = engine->submit({.id = sched::RequestId(id), .task = zoo.find_task(task).value()},
                                          {std::span<const std::byte>(asked.input.span())});
    EXPECT_TRUE(sent_ok.ok()) << sent_ok.message();
    return asked.answer.get_future();
  }

  void completed(const engine::Completion& completion) {
    EXPECT_TRUE(completion.status.ok()) << completion.status.message();
    const auto* values = reinterpret_cast<const float*>(completion.output().data());
    const std::lock_guard lock(mutex);
    waiting.at(completion.request.id.index()).answer.set_value({values, values + 8});
  }

  struct Asked {
    HostBuffer input{std::size_t{32}};
    std::promise<std::vector<float>> answer;
  };
  std::unique_ptr<backend::Runtime> runtime = backend::make_runtime("auto").value();
  soc::Soc soc = soc::with_hybrid(soc::discover(*runtime).value());
  zoo::Zoo zoo;
  zoo::PieceStore pieces;
  engine::Residency residency;
  sched::TraceSink trace;
  std::mutex mutex;
  std::map<std::size_t, Asked> waiting;
  std::size_t sent = 0;
  std::unique_ptr<engine::Engine> engine;
};

TEST_F(DeviceServing, AnswersAsTheCpuDoesAndLeavesItsCoresToOthers) {
  Serving serving(folder_.path(), zoo_);
  for (int request = 0; request < 10; ++request) {
    const float scale = static_cast<float>(request) / 8;
    const std::vector<float> near = serving.ask("near", scale).get(), far = serving.ask("far", scale).get();
    for (std::size_t i = 0; i < far.size(); ++i) EXPECT_NEAR(far[i], near[i], 1e-4);
    EXPECT_NE(far[0], 0);
  }

  // While the device works on one request, a core answers others.
  for (int request = 0; request < 20; ++request) {
    auto far = serving.ask("far", 1);
    while (far.wait_for(Seconds(0)) != std::future_status::ready) serving.ask("near", 1).get();
  }
  serving.engine->drain();
  std::size_t beside = 0;
  const std::vector<Stage> on_device = spans_of(serving.trace, serving.soc.find("webgpu0").value());
  for (const Stage& near : spans_of(serving.trace, soc::ProcessorId(0))) {
    for (const Stage& far : on_device) beside += far.start < near.start && near.end < far.end ? 1 : 0;
  }
  EXPECT_GT(beside, 0U) << "no stage of 'near' ran within one of 'far'";
}

// From the device to a core, and back.
TEST_F(DeviceServing, TensorsCrossBetweenMemories) {
  for (const std::vector<bool>& on_device : std::vector<std::vector<bool>>{{true, false, true}, {false, true, false}}) {
    Serving serving(folder_.path(), zoo_, on_device);
    for (int request = 0; request < 3; ++request) {
      const float scale = static_cast<float>(request) / 8;
      const std::vector<float> near = serving.ask("near", scale).get(), far = serving.ask("far", scale).get();
      for (std::size_t i = 0; i < far.size(); ++i) EXPECT_NEAR(far[i], near[i], 1e-4);
    }
    serving.engine->drain();
  }
}

// Stages that a core and the device execute together, and one that the device alone does.
TEST_F(DeviceServing, ACoreAndTheDeviceServeTogether) {
  Serving serving(folder_.path(), zoo_, {true, true, true}, "cpu0+webgpu0", backend::Provider::kHybrid);
  for (int request = 0; request < 5; ++request) {
    const float scale = static_cast<float>(request) / 8;
    const std::vector<float> near = serving.ask("near", scale).get(), far = serving.ask("far", scale).get();
    for (std::size_t i = 0; i < far.size(); ++i) EXPECT_NEAR(far[i], near[i], 1e-4);
  }
  serving.engine->drain();
}

// A server that may use it measures it as it does every other provider, and plans with what is fastest.
TEST_F(DeviceServing, HybridExecutionIsOneMoreProvider) {
  ServerOptions options;
  options.zoo = zoo_;
  options.hybrid = true;
  options.check_profile = false;
  const Server server = Server::open(std::move(options)).value();
  const ServerView view = server.view();
  const soc::ProcessorId gang = view.soc.find("cpu0+webgpu0").value();
  for (std::size_t t = 0; t < view.zoo.tasks.size(); ++t) {
    const profile::Latency& latency =
        view.profile.task(zoo::TaskId(t)).latency(zoo::VariantId(0), zoo::StageId(0), gang, backend::Provider::kHybrid);
    EXPECT_GT(latency.count, 0);
  }
}

TEST_F(DeviceServing, APluginThatIsMissingIsNamed) {
  const ScopedEnv missing("SPARSELOOM_ONNXRUNTIME_WEBGPU", "/nowhere/plugin.so");
  expect_one_line_error(run_cli({"soc"}, folder_.path() / "cache"), 1,
                        {"SPARSELOOM_ONNXRUNTIME_WEBGPU", "/nowhere/plugin.so"});
}

TEST_F(DeviceServing, WhatMovingTensorsTakesIsMeasured) {
  ServerOptions options;
  options.zoo = zoo_;
  const Server server = Server::open(std::move(options)).value();
  const ServerView view = server.view();
  EXPECT_GT(view.profile.transfer_latency.count(), 0);
  EXPECT_GE(view.profile.transfer_seconds_per_byte, 0);
  EXPECT_THAT(view.profile.boundary, ElementsAre(ElementsAre(Bytes{32}, Bytes{32}), ElementsAre()));
}

}  // namespace
}  // namespace sparseloom::testing
