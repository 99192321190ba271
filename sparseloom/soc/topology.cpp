#include "sparseloom/soc/topology.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <string_view>
#include <tuple>

namespace sparseloom::soc {
namespace fs = std::filesystem;
namespace {

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.pop_back();
  return line;
}

std::optional<std::int64_t> number_in(const fs::path& path) {
  const std::string line = first_line(path);
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (failure != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return value;
}

// The cache of the highest level that holds data.
std::string last_level_group(const fs::path& cpu) {
  std::int64_t best_level = 0;
  std::string group;
  for (int index = 0; index < 16; ++index) {
    const fs::path cache = cpu / "cache" / fmt::format("index{}", index);
    const auto level = number_in(cache / "level");
    if (!level || *level <= best_level || first_line(cache / "type") == "Instruction") continue;
    best_level = *level;
    group = first_line(cache / "shared_cpu_list");
  }
  return group;
}

// What the logical CPUs of one physical core have in common. Core numbers come last: where a device tree describes the
// CPUs they start again at 0 in every cluster, and all clusters are of one package.
std::string core_of(const fs::path& topology, CpuIndex index, int package) {
  for (const char* siblings : {"core_cpus_list", "thread_siblings_list"}) {
    if (std::string list = first_line(topology / siblings); !list.empty()) return list;
  }
  const auto core = number_in(topology / "core_id");
  if (!core || *core < 0) return fmt::format("{}", index);
  return fmt::format("package {} cluster {} core {}", package, number_in(topology / "cluster_id").value_or(-1), *core);
}

using ClusterKey = std::tuple<int, std::string, std::int64_t>;
ClusterKey cluster_of(const LogicalCpu& cpu) { return {cpu.package, cpu.cache_group, cpu.max_khz}; }

// The first logical CPU of every physical core, ascending.
std::vector<LogicalCpu> physical_cores(const std::vector<LogicalCpu>& cpus) {
  std::vector<LogicalCpu> cores;
  std::set<std::string> seen;
  for (const LogicalCpu& cpu : cpus) {
    if (seen.insert(cpu.core).second) cores.push_back(cpu);
  }
  return cores;
}

// Clusters in the order of their first core.
std::vector<std::vector<CpuIndex>> clusters_of(const std::vector<LogicalCpu>& cores) {
  std::vector<std::vector<CpuIndex>> clusters;
  std::map<ClusterKey, std::size_t> position;
  for (const LogicalCpu& core : cores) {
    const auto [it, fresh] = position.emplace(cluster_of(core), clusters.size());
    if (fresh) clusters.emplace_back();
    clusters[it->second].push_back(core.index);
  }
  return clusters;
}

constexpr std::array<std::string_view, 22> kFlagsThatMatter{
    "amx_bf16", "amx_int8", "amx_tile",    "asimd",       "asimddp",       "asimdhp",  "avx",  "avx2",
    "avx512bw", "avx512f",  "avx512_bf16", "avx512_fp16", "avx512_vnni",   "avx_vnni", "bf16", "f16c",
    "fma",      "i8mm",     "sve",         "sve2",        "avx_vnni_int8", "sme"};

}  // namespace

std::vector<LogicalCpu> read_topology(const fs::path& sysfs, const std::vector<CpuIndex>& allowed) {
  std::vector<LogicalCpu> cpus;
  for (const CpuIndex index : allowed) {
    const fs::path folder = sysfs / "devices" / "system" / "cpu" / fmt::format("cpu{}", index);
    LogicalCpu cpu;
    cpu.index = index;
    cpu.package =
        static_cast<int>(std::max<std::int64_t>(number_in(folder / "topology/physical_package_id").value_or(0), 0));
    cpu.core = core_of(folder / "topology", index, cpu.package);
    cpu.cache_group = last_level_group(folder);
    cpu.max_khz = number_in(folder / "cpufreq/cpuinfo_max_freq").value_or(0);
    cpus.push_back(std::move(cpu));
  }
  return cpus;
}

Result<std::vector<std::vector<CpuIndex>>> group_cores(const std::vector<LogicalCpu>& cpus,
                                                       std::optional<int> cores_per_processor) {
  constexpr std::size_t kMostSingleCores = 8;
  const std::vector<LogicalCpu> cores = physical_cores(cpus);
  const auto clusters = clusters_of(cores);
  if (!cores_per_processor && cores.size() > kMostSingleCores) return clusters;
  const int each = cores_per_processor.value_or(1);
  if (each < 1 || static_cast<std::size_t>(each) > cores.size()) {
    return error(Code::kInvalidArgument, "cores per processor: {}; 1 to {} are allowed here", each, cores.size());
  }
  std::vector<std::vector<CpuIndex>> groups;
  for (const auto& cluster : clusters) {
    for (std::size_t at = 0; at < cluster.size(); at += static_cast<std::size_t>(each)) {
      const std::size_t end = std::min(at + static_cast<std::size_t>(each), cluster.size());
      groups.emplace_back(cluster.begin() + static_cast<std::ptrdiff_t>(at),
                          cluster.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }
  return groups;
}

std::vector<std::vector<std::size_t>> gangs_of(const std::vector<LogicalCpu>& cpus,
                                               const std::vector<std::vector<CpuIndex>>& groups) {
  const auto cluster = [&](std::size_t group) {
    const auto cpu =
        std::find_if(cpus.begin(), cpus.end(), [&](const LogicalCpu& c) { return c.index == groups[group].front(); });
    return cluster_of(*cpu);
  };
  std::vector<std::vector<std::size_t>> gangs;
  for (std::size_t size = 2; size <= groups.size(); size *= 2) {
    std::size_t first = 0;  // of the cluster
    for (std::size_t at = 0; at < groups.size(); ++at) {
      if (cluster(at) != cluster(first)) first = at;
      if ((at - first + 1) % size != 0) continue;
      std::vector<std::size_t> gang(size);
      std::iota(gang.begin(), gang.end(), at + 1 - size);
      const bool alike = std::all_of(gang.begin(), gang.end(),
                                     [&](std::size_t g) { return groups[g].size() == groups[gang.front()].size(); });
      if (alike) gangs.push_back(std::move(gang));
    }
  }
  return gangs;
}

std::string core_kind(const std::vector<LogicalCpu>& cpus, CpuIndex index) {
  // Frequencies tell kinds apart only where cores differ in them; cores of one kind in two clusters are alike.
  std::set<std::int64_t> frequencies;
  for (const LogicalCpu& cpu : cpus) frequencies.insert(cpu.max_khz);
  if (frequencies.size() <= 1) return "cpu";
  for (const LogicalCpu& cpu : cpus) {
    if (cpu.index == index) return fmt::format("cpu {} MHz", cpu.max_khz / 1000);
  }
  return "cpu";
}

CpuIdentity read_identity(const fs::path& cpuinfo) {
  CpuIdentity identity;
  std::set<std::string> flags;
  std::ifstream file(cpuinfo);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, line.find_last_not_of(" \t", colon == 0 ? 0 : colon - 1) + 1);
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : std::string();
    if (identity.model.empty() && (key == "model name" || key == "Hardware" || key == "CPU part")) {
      identity.model = value;
    } else if (key == "flags" || key == "Features") {
      std::istringstream words(value);
      for (std::string word; words >> word;) {
        if (std::find(kFlagsThatMatter.begin(), kFlagsThatMatter.end(), word) != kFlagsThatMatter.end()) {
          flags.insert(word);
        }
      }
    }
  }
  if (identity.model.empty()) identity.model = "unknown CPU";
  identity.flags.assign(flags.begin(), flags.end());
  return identity;
}

}  // namespace sparseloom::soc
