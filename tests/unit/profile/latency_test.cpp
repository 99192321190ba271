#include "sparseloom/profile/measure/latency.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "sparseloom/profile/measure/sparsity.h"
#include "sparseloom/soc/discover.h"
#include "tests/support/change_processor.h"
#include "tests/support/forwarding_runtime.h"
#include "tests/support/made_up_zoo.h"

namespace sparseloom::profile {
namespace {

using backend::Provider;
using sparseloom::testing::change_processor;
using sparseloom::testing::ForwardingRuntime;
using sparseloom::testing::MadeUpZoo;
using sparseloom::testing::TemporaryFolder;
using ::testing::IsEmpty;

using CompiledCounts = std::map<backend::SparseLayers, int>;

// A scripted executable that says that it runs layers sparsely.
class WithSparseLayers final : public backend::Executable {
 public:
  explicit WithSparseLayers(std::unique_ptr<backend::Executable> executable) : executable_(std::move(executable)) {}
  const std::vector<TensorSpec>& inputs() const override { return executable_->inputs(); }
  const std::vector<TensorSpec>& outputs() const override { return executable_->outputs(); }
  std::size_t sparse_layers() const override { return 1; }
  Result<std::unique_ptr<backend::Session>> new_session() override { return executable_->new_session(); }

 private:
  std::unique_ptr<backend::Executable> executable_;
};

// The scripted runtime, in which the sparse provider finds layers to replace in the pruned variant alone.
class PrunedRuntime final : public ForwardingRuntime {
 public:
  explicit PrunedRuntime(CompiledCounts& compiled) : compiled_(compiled) {}
  Result<std::unique_ptr<backend::Executable>> load(const std::filesystem::path& path,
                                                    const backend::CompileOptions& options) const override {
    ++compiled_[options.sparse_layers];
    SL_ASSIGN_OR_RETURN(auto executable, ForwardingRuntime::load(path, options));
    const bool replaced = options.sparse_layers != backend::SparseLayers::kNone &&
                          path.string().find("structured-50") != std::string::npos;
    if (!replaced) return executable;
    return std::unique_ptr<backend::Executable>(std::make_unique<WithSparseLayers>(std::move(executable)));
  }

 private:
  CompiledCounts& compiled_;
};

// How often the toy task's stages are run: to make inputs, then each of its nine subgraphs once. After that come
// rounds, in groups of three subgraphs that are run to warm up and then timed.
constexpr int kBeforeRounds = 3 + 9, kGroup = 2 * 3, kRound = 3 * kGroup;

// A machine on which others take the core half of the time during the first runs: what /proc says is written to a
// made-up tree, while nothing is timed.
class BusyAtFirst {
 public:
  BusyAtFirst(std::filesystem::path proc, int busy_runs)
      : schedstat_(proc / "self/task/1/schedstat"), busy_(busy_runs) {
    std::filesystem::create_directories(schedstat_.parent_path());
  }
  void ran() {
    const bool busy = runs_ < busy_;
    const bool group_begins = runs_ >= kBeforeRounds && (runs_ - kBeforeRounds) % kGroup == 0;
    ++runs_;
    if (!group_begins) return;
    run_ns_ += 100;
    if (busy) wait_ns_ += 100;
    EXPECT_TRUE(write_file(schedstat_, fmt::format("{} {} 1\n", run_ns_, wait_ns_)).ok());
  }

 private:
  std::filesystem::path schedstat_;
  int busy_, runs_ = 0;
  std::int64_t run_ns_ = 0, wait_ns_ = 0;
};

// Scripted sessions that tell it of every run.
class WatchedRuntime final : public ForwardingRuntime {
 public:
  explicit WatchedRuntime(BusyAtFirst& machine) : machine_(machine) {}
  Result<std::unique_ptr<backend::Executable>> load(const std::filesystem::path& path,
                                                    const backend::CompileOptions& options) const override {
    SL_ASSIGN_OR_RETURN(auto executable, ForwardingRuntime::load(path, options));
    return std::unique_ptr<backend::Executable>(std::make_unique<Executable>(std::move(executable), machine_));
  }

