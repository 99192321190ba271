#include "sparseloom/run/residency.h"

#include <gtest/gtest.h>

#include <thread>

#include "fake_world.h"

namespace sparseloom::run {
namespace {

SubgraphKey key(std::size_t variant, std::size_t processor) {
  return {zoo::TaskId(0), zoo::VariantId(variant), zoo::StageId(0), soc::ProcessorId(processor)};
}

TEST(Residency, AlikeProcessorsShareOneCompiledSubgraph) {
  testing::FakeWorld world(1, 3);
  world.soc.processors[2].device = "GPU";
  Residency residency(world.soc, [&](const SubgraphKey& k) { return world.compile(k); });
  EXPECT_EQ(residency.get(key(0, 0)).value(), residency.get(key(0, 1)).value());
  EXPECT_NE(residency.get(key(0, 0)).value(), residency.get(key(0, 2)).value());
  EXPECT_EQ(world.counts.compiled, 2);
  EXPECT_EQ(residency.size(), 2U);
}

TEST(Residency, EachBackendHasItsOwn) {
  testing::FakeWorld world(1);
  SubgraphKey sparse = key(0, 0);
  sparse.backend = soc::Backend::kSparse;
  const auto kept = world.residency.get(key(0, 0)).value();
  EXPECT_NE(world.residency.get(sparse).value(), kept);
  EXPECT_EQ(world.counts.compiled, 2);
  world.residency.evict(sparse);
  EXPECT_EQ(world.residency.get(key(0, 1)).value(), kept);
}

TEST(Residency, EvictingForgetsButKeepsWhatIsInUse) {
  testing::FakeWorld world(1);
  const std::shared_ptr<backend::Executable> used = world.residency.get(key(1, 0)).value();
  EXPECT_TRUE(world.residency.resident(key(1, 1)));
  world.residency.evict(key(1, 1));
  EXPECT_FALSE(world.residency.resident(key(1, 0)));
  EXPECT_EQ(used->inputs().size(), 1U);
  EXPECT_NE(world.residency.get(key(1, 0)).value(), used);
  world.residency.evict(key(3, 0));  // not resident: nothing happens
}

TEST(Residency, SaysOnWhichProcessorCompilingFailed) {
  testing::FakeWorld world(1);
  Residency broken(world.soc, [](const SubgraphKey&) -> Result<std::unique_ptr<backend::Executable>> {
    return error(Code::kNotFound, "model.xml: no such file");
  });
  EXPECT_EQ(broken.get(key(0, 1)).status().message(), "cpu1: model.xml: no such file");
  EXPECT_EQ(broken.size(), 0U);
}

TEST(Residency, CompilesOnceHoweverManyAsk) {
  testing::FakeWorld world(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_TRUE(world.residency.get(key(0, 0)).ok()); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(world.counts.compiled, 1);
}

}  // namespace
}  // namespace sparseloom::run
