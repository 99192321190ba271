// Measuring with real models: the demo zoo's first task, few samples or few runs.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <set>

#include "sparseloom/profile/measure/accuracy.h"
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/measure.h"
#include "sparseloom/profile/measure/stages.h"
#include "sparseloom/profile/stitched.h"
#include "sparseloom/soc/discover.h"
#include "sparseloom/zoo/chain.h"
#include "tests/errors/cli.h"
#include "tests/support/tiny_ir_zoo.h"

namespace sparseloom::profile {
namespace {

using sparseloom::testing::demo_zoo;
using sparseloom::testing::MadeUpZoo;
using sparseloom::testing::run_cli;
using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::TinyIrZoo;
using ::testing::HasSubstr;

constexpr zoo::TaskId kFirst{0};

// max |a-b| / max |a| of two f32 tensors.
float relative_difference(std::span<const std::byte> a, std::span<const std::byte> b) {
  EXPECT_EQ(a.size(), b.size());
  std::vector<float> x(a.size() / sizeof(float)), y(x.size());
  std::memcpy(x.data(), a.data(), a.size());
  std::memcpy(y.data(), b.data(), b.size());
  float difference = 0, scale = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    difference = std::max(difference, std::abs(x[i] - y[i]));
    scale = std::max(scale, std::abs(x[i]));
  }
  return difference / scale;
}

// The pieces of a variant, chained, answer as its whole model does: the dense one, INT8, and structured with INT8.
TEST(Stitched, OriginalVariantsAnswerAsTheirWholeModels) {
  constexpr std::size_t kSamplesEach = 4;
  const auto runtime = backend::make_runtime("openvino").value();
  const zoo::Zoo zoo = zoo::load_zoo(demo_zoo()).value();
  const TemporaryFolder cache;
  zoo::PieceStore pieces(zoo, *runtime, cache.path());
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const zoo::Task& task = zoo.tasks[t];
    const zoo::Dataset data = zoo::Dataset::load(zoo, task, task.profile).value();
    for (const std::size_t v : {std::size_t{0}, std::size_t{2}, task.variants.size() - 1}) {
      std::vector<std::shared_ptr<backend::Executable>> stages;
      for (std::size_t s = 0; s < task.stages(); ++s) {
        stages.push_back(load_stage(*runtime, pieces, zoo::TaskId(t), zoo::VariantId(v), zoo::StageId(s), {}).value());
      }
      zoo::Chain chain = zoo::Chain::bind(stages).value();
      zoo::Chain whole = zoo::Chain::bind({runtime->load(task.variants[v].model, {}).value()}).value();
      const bool int8 = task.variants[v].compression.kind.find("int8") != std::string::npos;
      for (std::size_t n = 0; n < kSamplesEach; ++n) {
        chain.load(data, n);
        whole.load(data, n);
        ASSERT_TRUE(chain.run().ok());
        ASSERT_TRUE(whole.run().ok());
        EXPECT_LE(relative_difference(whole.output(0), chain.output(0)), int8 ? 8e-3 : 1e-5)
            << task.name << "/" << task.variants[v].name << ", sample " << n;
      }
    }
  }
}

TEST(Stitched, DenseReachesTheAccuracyTheZooStates) {
  const auto runtime = backend::make_runtime("openvino").value();
  const zoo::Zoo zoo = zoo::load_zoo(demo_zoo()).value();
  const TemporaryFolder cache;
  zoo::PieceStore pieces(zoo, *runtime, cache.path());
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const zoo::Task& task = zoo.tasks[t];
    const zoo::Dataset data = zoo::Dataset::load(zoo, task, task.profile).value();
    const zoo::Sigma sigma(task.stages(), zoo::VariantId(0));
    const Accuracy accuracy = run_accuracy(zoo, *runtime, pieces, zoo::TaskId(t), sigma, data, data.size(), {}).value();
    // Another CPU may round a few samples to the other side.
    EXPECT_NEAR(accuracy.fraction(), task.variants[0].accuracy_profile, 0.003) << task.name;
  }
}

