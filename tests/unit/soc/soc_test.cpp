#include "sparseloom/soc/soc.h"

#include <gmock/gmock.h>

#include <array>
#include <fstream>
#include <numeric>

#include "sparseloom/soc/discover.h"
#include "sparseloom/soc/topology.h"
#include "tests/support/made_up_zoo.h"

namespace sparseloom::soc {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// A made-up /sys with CPUs added one by one.
class Sysfs {
 public:
  void add(int cpu, int core, const std::string& llc, int mhz, int package = 0) const {
    const auto folder = root() / "devices/system/cpu" / ("cpu" + std::to_string(cpu));
    write(folder / "topology/physical_package_id", std::to_string(package));
    write(folder / "topology/core_id", std::to_string(core));
    write(folder / "cpufreq/cpuinfo_max_freq", std::to_string(mhz * 1000));
    write(folder / "cache/index0/level", "1");
    write(folder / "cache/index0/type", "Data");
    write(folder / "cache/index0/shared_cpu_list", std::to_string(cpu));
    write(folder / "cache/index1/level", "3");
    write(folder / "cache/index1/type", "Unified");
    write(folder / "cache/index1/shared_cpu_list", llc);
  }
  // One more file of a CPU's topology folder.
  void add(int cpu, const std::string& file, const std::string& text) const {
    write(root() / "devices/system/cpu" / ("cpu" + std::to_string(cpu)) / "topology" / file, text);
  }
  std::filesystem::path root() const { return folder_.path(); }
  std::filesystem::path cpuinfo(const std::string& text) const {
    write(root() / "cpuinfo", text);
    return root() / "cpuinfo";
  }

 private:
  static void write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  sparseloom::testing::TemporaryFolder folder_;
};

std::vector<CpuIndex> up_to(int count) {
  std::vector<CpuIndex> cpus(static_cast<std::size_t>(count));
  std::iota(cpus.begin(), cpus.end(), 0);
  return cpus;
}

std::vector<std::vector<CpuIndex>> groups(const Sysfs& sysfs, const std::vector<CpuIndex>& allowed,
                                          std::optional<int> each = {}) {
  return group_cores(read_topology(sysfs.root(), allowed), each).value();
}

TEST(Topology, OneProcessorPerCoreOnASmallMachine) {
  const Sysfs sysfs;
  for (int cpu = 0; cpu < 4; ++cpu) sysfs.add(cpu, cpu, "0-3", 3000);
  EXPECT_THAT(groups(sysfs, up_to(4)), ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2), ElementsAre(3)));
}

TEST(Topology, GangsArePowersOfTwoWithinAClusterOfCores) {
  const auto gangs = [](const Sysfs& sysfs, int cpus, std::optional<int> each = {}) {
    const auto topology = read_topology(sysfs.root(), up_to(cpus));
    return gangs_of(topology, group_cores(topology, each).value());
  };
  const Sysfs four;
  for (int cpu = 0; cpu < 4; ++cpu) four.add(cpu, cpu, "0-3", 3000);
  EXPECT_THAT(gangs(four, 4), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(0, 1, 2, 3)));
  EXPECT_THAT(gangs(four, 1), IsEmpty());
  EXPECT_THAT(gangs(four, 2), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(gangs(four, 3), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(gangs(four, 4, 2), ElementsAre(ElementsAre(0, 1))) << "of two processors of two cores";
  EXPECT_THAT(gangs(four, 4, 3), IsEmpty()) << "three cores and one are not alike";

  const Sysfs big_little;
  for (int cpu = 0; cpu < 4; ++cpu) big_little.add(cpu, cpu, "0-3", 1800);
  for (int cpu = 4; cpu < 6; ++cpu) big_little.add(cpu, cpu, "4-5", 2400);
  EXPECT_THAT(gangs(big_little, 6),
              ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4, 5), ElementsAre(0, 1, 2, 3)));
}

TEST(Topology, HyperthreadsAreOneCore) {
  const Sysfs sysfs;  // siblings 0 and 2, 1 and 3
  for (int cpu = 0; cpu < 4; ++cpu) sysfs.add(cpu, cpu % 2, "0-3", 3000);
  EXPECT_THAT(groups(sysfs, up_to(4)), ElementsAre(ElementsAre(0), ElementsAre(1)));
  // The affinity mask leaves only the second sibling of core 0.
  EXPECT_THAT(groups(sysfs, {1, 2}), ElementsAre(ElementsAre(1), ElementsAre(2)));
}