 private:
  class Session final : public backend::Session {
   public:
    Session(std::unique_ptr<backend::Session> session, BusyAtFirst& machine)
        : session_(std::move(session)), machine_(machine) {}
    Status bind_input(std::size_t i, std::span<const std::byte> data) override { return session_->bind_input(i, data); }
    Status bind_output(std::size_t i, std::span<std::byte> data) override { return session_->bind_output(i, data); }
    Status run() override {
      machine_.ran();
      return session_->run();
    }

   private:
    std::unique_ptr<backend::Session> session_;
    BusyAtFirst& machine_;
  };

  class Executable final : public backend::Executable {
   public:
    Executable(std::unique_ptr<backend::Executable> executable, BusyAtFirst& machine)
        : executable_(std::move(executable)), machine_(machine) {}
    const std::vector<TensorSpec>& inputs() const override { return executable_->inputs(); }
    const std::vector<TensorSpec>& outputs() const override { return executable_->outputs(); }
    Result<std::unique_ptr<backend::Session>> new_session() override {
      SL_ASSIGN_OR_RETURN(auto session, executable_->new_session());
      return std::unique_ptr<backend::Session>(std::make_unique<Session>(std::move(session), machine_));
    }

   private:
    std::unique_ptr<backend::Executable> executable_;
    BusyAtFirst& machine_;
  };

  BusyAtFirst& machine_;
};

// What is handed over on such a machine, of which `known` is known.
std::vector<LatencyEntry> measure_beside_others(int busy_runs, bool again = false,
                                                const std::function<void(TaskProfile&)>& know = {}) {
  const TemporaryFolder folder;
  BusyAtFirst machine(folder.path() / "proc", busy_runs);
  const WatchedRuntime runtime(machine);
  const MadeUpZoo made;
  const zoo::Zoo zoo = made.load();
  soc::DiscoverOptions one_core;
  one_core.allowed = {allowed_cpus().front()};
  const soc::Soc soc = soc::discover(runtime, one_core).value();
  zoo::PieceStore pieces(zoo, runtime, folder.path() / "pieces");
  Profile known = empty_profile(zoo, soc);
  if (know) know(known.tasks[0]);
  LatencyOptions options;
  options.rounds = 3;
  options.again = again;
  options.files = {.proc = folder.path() / "proc", .sysfs = folder.path() / "sys"};
  std::vector<LatencyEntry> all;
  const Status status = measure_latencies(zoo, soc, runtime, pieces, known, options,
                                          [&](std::span<const LatencyEntry> entries) -> Status {
                                            all.assign(entries.begin(), entries.end());
                                            return {};
                                          });
  EXPECT_TRUE(status.ok()) << status.message();
  return all;
}

struct World {
  World() {
    for (std::size_t p = 0; p < soc.processors.size(); ++p) {
      change_processor(soc, p, [](auto& processor) {
        processor.providers = {backend::Provider::kOpenVino, backend::Provider::kSparse};
      });
    }
  }
  std::vector<LatencyEntry> measure(const Profile& known) {
    std::vector<LatencyEntry> all;
    LatencyOptions options;
    options.rounds = 3;
    const Status status = measure_latencies(zoo, soc, runtime, pieces, known, options,
                                            [&](std::span<const LatencyEntry> entries) -> Status {
                                              all.insert(all.end(), entries.begin(), entries.end());
                                              return {};
                                            });
    EXPECT_TRUE(status.ok()) << status.message();
    return all;
  }