TEST(Accuracy, TreeAgreesWithChainsOnRealModels) {
  const auto runtime = backend::make_runtime("openvino").value();
  const zoo::Zoo zoo = zoo::load_zoo(demo_zoo()).value();
  const TemporaryFolder cache;
  zoo::PieceStore pieces(zoo, *runtime, cache.path());
  const zoo::Task& task = zoo.task(kFirst);
  const zoo::Dataset data = zoo::Dataset::load(zoo, task, task.profile).value();
  StageTable stages;  // three variants, to be quick
  for (const std::size_t v : {0U, 2U, 8U}) {
    auto& row = stages.emplace_back();
    for (std::size_t s = 0; s < task.stages(); ++s) {
      row.push_back(load_stage(*runtime, pieces, kFirst, zoo::VariantId(v), zoo::StageId(s), {}).value());
    }
  }
  // Only prefix 2|0 is asked for.
  const auto known = [](const zoo::Sigma& sigma) { return sigma[0].index() != 2 || sigma[1].index() != 0; };
  std::vector<AccuracyEntry> found;
  const auto run = measure_accuracies({.task = kFirst, .split = SplitName::kProfile, .data = data, .stages = stages},
                                      known, {}, [&](std::span<const AccuracyEntry> entries) -> Status {
                                        found.insert(found.end(), entries.begin(), entries.end());
                                        return {};
                                      });
  ASSERT_TRUE(run.ok()) << run.status().message();
  ASSERT_EQ(found.size(), 3U);
  const std::size_t original[] = {0, 2, 8};
  const AccuracyEntry& entry = found[1];
  zoo::Sigma sigma;
  for (const zoo::VariantId v : entry.sigma) sigma.emplace_back(original[v.index()]);
  const Accuracy direct = run_accuracy(zoo, *runtime, pieces, kFirst, sigma, data, data.size(), {}).value();
  EXPECT_EQ(entry.accuracy.correct, direct.correct) << zoo::describe(task, sigma);
}

TEST(EnsureProfile, MeasuresWhatIsMissingOnceAndKeepsIt) {
  const auto runtime = backend::make_runtime("scripted").value();
  const MadeUpZoo made;
  const zoo::Zoo zoo = made.load();
  soc::DiscoverOptions discover;
  const soc::Soc soc = soc::discover(*runtime, discover).value();
  const TemporaryFolder folder;
  zoo::PieceStore pieces(zoo, *runtime, folder.path() / "pieces");
  EnsureOptions options;
  options.database = folder.path() / "p.sqlite";
  options.compile_cache = folder.path() / "compiled";
  const auto refused = ensure_profile(zoo, soc, *runtime, pieces, options);
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("measure it first"));

  MeasureOptions measuring;
  measuring.database = options.database;
  measuring.compile_cache = options.compile_cache;
  measuring.accuracy = {SplitName::kProfile, SplitName::kTest};
  measuring.threads = 2;
  const Measured first = measure(zoo, soc, *runtime, pieces, measuring).value();
  EXPECT_EQ(first.stitched, 2 * 27U);
  // Scripted models pass their input on, so every stitched variant gives the same answers: three labels of four.
  EXPECT_EQ(first.profile.tasks[0].accuracy(first.profile.tasks[0].sigma_at(17)).correct, 6);
  EXPECT_EQ(measure(zoo, soc, *runtime, pieces, measuring).value().stitched, 0U) << "measured again";

  const Profile profile = ensure_profile(zoo, soc, *runtime, pieces, options).value();
  for (std::size_t v = 0; v < 3; ++v) {
    for (std::size_t s = 0; s < 3; ++s) {
      for (std::size_t p = 0; p < soc.processors.size(); ++p) {
        const auto in = [&](const Profile& of) {
          return of.tasks[0].latency(zoo::VariantId(v), zoo::StageId(s), soc::ProcessorId(p),
                                     backend::Provider::kScripted);
        };
        const Latency l = in(profile);
        const Latency before = in(first.profile);
        EXPECT_GE(l.count, 9);
        EXPECT_LE(l.q1, l.median);
        EXPECT_LE(l.median, l.q3);
        EXPECT_EQ(l.median, before.median) << "measured again";
      }
      // Of the four numbers that scripted stages pass on three are zeros; nothing comes after the last.
      const Sparsity& sparsity = profile.tasks[0].sparsity(zoo::VariantId(v), zoo::StageId(s));
      EXPECT_EQ(sparsity.mean, s < 2 ? 0.75 : 0);
    }
  }
}

