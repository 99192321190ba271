// Private to soc (and its tests): what Linux says about the CPUs, and how they are grouped into processors.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/thread.h"

namespace sparseloom::soc {

/// One logical CPU.
struct LogicalCpu {
  CpuIndex index = 0;
  int package = 0;
  std::string core;          ///< equal for the logical CPUs of one physical core alone
  std::string cache_group;   ///< CPUs that share its last-level cache, as the system lists them ("0-3")
  std::int64_t max_khz = 0;  ///< 0 where the system does not say
};

/// The given CPUs as <sysfs>/devices/system/cpu describes them. What a machine does not say gets a neutral value (each
/// CPU its own core, one cache group), so a container with a bare sysfs still works.
std::vector<LogicalCpu> read_topology(const std::filesystem::path& sysfs, const std::vector<CpuIndex>& allowed);

/// Cores of each processor, in order. One logical CPU per physical core is used (the first allowed one).
/// Unset `cores_per_processor`: one core each up to 8 physical cores; above, one processor per cluster of cores that
/// share last-level cache and maximum frequency. Set: consecutive cores of a cluster in groups of that many; the last
/// of a cluster may be smaller. kInvalidArgument if it is below 1 or above the number of cores.
Result<std::vector<std::vector<CpuIndex>>> group_cores(const std::vector<LogicalCpu>& cpus,
                                                       std::optional<int> cores_per_processor);

/// Gangs of what group_cores() made, as indices into it: groups of equally many cores in one cluster, as many as a
/// power of two, in a row; the small gangs first. On four cores that share a cache: 0-1, 2-3, 0-3.
std::vector<std::vector<std::size_t>> gangs_of(const std::vector<LogicalCpu>& cpus,
                                               const std::vector<std::vector<CpuIndex>>& groups);

/// Key of a kind of core: processors whose cores have equal keys are interchangeable by design.
std::string core_kind(const std::vector<LogicalCpu>& cpus, CpuIndex index);

/// Model name and the flags that decide how fast kernels run, from the text of /proc/cpuinfo.
struct CpuIdentity {
  std::string model;               ///< "AMD EPYC"; "unknown CPU" where the system does not say
  std::vector<std::string> flags;  ///< sorted, only those that matter
};
CpuIdentity read_identity(const std::filesystem::path& cpuinfo);

}  // namespace sparseloom::soc