TEST(Topology, EqualCoreNumbersOfTwoPackagesAreTwoCores) {
  const Sysfs sysfs;
  sysfs.add(0, 0, "0", 3000, 0);
  sysfs.add(1, 0, "1", 3000, 1);
  EXPECT_THAT(groups(sysfs, up_to(2)), SizeIs(2));
}

TEST(Topology, HybridDesktopBecomesClusters) {
  const Sysfs sysfs;  // 8 P cores with two threads each, 8 E cores, one last-level cache
  for (int cpu = 0; cpu < 16; ++cpu) sysfs.add(cpu, cpu / 2, "0-23", 5000);
  for (int cpu = 16; cpu < 24; ++cpu) sysfs.add(cpu, cpu, "0-23", 3800);
  EXPECT_THAT(groups(sysfs, up_to(24)),
              ElementsAre(ElementsAre(0, 2, 4, 6, 8, 10, 12, 14), ElementsAre(16, 17, 18, 19, 20, 21, 22, 23)));
}

TEST(Topology, ServerWithSeveralLastLevelCachesBecomesClusters) {
  const Sysfs sysfs;
  for (int cpu = 0; cpu < 16; ++cpu) sysfs.add(cpu, cpu, cpu < 8 ? "0-7" : "8-15", 3500);
  EXPECT_THAT(groups(sysfs, up_to(16)), ElementsAre(SizeIs(8), SizeIs(8)));
}

TEST(Topology, BigLittleKeepsItsKindsApart) {
  const Sysfs sysfs;
  for (int cpu = 0; cpu < 4; ++cpu) sysfs.add(cpu, cpu, "0-3", 1800);
  for (int cpu = 4; cpu < 6; ++cpu) sysfs.add(cpu, cpu, "4-5", 2400);
  const auto cpus = read_topology(sysfs.root(), up_to(6));
  EXPECT_EQ(core_kind(cpus, 0), "cpu 1800 MHz");
  EXPECT_EQ(core_kind(cpus, 5), "cpu 2400 MHz");
  EXPECT_THAT(group_cores(cpus, 4).value(), ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5)));
}

// Four little cores and two clusters of two big ones, as a device tree describes them: one package, and core numbers
// that start again at 0 in every cluster.
struct DeviceTree : Sysfs {
  DeviceTree() {
    for (int cpu = 0; cpu < 8; ++cpu) add(cpu, cpu < 4 ? cpu : cpu % 2, "0-7", cpu < 4 ? 1800 : 2400);
  }
};

TEST(Topology, CoreNumbersThatStartAgainInEveryClusterHideNoCore) {
  const auto each_cpu = ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2), ElementsAre(3), ElementsAre(4),
                                    ElementsAre(5), ElementsAre(6), ElementsAre(7));
  for (const char* siblings : {"core_cpus_list", "thread_siblings_list"}) {
    const DeviceTree sysfs;
    for (int cpu = 0; cpu < 8; ++cpu) sysfs.add(cpu, siblings, std::to_string(cpu));
    EXPECT_THAT(groups(sysfs, up_to(8)), each_cpu) << siblings;
  }
  const DeviceTree sysfs;
  for (int cpu = 0; cpu < 8; ++cpu) sysfs.add(cpu, "cluster_id", std::to_string(cpu < 4 ? 0 : cpu / 2 - 1));
  EXPECT_THAT(groups(sysfs, up_to(8)), each_cpu) << "cluster_id";
}

TEST(Topology, SiblingsDecideWhatIsACore) {
  const Sysfs sysfs;
  for (int cpu = 0; cpu < 4; ++cpu) {
    sysfs.add(cpu, cpu, "0-3", 3000);
    sysfs.add(cpu, "core_cpus_list", cpu < 2 ? "0-1" : "2-3");
  }
  EXPECT_THAT(groups(sysfs, up_to(4)), ElementsAre(ElementsAre(0), ElementsAre(2)));
}

TEST(Topology, BareSysfsStillWorks) {
  const Sysfs sysfs;
  EXPECT_THAT(groups(sysfs, {0, 3}), ElementsAre(ElementsAre(0), ElementsAre(3)));
}

TEST(Topology, CoresPerProcessorOutOfRange) {
  const Sysfs sysfs;
  for (const int each : {0, -1, 3}) {
    const auto result = group_cores(read_topology(sysfs.root(), up_to(2)), each);
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(result.status().message(), HasSubstr("1 to 2"));
  }
}

