// A memory budget with real subgraphs: kept by the book and by the process, while answers stay right.
#include "sparseloom/engine/residency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/base/json.h"
#include "sparseloom/profile/measure/memory.h"
#include "sparseloom/soc/discover.h"
#include "tests/errors/cli.h"

namespace sparseloom::engine {
namespace {

TEST(ResidencyWithRealModels, KeepsItsBudgetByTheBookAndByTheProcess) {
  const testing::TemporaryFolder folder;
  const auto runtime = backend::make_runtime("openvino").value();
  const zoo::Zoo zoo = zoo::load_zoo(std::string(SPARSELOOM_SOURCE_DIR) + "/zoos/demo").value();
  const soc::Soc soc = soc::discover(*runtime).value();
  zoo::PieceStore pieces(zoo, *runtime, folder.path() / "pieces");
  const auto in_use = [&] { return profile::memory_in_use({folder.path()}); };
  std::vector<SubgraphKey> keys;  // of the first task: every variant's first stage
  for (std::size_t v = 0; v < zoo.tasks[0].variants.size(); ++v) {
    keys.push_back({zoo::TaskId(0), zoo::VariantId(v), zoo::StageId(0), soc::ProcessorId(0)});
  }
  {
    // What the runtime allocates once, and compiling, is not the subgraphs'.
    Residency warm(*runtime, soc, pieces, folder.path() / "cache");
    for (const SubgraphKey& key : keys) ASSERT_TRUE(warm.get(key).ok());
  }
  constexpr Bytes kBudget{8 * 1024 * 1024};
  constexpr Bytes kFragments{1024 * 1024};  // freed memory that the allocator cannot give back at once
  Residency residency(*runtime, soc, pieces, folder.path() / "cache", {.budget = kBudget, .in_use = in_use});
  const Bytes before = in_use();
  for (int round = 0; round < 2; ++round) {
    for (const SubgraphKey& key : keys) {
      const auto loaded = residency.get(key);
      ASSERT_TRUE(loaded.ok()) << loaded.status().message();
      EXPECT_LE(residency.booked(), kBudget);
      EXPECT_LE(profile::growth(before, in_use()), kBudget + kFragments);
    }
  }
  EXPECT_GT(residency.counts().evicted, 0U);
  EXPECT_GT(residency.size(), 1U);
}

}  // namespace
}  // namespace sparseloom::engine

namespace sparseloom::testing {
namespace {

using ::testing::HasSubstr;

TEST(BenchCommand, ResidencyNamesTheSmallestBudgetThatHoldsEveryPlan) {
  const CliResult result =
      run_cli({"bench", "residency", "--zoo", demo_zoo(), "--budget-bytes", "1000"}, shared_cache());
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--budget: 0.0 MiB"));  // behind the progress of a first measurement, maybe
  EXPECT_THAT(result.err, HasSubstr("the smallest feasible is"));
}

TEST(BenchCommand, ResidencyKeepsTheBudgetAndLosesNoRequest) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "residency.json";
  const CliResult result = run_cli({"bench", "residency", "--zoo", demo_zoo(), "--requests", "300", "--changes", "10",
                                    "--switches", "10", "--load", "0.3", "--json", file},
                                   shared_cache());
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = read_json(file).value();
  EXPECT_EQ(json["under budget"]["completed"], 300);
  EXPECT_EQ(json["under budget"]["failed"], 0);
  EXPECT_LE(json["under budget"]["most_booked_bytes"], json["under budget"]["budget_bytes"]);
  EXPECT_EQ(json["preload"]["rows"].size(), 20U);
  EXPECT_GT(json["full_bytes"], 0);
}

}  // namespace
}  // namespace sparseloom::testing
