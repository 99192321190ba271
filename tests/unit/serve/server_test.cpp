#include "sparseloom/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/base/json.h"
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/measure/measure.h"
#include "sparseloom/serve/domain.h"
#include "sparseloom/soc/discover.h"
#include "tests/support/made_up_zoo.h"
#include "tests/support/scoped_env.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// With its accuracies measured, as zoos that are shipped have them.
std::filesystem::path measured(const testing::MadeUpZoo& made) {
  const auto runtime = backend::make_scripted_runtime();
  const zoo::Zoo zoo = made.load();
  const soc::Soc soc = soc::discover(*runtime).value();
  zoo::PieceStore pieces(zoo, *runtime, profile::default_pieces(zoo).value());
  profile::MeasureOptions options;
  options.latency = false;
  options.accuracy = {profile::SplitName::kProfile};
  EXPECT_TRUE(profile::measure(zoo, soc, *runtime, pieces, options).ok());
  return made.root();
}

/// A made-up zoo ("toy": passes four numbers on, three stages, three variants) and model files that pass on what they
/// get; caches in a folder of the test's own.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() { ::setenv("SPARSELOOM_CACHE_DIR", cache_.path().c_str(), 1); }

  std::filesystem::path model(const std::string& name, std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs,
                              Seconds spin = Seconds(0), const std::string& fail = "") {
    const std::filesystem::path file = models_.path() / (name + ".json");
    EXPECT_TRUE(backend::write_scripted_model(file, {std::move(inputs), {}, std::move(outputs), spin, fail}).ok());
    return file;
  }
  std::filesystem::path echo(const std::string& name, Seconds spin = Seconds(0)) {
    return model(name, {tensor("x")}, {tensor("y")}, spin);
  }
  static TensorSpec tensor(const std::string& name, std::int64_t width = 4) {
    return {name, ElementType::kF32, {1, width}};
  }
  static Server open(ServerOptions options) {
    options.runtime = "scripted";
    options.adapt = false;
    options.check_profile = false;
    auto server = Server::open(std::move(options));
    EXPECT_TRUE(server.ok()) << server.status().message();
    return std::move(server).value();
  }
  static Status refused(ServerOptions options) {
    options.runtime = "scripted";
    return Server::open(std::move(options)).status();
  }
  static std::vector<Input> four(float first, const std::string& name = "x") {
    return {Input::copy(name, std::vector<float>{first, 2, 3, 4})};
  }

  testing::TemporaryFolder cache_, models_;
};

TEST_F(ServerTest, ServesAPlainModelFile) {
  Server server = open({.models = {{"echo", echo("echo")}}});
  const Reply reply = server.infer("echo", four(7)).get();
  ASSERT_TRUE(reply.status.ok()) << reply.status.message();
  ASSERT_EQ(reply.outputs.size(), 1U);
  EXPECT_EQ(reply.outputs[0].tensor.name, "y");
  EXPECT_THAT(reply.outputs[0].as<float>(), ElementsAre(7, 2, 3, 4));
  EXPECT_TRUE(reply.met_latency);
  ASSERT_NE(reply.served_by, nullptr);
  EXPECT_THAT(reply.served_by->variant, ElementsAre("model"));
  EXPECT_EQ(reply.served_by->accuracy, std::nullopt) << "nobody knows it";
}

TEST_F(ServerTest, ServesAZooAndSaysWhichVariantAnswered) {
  const testing::MadeUpZoo zoo;
  Server server = open({.zoo = measured(zoo)});
  const Reply reply = server.infer("toy", four(1), {.latency = 10s, .accuracy = 0.5}).get();
  ASSERT_TRUE(reply.status.ok()) << reply.status.message();
  EXPECT_EQ(reply.served_by->variant.size(), 3U);
  EXPECT_TRUE(reply.met_accuracy);
  EXPECT_TRUE(reply.met_latency);
  const Reply picky = server.infer("toy", four(1), {.latency = 10s, .accuracy = 1.0}).get();
  EXPECT_TRUE(picky.status.ok()) << "served all the same";
  EXPECT_FALSE(picky.met_accuracy);
}