TEST(Identity, ReadsModelAndFlagsThatMatter) {
  const Sysfs sysfs;
  const auto x86 =
      read_identity(sysfs.cpuinfo("processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 mmx avx512f\n"));
  EXPECT_EQ(x86.model, "Some CPU");
  EXPECT_THAT(x86.flags, ElementsAre("avx2", "avx512f"));
  const auto arm = read_identity(sysfs.cpuinfo("processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU part\t: 0xd41\n"));
  EXPECT_EQ(arm.model, "0xd41");
  EXPECT_THAT(arm.flags, ElementsAre("asimd", "asimddp"));
  EXPECT_EQ(read_identity("/nonexistent").model, "unknown CPU");
}

TEST(Pools, HoldProcessorsThatDifferInTheirCoresAlone) {
  Soc soc;
  soc.processors = {{"cpu0", "CPU", {0}, "host", "big x1"},
                    {"cpu1", "CPU", {1}, "host", "little x1"},
                    {"cpu2", "CPU", {2}, "host", "big x1"},
                    {"gpu0", "GPU.0", {0, 1}, "gpu0", "Arc"},
                    {"gpu1", "GPU.1", {0, 1}, "gpu1", "Arc"}};
  const Pools& pools = soc.pools();
  EXPECT_THAT(pools.of, ElementsAre(0, 1, 0, 2, 3));
  ASSERT_THAT(pools.members, SizeIs(4));
  EXPECT_THAT(pools.members[0], ElementsAre(ProcessorId(0), ProcessorId(2)));
}

TEST(Pools, ShareCompiledSubgraphsSoTheirMembersOfferTheSameProviders) {
  Soc soc;
  soc.processors = {{"cpu0", "CPU", {0}, "host", "cpu x1", {backend::Provider::kOpenVino, backend::Provider::kSparse}},
                    {"cpu1", "CPU", {1}, "host", "cpu x1", {backend::Provider::kOpenVino, backend::Provider::kSparse}},
                    {"cpu2", "CPU", {2}, "host", "cpu x1"}};
  EXPECT_THAT(soc.pools().of, ElementsAre(0, 0, 1));
}

// Two cores, an accelerator, and the gang of the cores.
Soc pair_with_gpu() {
  constexpr auto kOpenVino = backend::Provider::kOpenVino, kSparse = backend::Provider::kSparse;
  Soc soc;
  soc.processors = {{"cpu0", "CPU", {0}, "host", "cpu x1", {kOpenVino, kSparse}},
                    {"cpu1", "CPU", {1}, "host", "cpu x1", {kOpenVino, kSparse}},
                    {"gpu0", "GPU.0", {0, 1}, "gpu0", "Arc", {kOpenVino, kSparse}}};
  soc.processors.add_gang({"cpu0-1", "CPU", {0, 1}, "host", "gang of 2 cpu x1", {kOpenVino}},
                          {ProcessorId(0), ProcessorId(1)});
  return soc;
}

TEST(Gangs, ArePlacesBehindTheProcessors) {
  const Soc soc = pair_with_gpu();
  EXPECT_EQ(soc.processors.size(), 3U);
  EXPECT_EQ(soc.processors.places(), 4U);
  EXPECT_EQ(soc.processors.back().name, "gpu0");
  EXPECT_EQ(soc.find("cpu0-1").value(), ProcessorId(3));
  const Pools& pools = soc.pools();
  EXPECT_EQ(pools.processors(), 3U);
  EXPECT_EQ(pools.of_processors(), 2U);
  EXPECT_THAT(pools.of, ElementsAre(0, 0, 1, 2));
  EXPECT_TRUE(pools.is_gang(ProcessorId(3)));
  EXPECT_TRUE(pools.overlap(ProcessorId(1), ProcessorId(3)));
  EXPECT_FALSE(pools.overlap(ProcessorId(2), ProcessorId(3)));
}

TEST(Gangs, StayWhereTheyAreWhenProvidersAreConfined) {
  const Soc sparse = confined(pair_with_gpu(), std::array{backend::Provider::kSparse}).value();
  ASSERT_EQ(sparse.processors.places(), 4U);
  EXPECT_THAT(sparse.processors[3].providers, IsEmpty()) << "of no use, but ids stay";
}

