#include "sparseloom/profile/measure/latency.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "sparseloom/soc/discover.h"
#include "tests/support/change_processor.h"
#include "tests/support/made_up_zoo.h"

namespace sparseloom::profile {
namespace {

using soc::Backend;
using sparseloom::testing::change_processor;
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

// The scripted runtime, in which the sparse backend finds layers to replace in the pruned variant alone.
class PrunedRuntime final : public backend::Runtime {
 public:
  explicit PrunedRuntime(CompiledCounts& compiled) : compiled_(compiled) {}
  std::string name() const override { return "scripted"; }
  std::string version() const override { return scripted_->version(); }
  std::vector<backend::Device> devices() const override { return scripted_->devices(); }
  Result<std::unique_ptr<backend::Model>> read(const std::filesystem::path& path,
                                               const std::map<std::string, Shape>& shapes) const override {
    return scripted_->read(path, shapes);
  }
  Result<std::unique_ptr<backend::Executable>> load(const std::filesystem::path& path,
                                                    const backend::CompileOptions& options) const override {
    ++compiled_[options.sparse_layers];
    SL_ASSIGN_OR_RETURN(auto executable, scripted_->load(path, options));
    const bool replaced = options.sparse_layers != backend::SparseLayers::kNone &&
                          path.string().find("structured-50") != std::string::npos;
    if (!replaced) return executable;
    return std::unique_ptr<backend::Executable>(std::make_unique<WithSparseLayers>(std::move(executable)));
  }

 private:
  std::unique_ptr<backend::Runtime> scripted_ = backend::make_scripted_runtime();
  CompiledCounts& compiled_;
};

struct World {
  World() {
    for (std::size_t p = 0; p < soc.processors.size(); ++p) {
      change_processor(soc, p, [](auto& processor) { processor.backends = {Backend::kOpenVino, Backend::kSparse}; });
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

TEST(MeasureLatencies, RunsEveryBackendAndWhatIsTheSameOnce) {
  World world;
  const std::vector<LatencyEntry> entries = world.measure(empty_profile(world.zoo, world.soc));
  EXPECT_EQ(entries.size(), 2 * kSubgraphs * world.soc.processors.size());
  Profile profile = empty_profile(world.zoo, world.soc);
  for (const LatencyEntry& e : entries) {
    profile.set_latency(e.subgraph, e.latency);
  }
  const auto median = [&](zoo::VariantId v, Backend b) {
    return profile.tasks[0].latency(v, zoo::StageId(1), soc::ProcessorId(0), b).median;
  };
  EXPECT_EQ(median(kDense, Backend::kSparse), median(kDense, Backend::kOpenVino)) << "one executable, run once";
  EXPECT_GT(median(kPruned, Backend::kSparse).count(), 0) << "with sparse layers: another, run for itself";
  EXPECT_EQ(profile.tasks[0].latency(kPruned, zoo::StageId(1), soc::ProcessorId(0), Backend::kSparse).count, 3);

  EXPECT_THAT(world.measure(profile), IsEmpty()) << "nothing is missing any more";
}

TEST(MeasureLatencies, MeasuresABackendThatIsMissingBesideTheOthers) {
  World world;
  Profile known = empty_profile(world.zoo, world.soc);
  for (const auto& [subgraph, latency] : world.measure(known)) {
    const bool forgotten =
        subgraph.variant == kPruned && subgraph.stage == zoo::StageId(0) && subgraph.backend == Backend::kSparse;
    if (!forgotten) known.set_latency(subgraph, latency);
  }
  world.compiled.clear();
  const std::vector<LatencyEntry> entries = world.measure(known);
  EXPECT_EQ(entries.size(), 2 * world.soc.processors.size()) << "times are compared only within one run";
  EXPECT_THAT(world.compiled[backend::SparseLayers::kWhereFaster], 1);
}

TEST(CompileOptions, SayWhichLayersAreSparse) {
  const World world;
  const soc::ProcessorId any(0);
  EXPECT_EQ(compile_options(world.soc, any, Backend::kSparse, "cache").sparse_layers,
            backend::SparseLayers::kWhereFaster);
  for (const Backend dense : {Backend::kOpenVino, Backend::kScripted}) {
    EXPECT_EQ(compile_options(world.soc, any, dense, "cache").sparse_layers, backend::SparseLayers::kNone);
  }
}

}  // namespace
}  // namespace sparseloom::profile