TEST_F(ServerTest, GivesEveryOutputAndBindsInputsByName) {
  Server server =
      open({.models = {{"two", model("two", {tensor("a"), tensor("b", 2)}, {tensor("p"), tensor("q", 2)})}}});
  std::vector<Input> inputs{Input::copy("b", std::vector<float>{5, 6}),
                            Input::copy("a", std::vector<float>{1, 2, 3, 4})};
  const Reply reply = server.infer("two", std::move(inputs)).get();
  ASSERT_TRUE(reply.status.ok()) << reply.status.message();
  ASSERT_EQ(reply.outputs.size(), 2U);
  EXPECT_THAT(reply.outputs[0].as<float>(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(reply.outputs[1].as<float>(), ElementsAre(5, 6));
}

TEST_F(ServerTest, SaysWhatIsWrongWithARequest) {
  Server server = open({.models = {{"two", model("two", {tensor("a"), tensor("b", 2)}, {tensor("p")})}}});
  const std::vector<float> a{1, 2, 3, 4}, b{5, 6};
  const auto message = [&](const std::string& task, std::vector<Input> inputs, const InferOptions& options = {}) {
    return server.infer(task, std::move(inputs), options).get().status.message();
  };
  EXPECT_EQ(message("three", {}), "task 'three': not known; allowed: two");
  EXPECT_EQ(message("two", {Input::copy("a", a)}),
            "task 'two': input 'b' is missing; its model takes: a f32[1,4], b f32[1,2]");
  EXPECT_EQ(message("two", {Input::copy("a", a), Input::copy("c", b)}),
            "task 'two': input 'c': not known; allowed: a f32[1,4], b f32[1,2]");
  EXPECT_EQ(message("two", {Input::copy("a", a), Input::copy("a", a)}), "task 'two': input 'a': given twice");
  EXPECT_EQ(message("two", {Input::copy("a", b), Input::copy("b", b)}),
            "task 'two': input 'a': got 8 bytes; a f32[1,4] has 16");
  const auto both = [&] { return std::vector{Input::copy("a", a), Input::copy("b", b)}; };
  EXPECT_EQ(message("two", both(), {.latency = -1ms}),
            "task 'two': latency bound -1 ms; allowed: more than 0 and finite");
  EXPECT_THAT(message("two", both(), {.latency = Seconds(std::nan(""))}), HasSubstr("latency bound nan ms"));
  EXPECT_EQ(message("two", both(), {.accuracy = 0.5}), "task 'two': accuracy bound 0.5, but its accuracy is unknown");
  const TaskMetrics metrics = server.metrics().tasks.at(0);
  EXPECT_EQ(metrics.requests, 7U);
  EXPECT_EQ(metrics.refused, 7U);
}

TEST_F(ServerTest, AModelThatCannotRunIsFoundWhenItIsOpened) {
  EXPECT_THAT(refused({.models = {{"broken", model("broken", {tensor("x")}, {tensor("y")}, Seconds(0), "no power")}}})
                  .message(),
              HasSubstr("no power"));
}

TEST_F(ServerTest, RefusesToOpenWhatIsNotThere) {
  EXPECT_EQ(refused({}).message(), "nothing to serve: neither a zoo nor a model was given");
  EXPECT_THAT(refused({.models = {{"m", "nowhere.json"}}}).message(), HasSubstr("nowhere.json"));
  EXPECT_THAT(refused({.models = {{"a b", echo("echo")}}}).message(), HasSubstr("'a b': is no name"));
  EXPECT_THAT(refused({.models = {{"m", echo("echo")}, {"m", echo("echo")}}}).message(),
              HasSubstr("task 'm': there is one of this name already"));
  EXPECT_THAT(refused({.models = {{"m", echo("echo")}}, .planner = "best"}).message(), HasSubstr("best"));
  EXPECT_THAT(refused({.models = {{"m", echo("echo")}}, .policy = "oracle"}).code(), Code::kInvalidArgument);
  EXPECT_THAT(refused({.models = {{"m", echo("echo")}}, .slos = {{"n", {}}}}).message(),
              HasSubstr("task 'n': not known; allowed: m"));
}

TEST_F(ServerTest, RequestsWithoutABoundAreServedAfterThoseThatHaveOne) {
  Server server = open({.models = {{"echo", echo("echo", 5ms)}}, .slots_per_task = 1});
  std::mutex mutex;
  std::vector<int> order;
  const auto note = [&](int id) {
    return [&, id](const Reply&) {
      const std::lock_guard lock(mutex);
      order.push_back(id);
    };
  };
  ASSERT_TRUE(server.submit("echo", four(0), {}, note(0)).ok());  // takes the slot
  for (int id = 1; id <= 3; ++id) ASSERT_TRUE(server.submit("echo", four(0), {}, note(id)).ok());
  ASSERT_TRUE(server.submit("echo", four(0), {.latency = 10s}, note(4)).ok());
  server.drain();
  EXPECT_THAT(order, ElementsAre(0, 4, 1, 2, 3));
}

TEST_F(ServerTest, CancelsWhatWaits) {
  Server server = open({.models = {{"echo", echo("echo", 20ms)}}, .slots_per_task = 1});
  PendingReply first = server.infer("echo", four(0));
  PendingReply second = server.infer("echo", four(1));
  EXPECT_TRUE(server.cancel(second.ticket()));
  EXPECT_EQ(second.get().status.code(), Code::kCancelled);
  EXPECT_FALSE(server.cancel(Ticket{99}));
  EXPECT_TRUE(first.get().status.ok());
  const TaskMetrics metrics = server.metrics().tasks.at(0);
  EXPECT_EQ(metrics.served, 1U);
  EXPECT_EQ(metrics.cancelled, 1U);
}

TEST_F(ServerTest, EveryReplyComesWhenTheServerIsDestroyed) {
  std::vector<PendingReply> replies;
  {
    Server server = open({.models = {{"echo", echo("echo", 10ms)}}, .slots_per_task = 1, .grace = Seconds(0)});
    for (int i = 0; i < 20; ++i) replies.push_back(server.infer("echo", four(0)));
  }
  std::size_t cancelled = 0;
  for (PendingReply& reply : replies) {
    ASSERT_TRUE(reply.ready());
    cancelled += reply.get().status.code() == Code::kCancelled ? 1 : 0;
  }
  EXPECT_GT(cancelled, 0U);
}

TEST_F(ServerTest, ACallbackThatThrowsIsNoticedAndServingGoesOn) {
  std::string noticed;
  Server server =
      open({.models = {{"echo", echo("echo")}}, .on_notice = [&](std::string_view line) { noticed = line; }});
  ASSERT_TRUE(server.submit("echo", four(0), {}, [](const Reply&) { throw std::runtime_error("oh"); }).ok());
  EXPECT_TRUE(server.infer("echo", four(0)).get().status.ok());
  server.drain();
  EXPECT_EQ(noticed, "a reply's callback threw: oh");
}

TEST_F(ServerTest, InputsMayBeSharedOrLent) {
  Server server = open({.models = {{"echo", echo("echo", 1ms)}}});
  auto shared = std::make_shared<const std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  const std::weak_ptr<const std::vector<float>> watch = shared;
  const auto bytes = std::as_bytes(std::span(*shared));
  PendingReply reply = server.infer("echo", {Input::share("x", bytes, std::move(shared))});
  EXPECT_THAT(reply.get().outputs[0].as<float>(), ElementsAre(1, 2, 3, 4));
  server.drain();
  EXPECT_TRUE(watch.expired());
  const std::vector<float> lent{4, 3, 2, 1};
  EXPECT_THAT(server.infer("echo", {Input::lend("x", std::as_bytes(std::span(lent)))}).get().outputs[0].as<float>(),
              ElementsAre(4, 3, 2, 1));
}

TEST_F(ServerTest, UnloadsAndLoadsTasksWhileOthersServe) {
  Server server = open({.models = {{"a", echo("a")}, {"b", echo("b")}}});
  ASSERT_TRUE(server.unload("a").ok());
  EXPECT_EQ(server.infer("a", four(0)).get().status.message(), "task 'a': is not loaded, or is being unloaded");
  EXPECT_TRUE(server.infer("b", four(0)).get().status.ok());
  EXPECT_EQ(server.tasks()[0].placement, nullptr);
  ASSERT_TRUE(server.load("a").ok());
  EXPECT_TRUE(server.infer("a", four(0)).get().status.ok());
  ASSERT_TRUE(server.unload("a").ok());
  ASSERT_TRUE(server.unload("b").ok()) << "nothing is left to serve";
  ASSERT_TRUE(server.load("b").ok());
  EXPECT_TRUE(server.infer("b", four(0)).get().status.ok());
  EXPECT_EQ(server.load("c").message(), "task 'c': not known; allowed: a, b");
}

TEST_F(ServerTest, LoadsAnotherModelFile) {
  Server server = open({.models = {{"a", echo("a")}}});
  ASSERT_TRUE(server.load(ModelFile{"late", model("late", {tensor("x", 8)}, {tensor("y", 8)})}).ok());
  const Reply reply = server.infer("late", {Input::copy("x", std::vector<float>(8, 3))}).get();
  ASSERT_TRUE(reply.status.ok()) << reply.status.message();
  EXPECT_EQ(reply.outputs[0].as<float>().size(), 8U);
  EXPECT_TRUE(server.infer("a", four(0)).get().status.ok());
  EXPECT_EQ(server.load(ModelFile{"a", echo("a")}).message(), "model 'a': there is a task of this name already");
  EXPECT_EQ(server.tasks().size(), 2U);
}

TEST_F(ServerTest, ServesOnWhateverMemoryIsAskedFor) {
  const testing::MadeUpZoo zoo;
  Server server = open({.zoo = measured(zoo), .models = {{"echo", echo("echo")}}});
  const Status refused = server.set_memory(Bytes{0});
  // A scripted model takes next to no memory, so even none may do.
  EXPECT_TRUE(refused.ok() || refused.code() == Code::kResourceExhausted) << refused.message();
  EXPECT_TRUE(server.infer("toy", four(1)).get().status.ok());
  EXPECT_TRUE(server.set_memory(std::nullopt).ok());
  EXPECT_EQ(server.metrics().budget, std::nullopt);
  EXPECT_TRUE(server.infer("echo", four(1)).get().status.ok());
}

TEST_F(ServerTest, BoundsChangeWhileServing) {
  const testing::MadeUpZoo zoo;
  Server server = open({.zoo = measured(zoo)});
  ASSERT_TRUE(server.set_slo("toy", {.accuracy = 0.75, .latency = 1s}).ok());
  EXPECT_TRUE(server.infer("toy", four(0)).get().met_accuracy);
  EXPECT_TRUE(server.tasks()[0].placement->meets_slo);
  ASSERT_TRUE(server.set_slo("toy", {.accuracy = 1.0, .latency = 1s}).ok()) << "nothing meets it: the plan degrades";
  EXPECT_FALSE(server.tasks()[0].placement->meets_slo);
  EXPECT_THAT(server.set_slo("toy", {.accuracy = 1.5}).message(), HasSubstr("accuracy bound 1.5"));
  EXPECT_THAT(server.set_slo("toy", {.latency = 0s}).message(), HasSubstr("latency bound 0 ms"));
  EXPECT_EQ(server.tasks()[0].slo.accuracy, 1.0) << "what was refused changes nothing";
}

TEST_F(ServerTest, ShowsWhatItServesByAndTracesIt) {
  const testing::MadeUpZoo zoo;
  const std::filesystem::path trace = models_.path() / "trace.json";
  Server server = open({.zoo = measured(zoo), .trace = true});
  const ServerView view = server.view();
  ASSERT_EQ(view.plan->tasks.size(), 1U);
  EXPECT_EQ(view.zoo.tasks[0].name, "toy");
  EXPECT_EQ(view.plan->tasks[0].accuracy, server.tasks()[0].placement->accuracy);
  const Reply reply = server.infer("toy", four(1)).get();
  ASSERT_TRUE(reply.status.ok());
  EXPECT_LE(reply.completed, std::chrono::steady_clock::now());
  EXPECT_EQ(server.write_trace(trace).code(), Code::kFailedPrecondition) << "it may still grow";
  EXPECT_EQ(server.stop(1s), 0U);
  ASSERT_TRUE(server.write_trace(trace).ok());
  const Json written = read_json(trace).value();
  std::size_t stages = 0;
  for (const Json& event : written["traceEvents"]) stages += event["ph"] == "X" ? 1 : 0;
  EXPECT_EQ(stages, 3U);
  EXPECT_EQ(server.write_trace("/nonexistent/trace.json").code(), Code::kNotFound);
  EXPECT_THAT(open({.models = {{"echo", echo("echo")}}}).write_trace(trace).message(), HasSubstr("no trace was asked"));
}

TEST_F(ServerTest, ServesOnWhereNoCacheCanBeWritten) {
  ::setenv("SPARSELOOM_CACHE_DIR", "/proc/nowhere", 1);
  std::vector<std::string> notices;
  Server server = open(
      {.models = {{"echo", echo("echo")}}, .on_notice = [&](std::string_view line) { notices.emplace_back(line); }});
  EXPECT_TRUE(server.infer("echo", four(1)).get().status.ok());
  EXPECT_THAT(notices, ::testing::Contains(HasSubstr("what is cut and compiled is not kept")));
}

TEST_F(ServerTest, MeasuringStopsWhenItIsToldTo) {
  const std::atomic<bool> stop{true};
  EXPECT_EQ(refused({.models = {{"echo", echo("echo")}}, .stop_measuring = &stop}).code(), Code::kCancelled);
}

TEST_F(ServerTest, PlansWithTheProvidersItIsGiven) {
  Server server = open({.models = {{"echo", echo("echo")}}, .providers = {"scripted"}});
  EXPECT_THAT(server.tasks()[0].placement->provider, ElementsAre("scripted"));
  EXPECT_THAT(refused({.models = {{"echo", echo("echo")}}, .providers = {"dense"}}).message(), HasSubstr("'dense'"));
}

TEST_F(ServerTest, ExpectsTheLoadOfThoseTasksThatAreLoaded) {
  plan::Load load;
  load.samples = {{{Seconds(0), zoo::TaskId(0)}, {Seconds(0.5), zoo::TaskId(1)}}, {{Seconds(0), zoo::TaskId(0)}}};
  serve::Domain domain;
  domain.all = 3;
  domain.tasks = {zoo::TaskId(1), zoo::TaskId(2)};
  const auto left = serve::renumbered(load, domain);
  ASSERT_NE(left, nullptr);
  ASSERT_EQ(left->samples.size(), 1U) << "one sample had nothing but the task that is not loaded";
  ASSERT_EQ(left->samples[0].size(), 1U);
  EXPECT_EQ(left->samples[0][0].task, zoo::TaskId(0)) << "the domain's number of task 1";
  domain.tasks = {zoo::TaskId(2)};
  EXPECT_EQ(serve::renumbered(load, domain), nullptr) << "episodes: nothing is known to come";
}

TEST_F(ServerTest, FromManyThreadsEveryRequestGetsItsOwnAnswer) {
  const testing::MadeUpZoo zoo;
  Server server = open({.zoo = measured(zoo), .models = {{"echo", echo("echo")}}});
  constexpr int kThreads = 4, kEach = 300;
  std::atomic<int> right{0}, cancelled{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < kThreads; ++c) {
    clients.emplace_back([&, c] {
      for (int i = 0; i < kEach; ++i) {
        const auto mark = static_cast<float>(1 + c * kEach + i);
        PendingReply reply = server.infer(i % 2 == 0 ? "toy" : "echo", four(mark));
        if (i % 7 == 0) server.cancel(reply.ticket());
        const Reply got = reply.get();
        if (got.status.code() == Code::kCancelled) {
          ++cancelled;
        } else {
          right += got.status.ok() && got.outputs[0].as<float>()[0] == mark ? 1 : 0;
        }
      }
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(server.set_slo("toy", {.accuracy = i % 2 == 0 ? 0.7 : 0.75}).ok());
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right + cancelled, kThreads * kEach);
}

TEST(LatencyHistogram, FindsQuantilesToAFifth) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), Seconds(0));
  for (int ms = 1; ms <= 100; ++ms) histogram.add(from_ms(ms));
  EXPECT_NEAR(to_ms(histogram.quantile(0.5)), 50, 10);
  EXPECT_NEAR(to_ms(histogram.quantile(0.99)), 99, 20);
  histogram.add(Seconds(1e9));
  histogram.add(Seconds(0));
  EXPECT_EQ(histogram.count(), 102U);
}

// Requests that meet it fail by name; then others do its work.
TEST_F(ServerTest, ADeviceThatVanishesIsServedWithout) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path device = folder.path() / "npu";
  ASSERT_TRUE(write_file(device, "there").ok());
  const testing::ScopedEnv npu("SPARSELOOM_SCRIPTED_NPU", device);
  std::mutex mutex;
  std::string notices;
  ServerOptions options;
  options.models = {{.name = "echo", .file = echo("echo", from_ms(2))}};
  options.on_notice = [&](std::string_view line) {
    const std::lock_guard lock(mutex);
    notices += std::string(line) + "\n";
  };
  Server server = open(std::move(options));
  const auto placed = [&] { return server.tasks()[0].placement->processor.front(); };
  ASSERT_EQ(placed(), "npu0") << "four times as fast";
  EXPECT_TRUE(server.infer("echo", four(1)).get().status.ok());

  std::filesystem::remove(device);
  std::size_t failed = 0;
  for (Reply reply = server.infer("echo", four(1)).get(); !reply.status.ok();
       reply = server.infer("echo", four(1)).get()) {
    EXPECT_THAT(reply.status.message(), HasSubstr("npu0: the device is gone"));
    ++failed;
  }
  EXPECT_GE(failed, 3U);
  EXPECT_THAT(placed(), HasSubstr("cpu"));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(notices, HasSubstr("npu0 fails stage after stage"));
  EXPECT_THAT(notices, HasSubstr("serving goes on without it"));
}

}  // namespace
}  // namespace sparseloom