TEST(Gangs, GoWithTheirMembers) {
  const auto without = [](std::string_view name) {
    return pair_with_gpu().processors.changed(
        [name](Processor p) { return p.name == name ? std::nullopt : std::optional(std::move(p)); });
  };
  EXPECT_EQ(without("cpu1").places(), 2U);
  const Processors no_gpu = without("gpu0");
  EXPECT_EQ(no_gpu.places(), 3U);
  EXPECT_THAT(no_gpu.pools().gangs, ElementsAre(ElementsAre(ProcessorId(0), ProcessorId(1))));
  EXPECT_EQ(without_gangs(pair_with_gpu()).processors.places(), 3U);
}

TEST(Providers, ConfinedProcessorsOfferNoOthers) {
  Soc soc;
  soc.processors = {{"cpu0", "CPU", {0}, "host", "cpu x1", {backend::Provider::kOpenVino, backend::Provider::kSparse}},
                    {"gpu0", "GPU.0", {0}, "gpu0", "Arc"}};
  EXPECT_THAT(soc.processors[1].providers, ElementsAre(backend::Provider::kOpenVino))
      << "what a processor offers if nothing is said";
  const Soc dense = confined(soc, std::array{backend::Provider::kOpenVino}).value();
  EXPECT_THAT(dense.processors[0].providers, ElementsAre(backend::Provider::kOpenVino));
  EXPECT_EQ(confined(soc, {})->processors.size(), soc.processors.size()) << "no provider named: as it is";
  const Status none_left = confined(soc, std::array{backend::Provider::kSparse}).status();
  EXPECT_EQ(none_left.code(), Code::kInvalidArgument);
  EXPECT_EQ(none_left.message(), "processor 'gpu0': cannot be confined to sparse; it offers: openvino");
}

// A runtime by another name, with devices.
class Devices final : public backend::Runtime {
 public:
  std::string name() const override { return "openvino"; }
  std::string version() const override { return "1"; }
  std::vector<backend::Device> devices() const override {
    return {{"CPU", "Some CPU", backend::providers_of("openvino", "CPU")},
            {"GPU", "Arc", backend::providers_of("openvino", "GPU")}};
  }
  Result<std::unique_ptr<backend::Model>> read(const std::filesystem::path&,
                                               const std::map<std::string, Shape>&) const override {
    return Status(Code::kInternal, "not used");
  }
  Result<std::unique_ptr<backend::Executable>> load(const std::filesystem::path&,
                                                    const backend::CompileOptions&) const override {
    return Status(Code::kInternal, "not used");
  }
  Result<std::unique_ptr<backend::Executable>> compile(const backend::Model&,
                                                       const backend::CompileOptions&) const override {
    return Status(Code::kInternal, "not used");
  }
};

TEST(Soc, OffersWhatAnyOfItsPlacesDoes) {
  using backend::Provider;
  const Soc soc{.name = "two",
                .processors = {{.name = "gpu0", .providers = {Provider::kOpenVino, Provider::kOpenVinoFp16}},
                               {.name = "cpu0", .providers = {Provider::kOpenVino, Provider::kSparse}}},
                .fingerprint = {}};
  EXPECT_THAT(offered_providers(soc), ElementsAre(Provider::kOpenVino, Provider::kSparse, Provider::kOpenVinoFp16));
}

TEST(Discover, OnlyACpuOfOpenVinoRunsSparseLayers) {
  const Sysfs sysfs;
  sysfs.add(0, 0, "0", 3000);
  DiscoverOptions options;
  options.sysfs = sysfs.root();
  options.cpuinfo = sysfs.cpuinfo("model name\t: Some CPU\n");
  options.allowed = {0};
  const Soc openvino = discover(Devices(), options).value();
  ASSERT_THAT(openvino.processors, SizeIs(2));
  EXPECT_THAT(openvino.processors[0].providers, Contains(backend::Provider::kSparse));
  EXPECT_THAT(openvino.processors[1].providers, Not(Contains(backend::Provider::kSparse)));
  const Soc cpus = cpus_of(openvino);
  ASSERT_THAT(cpus.processors, SizeIs(1));
  EXPECT_EQ(cpus.processors[0].name, "cpu0") << "other devices come behind, so that ids stay";
  const Soc scripted = discover(*backend::make_scripted_runtime(), options).value();
  EXPECT_THAT(scripted.processors[0].providers, ElementsAre(backend::Provider::kScripted));
}