TEST(Placements, AllOfThemAreMeasured) {
  const auto runtime = backend::make_runtime("scripted").value();
  const MadeUpZoo made;
  const zoo::Zoo zoo = made.load();
  const soc::Soc soc = soc::discover(*runtime).value();
  const TemporaryFolder folder;
  zoo::PieceStore pieces(zoo, *runtime, folder.path());
  const zoo::Dataset data = zoo::Dataset::load(zoo, zoo.tasks[0], zoo.tasks[0].profile).value();
  PlacementOptions options;
  options.rounds = 5;
  options.most_placements = 1'000'000;
  const zoo::Sigma sigma(3, zoo::VariantId(1));
  const auto placements = measure_placements(soc, *runtime, pieces, kFirst, sigma, data, options).value();
  std::size_t expected = 1;
  for (int s = 0; s < 3; ++s) expected *= soc.processors.places();
  EXPECT_EQ(placements.size(), expected);
  std::set<std::vector<soc::ProcessorId>> different;
  for (const PlacementLatency& p : placements) {
    EXPECT_EQ(p.latency.count, 5);
    EXPECT_GT(p.latency.median.count(), 0);
    different.insert(p.placement);
  }
  EXPECT_EQ(different.size(), expected);
}

TEST(ProfileCommand, InterruptedItSaysHowToGoOn) {
  // A made-up zoo of OpenVINO models would take long to make; the demo zoo's accuracies take minutes, so this is
  // stopped long before its end: as soon as it has made its database.
  const TemporaryFolder cache;
  const std::string database = cache.path() / "p.sqlite";
  const std::string log = cache.path() / "err";
  const std::string task = zoo::load_zoo(demo_zoo()).value().tasks[0].name;
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(fd, STDERR_FILENO);
    ::setenv("SPARSELOOM_CACHE_DIR", cache.path().c_str(), 1);
    ::execl(SPARSELOOM_BINARY, SPARSELOOM_BINARY, "profile", "--zoo", demo_zoo().c_str(), "--accuracy", "--task",
            task.c_str(), "--database", database.c_str(), nullptr);
    ::_exit(127);
  }
  int state = 0;
  while (!std::filesystem::exists(database) && ::waitpid(child, &state, WNOHANG) == 0) ::sched_yield();
  ::kill(child, SIGINT);
  ASSERT_EQ(::waitpid(child, &state, 0), child);
  ASSERT_TRUE(WIFEXITED(state));
  EXPECT_EQ(WEXITSTATUS(state), 130);
  EXPECT_THAT(read_file(log).value(), HasSubstr("the same command goes on from there"));
}

TEST(ProfileCommand, ExportsLatenciesThatItMeasuresForThat) {
  const TinyIrZoo made;
  const TemporaryFolder cache;
  const std::string exported = cache.path() / "mine.json";
  const auto result =
      run_cli({"profile", "--zoo", made.root(), "--accuracy", "--export-latency", exported}, cache.path());
  ASSERT_EQ(result.status, 0) << result.err;
  const Json table = read_json(exported).value().at("tables").at(0);
  EXPECT_EQ(table.at("zoo"), made.load().fingerprint);
  EXPECT_FALSE(table.at("subgraphs").empty());
}

TEST(SocCheckCommand, NeedsNoAccuracies) {
  const TinyIrZoo made;
  const TemporaryFolder cache;
  const auto result = run_cli({"soc", "check", "--zoo", made.root()}, cache.path());
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("on each CPU processor"));
}

TEST(StitchCommand, PrintsAccuracyAndEveryPlacement) {
  const TemporaryFolder cache;
  const std::string json = cache.path() / "stitch.json";
  const zoo::Zoo zoo = zoo::load_zoo(demo_zoo()).value();
  const auto result = run_cli({"stitch", "--zoo", demo_zoo(), "--task", zoo.tasks[0].name, "--variant",
                               "dense,int8,structured-25", "--samples", "50", "--rounds", "3", "--json", json},
                              cache.path());
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("dense|int8|structured-25"));
  const Json report = read_json(json).value();
  EXPECT_EQ(report.at("samples"), 50);
  EXPECT_EQ(report.at("variant"), (Json{"dense", "int8", "structured-25"}));
  EXPECT_FALSE(report.at("placements").empty());
}

}  // namespace
}  // namespace sparseloom::profile