  MadeUpZoo made;
  TemporaryFolder folder;
  CompiledCounts compiled;
  PrunedRuntime runtime{compiled};
  zoo::Zoo zoo = made.load();
  soc::Soc soc = soc::discover(runtime).value();
  zoo::PieceStore pieces{zoo, runtime, folder.path()};
};

constexpr zoo::VariantId kDense{0}, kPruned{2};
constexpr std::size_t kSubgraphs = 9;  // three variants, three stages

TEST(MeasureLatencies, RunsEveryProviderAndWhatIsTheSameOnce) {
  World world;
  const std::vector<LatencyEntry> entries = world.measure(empty_profile(world.zoo, world.soc));
  EXPECT_EQ(entries.size(), 2 * kSubgraphs * world.soc.processors.size());
  Profile profile = empty_profile(world.zoo, world.soc);
  for (const LatencyEntry& e : entries) {
    profile.set_latency(e.subgraph, e.latency);
  }
  const auto median = [&](zoo::VariantId v, backend::Provider b) {
    return profile.tasks[0].latency(v, zoo::StageId(1), soc::ProcessorId(0), b).median;
  };
  EXPECT_EQ(median(kDense, backend::Provider::kSparse), median(kDense, backend::Provider::kOpenVino))
      << "one executable, run once";
  EXPECT_GT(median(kPruned, backend::Provider::kSparse).count(), 0) << "with sparse layers: another, run for itself";
  EXPECT_EQ(profile.tasks[0].latency(kPruned, zoo::StageId(1), soc::ProcessorId(0), backend::Provider::kSparse).count,
            3);

  EXPECT_THAT(world.measure(profile), IsEmpty()) << "nothing is missing any more";
}

TEST(MeasureLatencies, MeasuresAProviderThatIsMissingBesideTheOthers) {
  World world;
  Profile known = empty_profile(world.zoo, world.soc);
  for (const auto& [subgraph, latency] : world.measure(known)) {
    const bool forgotten = subgraph.variant == kPruned && subgraph.stage == zoo::StageId(0) &&
                           subgraph.provider == backend::Provider::kSparse;
    if (!forgotten) known.set_latency(subgraph, latency);
  }
  world.compiled.clear();
  const std::vector<LatencyEntry> entries = world.measure(known);
  EXPECT_EQ(entries.size(), 2 * world.soc.processors.size()) << "times are compared only within one run";
  EXPECT_THAT(world.compiled[backend::SparseLayers::kWhereFaster], 1);
}

TEST(MeasureLatencies, RunsAgainWhatOthersDisturbedAndKeepsTheQuietRuns) {
  const std::vector<LatencyEntry> entries = measure_beside_others(kBeforeRounds + 3 * kRound);
  ASSERT_EQ(entries.size(), kSubgraphs);
  for (const LatencyEntry& e : entries) EXPECT_EQ(e.latency.conditions.foreign, 0);
}

TEST(MeasureLatencies, MarksWhatStaysDisturbed) {
  constexpr int kAlways = 1'000'000;
  for (const LatencyEntry& e : measure_beside_others(kAlways)) {
    EXPECT_EQ(e.latency.conditions.foreign, 0.5);
    EXPECT_TRUE(disturbed(e.latency));
  }
}

TEST(MeasureLatencies, AgainReplacesWhatWasDisturbedAndNothingElse) {
  const Latency quiet{.median = Seconds(1), .q1 = Seconds(1), .q3 = Seconds(1), .count = 30, .resident = {}};
  Latency marked = quiet;
  marked.conditions.foreign = 0.5;
  const auto know = [&](TaskProfile& task) {
    for (std::size_t n = 0; n < kSubgraphs; ++n) {
      task.set_latency(zoo::VariantId(n / 3), zoo::StageId(n % 3), soc::ProcessorId(0), backend::Provider::kScripted,
                       n == 4 ? marked : quiet);
    }
  };
  EXPECT_THAT(measure_beside_others(0, false, know), IsEmpty()) << "nothing is missing";
  const std::vector<LatencyEntry> entries = measure_beside_others(0, true, know);
  ASSERT_EQ(entries.size(), kSubgraphs) << "all of the task: caches hold what they held";
  for (const LatencyEntry& e : entries) {
    const bool was_marked = e.subgraph.variant == zoo::VariantId(1) && e.subgraph.stage == zoo::StageId(1);
    EXPECT_EQ(e.latency.median == quiet.median, !was_marked);
  }
}

TEST(MeasureLatencies, OfATaskWithoutSamplesInputsAreMadeUp) {
  World world;
  world.zoo.tasks[0].accuracy_kind = "unknown";
  world.zoo.tasks[0].profile = world.zoo.tasks[0].test = {};
  EXPECT_EQ(world.measure(empty_profile(world.zoo, world.soc)).size(), 2 * kSubgraphs * world.soc.processors.size());

  const auto none = [](std::span<const SparsityEntry>) -> Status { return {Code::kInternal, "it has no samples"}; };
  const Profile known = empty_profile(world.zoo, world.soc);
  EXPECT_TRUE(measure_sparsities(world.zoo, world.soc, world.runtime, world.pieces, known, {}, none).ok());
}

// A runtime whose subgraphs take a millisecond on one core, and on two so many times that.
class TwoCoresRuntime final : public ForwardingRuntime {
 public:
  explicit TwoCoresRuntime(double times) : times_(times) {}
  Result<std::unique_ptr<backend::Executable>> load(const std::filesystem::path& path,
                                                    const backend::CompileOptions& options) const override {
    SL_ASSIGN_OR_RETURN(backend::ScriptedModel model, backend::read_scripted_model(path));
    model.spin = from_ms(options.threads == 2 ? times_ : 1);
    const std::filesystem::path changed = folder_.path() / fmt::format("{}.json", ++loaded_);
    SL_RETURN_IF_ERROR(backend::write_scripted_model(changed, model));
    return ForwardingRuntime::load(changed, options);
  }

