// Profiles of machines that are described: what is taken from their tables, and what is refused.
#include "sparseloom/profile/analytical/modelled.h"

#include <gmock/gmock.h>

#include "scripted_world.h"

namespace sparseloom::profile {
namespace {

using ::testing::HasSubstr;

struct DescribedWorld : ScriptedWorld {
  DescribedWorld() {
    file.soc = soc;
    soc::Rates rates;
    for (soc::Arithmetic& a : rates.arithmetic) a.operations_per_second = 1e9;
    rates.bytes_per_second = 1e9;
    rates.launch = Seconds(1e-6);
    file.rates.assign(soc.processors.size(), rates);
  }
  soc::SocFile file;
};

TEST(Modelled, TablesOfOtherZoosAloneAreRefused) {
  DescribedWorld world;
  world.file.tables = {{"0123456789abcdef", {}}, {"fedcba9876543210", {}}};
  const Status status = model_profile(world.zoo, world.file, *world.runtime, world.pieces).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("0123456789abcdef, fedcba9876543210"));
  EXPECT_THAT(status.message(), HasSubstr(world.zoo.fingerprint));
}

TEST(Modelled, ATableOfThisZooStandsForTheModel) {
  DescribedWorld world;
  const soc::MeasuredSubgraph measured{.task = "toy",
                                       .variant = "int8",
                                       .stage = 1,
                                       .processor = soc::ProcessorId(0),
                                       .provider = backend::Provider::kScripted,
                                       .median = Seconds(0.5),
                                       .q1 = Seconds(0.4),
                                       .q3 = Seconds(0.6),
                                       .count = 30,
                                       .resident = {}};
  world.file.tables = {{"0123456789abcdef", {}}, {world.zoo.fingerprint, {measured}}};
  const auto profile = model_latencies(world.zoo, world.file, *world.runtime, world.pieces);
  ASSERT_TRUE(profile.ok()) << profile.status().message() << " (the zoo ships no accuracies, and none are needed)";
  const auto median = [&](std::size_t stage) {
    return profile->tasks[0]
        .latency(zoo::VariantId(1), zoo::StageId(stage), soc::ProcessorId(0), backend::Provider::kScripted)
        .median;
  };
  EXPECT_EQ(median(1), Seconds(0.5));
  EXPECT_GT(median(0), Seconds(0));
  EXPECT_LT(median(0), Seconds(0.1));
}

TEST(SocFileOf, ReadsBackWithTheDevicesOfARealMachine) {
  const ScriptedWorld world;
  soc::Soc soc;
  soc.name = "a machine";
  soc.processors = {{"cpu0", "CPU", {0, 1}, "host", "cpu x2"}, {"gpu0", "GPU.0", {0, 1}, "gpu0", "Arc"}};
  Profile profile = empty_profile(world.zoo, soc);
  profile.tasks[0].set_latency(zoo::VariantId(0), zoo::StageId(0), soc::ProcessorId(1), backend::Provider::kOpenVino,
                               {.median = Seconds(1), .q1 = Seconds(1), .q3 = Seconds(1), .count = 9, .resident = {}});
  const auto file = soc::parse_soc(soc_file_of(world.zoo, soc, profile).value(), "exported.json");
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->soc.processors[1].device, "GPU.0");
  EXPECT_EQ(file->soc.processors[0].cores.size(), 2U);
  EXPECT_TRUE(file->soc.processors[1].cores.empty()) << "those that drive it are the CPU's";
}

}  // namespace
}  // namespace sparseloom::profile
