#include "sparseloom/engine/residency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "fake_world.h"

namespace sparseloom::engine {
namespace {

using testing::change_processor;

SubgraphKey key(std::size_t variant, std::size_t processor) {
  return {zoo::TaskId(0), zoo::VariantId(variant), zoo::StageId(0), soc::ProcessorId(processor)};
}

TEST(Residency, AlikeProcessorsShareOneCompiledSubgraph) {
  testing::FakeWorld world(1, 3);
  change_processor(world.soc, 2, [](soc::Processor& p) { p.device = "GPU"; });
  Residency residency(world.soc, [&](const SubgraphKey& k) { return world.compile(k); });
  EXPECT_EQ(residency.get(key(0, 0)).value(), residency.get(key(0, 1)).value());
  EXPECT_NE(residency.get(key(0, 0)).value(), residency.get(key(0, 2)).value());
  EXPECT_EQ(world.counts.compiled, 2);
  EXPECT_EQ(residency.size(), 2U);
}

TEST(Residency, EachProviderHasItsOwn) {
  testing::FakeWorld world(1);
  SubgraphKey sparse = key(0, 0);
  sparse.provider = backend::Provider::kSparse;
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

/// Subgraph of variant v takes `bytes_of[v]`; `live` is what all that exist take, as a process would be seen to.
struct SizedWorld {
  explicit SizedWorld(Bytes budget, std::vector<std::uint64_t> bytes_of_variant = {10, 20, 30, 40})
      : bytes_of(std::move(bytes_of_variant)) {
    options.budget = budget;
    options.estimate = [this](const SubgraphKey& k) { return Bytes{bytes_of[k.variant.index()]}; };
  }

  Residency residency() {
    return {world.soc,
            [this](const SubgraphKey& k) -> Result<std::unique_ptr<backend::Executable>> {
              return std::unique_ptr<backend::Executable>(std::make_unique<Sized>(*this, bytes_of[k.variant.index()]));
            },
            options};
  }

  struct Sized final : backend::Executable {
    Sized(SizedWorld& owner, std::uint64_t size) : world(owner), bytes(size) {
      const std::uint64_t now = world.live += bytes;
      for (std::uint64_t most = world.most; now > most && !world.most.compare_exchange_weak(most, now);) {}
    }
    ~Sized() override { world.live -= bytes; }
    const std::vector<TensorSpec>& inputs() const override { return world.none; }
    const std::vector<TensorSpec>& outputs() const override { return world.none; }
    Result<std::unique_ptr<backend::Session>> new_session() override {
      return std::unique_ptr<backend::Session>(
          std::make_unique<sparseloom::testing::FakeSession>(nullptr, world.world.counts));
    }
    SizedWorld& world;
    const std::uint64_t bytes;
  };

  testing::FakeWorld world{1};
  std::vector<TensorSpec> none;
  std::vector<std::uint64_t> bytes_of;
  ResidencyOptions options;
  std::atomic<std::uint64_t> live{0}, most{0};
};

TEST(ResidencyBudget, EvictsTheColdestThatNobodyUsesAndOfEqualsTheLeastRecentlyUsed) {
  SizedWorld sized({80});
  sized.options.hotness = [](const SubgraphKey& k) { return k.variant.index() == 0 ? 1.0 : 0.0; };
  Residency residency = sized.residency();
  for (const std::size_t v : {0, 1, 2, 1}) ASSERT_TRUE(residency.get(key(v, 0)).ok());
  EXPECT_EQ(residency.booked().count, 60U);
  ASSERT_TRUE(residency.get(key(3, 0)).ok());
  EXPECT_TRUE(residency.resident(key(0, 0)));  // asked for longest ago, but hot
  EXPECT_TRUE(residency.resident(key(1, 0)));
  EXPECT_FALSE(residency.resident(key(2, 0)));
  EXPECT_EQ(residency.counts().evicted, 1U);
  EXPECT_EQ(sized.live, 70U);
}

TEST(ResidencyBudget, RefusesWhatDoesNotFitBesideWhatIsInUse) {
  SizedWorld sized({55});
  Residency residency = sized.residency();
  const auto used = residency.get(key(2, 0)).value();
  const Status refused = residency.get(key(3, 0)).status();
  EXPECT_EQ(refused.code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.message(),
            "cpu0: variant 3, stage 0 of task 0: needs 0.00 MiB; of the budget of 0.00 MiB, 0.00 MiB are in use");
  EXPECT_TRUE(residency.resident(key(2, 0)));
}

TEST(ResidencyBudget, WhatWasEvictedStaysBookedUntilItsLastUserLetsGo) {
  SizedWorld sized({60});
  Residency residency = sized.residency();
  auto used = residency.get(key(2, 0)).value();
  residency.evict(key(2, 0));
  EXPECT_EQ(residency.size(), 0U);
  EXPECT_EQ(residency.booked().count, 30U);
  EXPECT_FALSE(residency.get(key(3, 0)).ok());
  used.reset();
  EXPECT_EQ(residency.booked().count, 0U);
  EXPECT_TRUE(residency.get(key(3, 0)).ok());
}

TEST(ResidencyBudget, WhatALoadTookCorrectsItsEstimateAndIsNotKeptIfItBreaksTheBudget) {
  SizedWorld sized({60});
  sized.options.estimate = [](const SubgraphKey&) { return Bytes{25}; };
  sized.options.in_use = [&] { return Bytes{sized.live}; };
  Residency residency = sized.residency();
  ASSERT_TRUE(residency.get(key(0, 0)).ok());
  EXPECT_EQ(residency.needed({key(0, 0), key(0, 1), key(1, 0)}).count, 10U + 25U);  // one pool: 0 counts once
  EXPECT_EQ(residency.booked().count, 10U);
  const auto used = residency.get(key(1, 0)).value();  // 20: less than expected
  const auto other = residency.get(key(0, 0)).value();
  EXPECT_EQ(residency.get(key(3, 0)).status().code(), Code::kResourceExhausted);  // 40, in spite of its estimate
  EXPECT_EQ(residency.booked().count, 30U);
  EXPECT_EQ(sized.live, 30U);
  EXPECT_EQ(residency.needed({key(3, 0)}).count, 40U);
}

TEST(ResidencyBudget, AFailedLoadGivesBackWhatItBooked) {
  testing::FakeWorld world(1);
  Residency broken(
      world.soc,
      [](const SubgraphKey&) -> Result<std::unique_ptr<backend::Executable>> { return error(Code::kDataLoss, "no"); },
      {.budget = {10}, .estimate = [](const SubgraphKey&) { return Bytes{10}; }});
  EXPECT_FALSE(broken.get(key(0, 0)).ok());
  EXPECT_EQ(broken.booked().count, 0U);
}

TEST(Residency, VariantsWithTheSameSubgraphShareItButNotWithAnotherStage) {
  testing::FakeWorld world(1);
  Residency residency(world.soc, [&](const SubgraphKey& k) { return world.compile(k); },
                      {.digest = [](const SubgraphKey& k) -> Result<std::string> {
                        return std::string(k.variant.index() < 2 ? "same" : "other");
                      }});
  EXPECT_EQ(residency.get(key(0, 0)).value(), residency.get(key(1, 0)).value());
  EXPECT_NE(residency.get(key(0, 0)).value(), residency.get(key(2, 0)).value());
  SubgraphKey later = key(0, 0);
  later.stage = zoo::StageId(1);
  EXPECT_NE(residency.get(later).value(), residency.get(key(0, 0)).value());
  EXPECT_EQ(world.counts.compiled, 3);
  EXPECT_EQ(residency.canonical(key(1, 1)), residency.canonical(key(0, 0)));
}

// Tries to break the limit: threads get, hold, drop and evict at random.
TEST(ResidencyBudget, HoldsWhateverManyThreadsDo) {
  SizedWorld sized({150}, {10, 20, 30, 40, 50, 60, 70});
  Residency residency = sized.residency();
  std::atomic<int> got{0}, refused{0};
  const auto disturb = [&](unsigned seed) {
    std::mt19937_64 random(seed);
    std::vector<std::shared_ptr<backend::Executable>> held;
    for (int round = 0; round < 400; ++round) {
      const SubgraphKey any = key(random() % 7, random() % 2);
      switch (random() % 4) {
        case 0: residency.evict(any); break;
        case 1: held.clear(); break;
        default: {
          auto executable = residency.get(any);
          ++(executable.ok() ? got : refused);
          if (executable.ok()) held.push_back(std::move(executable).value());
          if (held.size() > 2) held.erase(held.begin());
        }
      }
      EXPECT_LE(residency.booked(), residency.budget());
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 6; ++seed) threads.emplace_back(disturb, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(sized.most, 150U);
  EXPECT_LE(residency.counts().most.count, 150U);
  EXPECT_GT(got, 0);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(residency.booked().count, sized.live);  // nobody holds what is not resident
}

}  // namespace
}  // namespace sparseloom::engine