 private:
  double times_;
  TemporaryFolder folder_;
  mutable int loaded_ = 0;
};

// What is handed over of a machine of two cores and the gang of both.
std::vector<LatencyEntry> measure_with_a_gang(double times) {
  const TwoCoresRuntime runtime(times);
  const TemporaryFolder folder;
  const MadeUpZoo made;
  const zoo::Zoo zoo = made.load();
  const CpuIndex core = allowed_cpus().front();
  soc::Soc soc;
  for (const char* name : {"cpu0", "cpu1"}) {
    soc.processors.push_back({.name = name, .device = "CPU", .cores = {core}, .providers = {Provider::kScripted}});
  }
  soc.processors.add_gang(
      {.name = "cpu0-1", .device = "CPU", .cores = {core, core}, .kind = "gang", .providers = {Provider::kScripted}},
      {soc::ProcessorId(0), soc::ProcessorId(1)});
  zoo::PieceStore pieces(zoo, runtime, folder.path());
  LatencyOptions options;
  options.rounds = options.least_rounds = 3;
  std::vector<LatencyEntry> on_gang;
  const Status status = measure_latencies(zoo, soc, runtime, pieces, empty_profile(zoo, soc), options,
                                          [&](const auto& entries) -> Status {
                                            for (const LatencyEntry& e : entries) {
                                              if (soc.pools().is_gang(e.subgraph.processor)) on_gang.push_back(e);
                                            }
                                            return {};
                                          });
  EXPECT_TRUE(status.ok()) << status.message();
  return on_gang;
}

TEST(MeasureLatencies, MeasuresGangsThatAreFaster) {
  const std::vector<LatencyEntry> on_gang = measure_with_a_gang(0.25);
  ASSERT_EQ(on_gang.size(), kSubgraphs);
  for (const LatencyEntry& e : on_gang) {
    EXPECT_EQ(e.latency.left_out, LeftOut::kNo);
    EXPECT_LT(e.latency.median, from_ms(1));
  }
}

TEST(MeasureLatencies, LeavesGangsOutThatAreNoFasterThanOneOfTheirProcessors) {
  std::size_t measured = 0;
  for (const LatencyEntry& e : measure_with_a_gang(2)) {
    EXPECT_EQ(e.latency.left_out, LeftOut::kSlower);
    measured += e.latency.count > 0 ? 1 : 0;
  }
  EXPECT_EQ(measured, 3U) << "of the dense variant's stages, and of no other's";
}

TEST(CompileOptions, SayWhichLayersAreSparse) {
  const World world;
  const soc::ProcessorId any(0);
  EXPECT_EQ(compile_options(world.soc, any, backend::Provider::kSparse, "cache").sparse_layers,
            backend::SparseLayers::kWhereFaster);
  for (const backend::Provider dense : {backend::Provider::kOpenVino, backend::Provider::kScripted}) {
    EXPECT_EQ(compile_options(world.soc, any, dense, "cache").sparse_layers, backend::SparseLayers::kNone);
  }
}

}  // namespace
}  // namespace sparseloom::profile