TEST(Hybrid, IsOfferedByGangsOfWhichEachIsAloneAndByOnesOfACoreAndADevice) {
  using backend::Provider;
  Soc soc{.name = "s",
          .processors = {{.name = "cpu0", .device = "CPU", .cores = {0}, .memory_domain = "host", .kind = "cpu x1"},
                         {.name = "cpu1", .device = "CPU", .cores = {1}, .memory_domain = "host", .kind = "cpu x1"},
                         {.name = "gpu0", .device = "GPU", .memory_domain = "gpu0", .kind = "Arc"}},
          .fingerprint = "f"};
  soc.processors.add_gang({.name = "cpu0-1", .device = "CPU", .cores = {0, 1}, .memory_domain = "host", .kind = "two"},
                          {ProcessorId(0), ProcessorId(1)});
  const Soc hybrid = with_hybrid(soc);
  EXPECT_EQ(hybrid.fingerprint, soc.fingerprint) << "what was measured stays";
  ASSERT_EQ(hybrid.processors.places(), 5U);
  EXPECT_THAT(hybrid.processors[0].providers, ElementsAre(Provider::kOpenVino)) << "not by a processor";
  EXPECT_THAT(hybrid.processors[3].providers, ElementsAre(Provider::kOpenVino, Provider::kHybrid));
  const Processor& unlike = hybrid.processors[4];
  EXPECT_EQ(unlike.name, "cpu0+gpu0");
  EXPECT_THAT(unlike.providers, ElementsAre(Provider::kHybrid));
  EXPECT_THAT(unlike.cores, ElementsAre(0)) << "the core that drives it";
  EXPECT_THAT(hybrid.pools().gangs[1], ElementsAre(ProcessorId(0), ProcessorId(2)));
}

TEST(Hybrid, AGangThatIsLostTakesNoProcessorWithIt) {
  Soc soc{.name = "s",
          .processors = {{.name = "cpu0", .device = "CPU"}, {.name = "gpu0", .device = "GPU"}},
          .fingerprint = {}};
  soc = with_hybrid(soc);
  const Soc without_gang = without(soc, ProcessorId(2)), without_gpu = without(soc, ProcessorId(1));
  EXPECT_FALSE(without_gang.processors[0].providers.empty() || without_gang.processors[1].providers.empty());
  EXPECT_TRUE(without_gang.processors[2].providers.empty());
  EXPECT_TRUE(without_gpu.processors[2].providers.empty());
}

TEST(Discover, NamesProcessorsAndFingerprintsTheMachine) {
  const Sysfs sysfs;
  for (int cpu = 0; cpu < 2; ++cpu) sysfs.add(cpu, cpu, "0-1", 3000);
  const auto runtime = backend::make_scripted_runtime();
  DiscoverOptions options;
  options.sysfs = sysfs.root();
  options.cpuinfo = sysfs.cpuinfo("model name\t: Some CPU\nflags\t: avx2\n");
  options.allowed = {0, 1};
  const Soc soc = discover(*runtime, options).value();
  ASSERT_THAT(soc.processors, SizeIs(2));
  EXPECT_EQ(soc.processors[1].name, "cpu1");
  EXPECT_EQ(soc.processors[1].kind, "cpu x1");
  EXPECT_EQ(soc.processors[0].memory_domain, soc.processors[1].memory_domain);
  EXPECT_THAT(soc.fingerprint, SizeIs(16));
  EXPECT_EQ(soc.find("cpu1").value(), ProcessorId(1));
  EXPECT_THAT(soc.find("gpu0").status().message(), HasSubstr("cpu0, cpu1"));

  ASSERT_EQ(soc.processors.places(), 3U) << "both together, too";
  EXPECT_EQ(soc.processors[2].name, "cpu0-1");
  EXPECT_EQ(soc.processors[2].kind, "gang of 2 cpu x1");
  EXPECT_THAT(soc.processors[2].cores, ElementsAre(0, 1));

  EXPECT_EQ(discover(*runtime, options).value().fingerprint, soc.fingerprint);
  options.allowed = {1};
  EXPECT_NE(discover(*runtime, options).value().fingerprint, soc.fingerprint);
  options.allowed = {0, 1};
  options.cpuinfo = sysfs.cpuinfo("model name\t: Some CPU\nflags\t: avx2 avx512_vnni\n");
  EXPECT_NE(discover(*runtime, options).value().fingerprint, soc.fingerprint);
}

}  // namespace
}  // namespace sparseloom::soc
