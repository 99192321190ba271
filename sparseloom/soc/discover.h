#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/soc/soc.h"

namespace sparseloom::soc {

/// How to group CPU cores into processors.
struct DiscoverOptions {
  /// Cores per CPU processor. Unset: one, up to 8 physical cores; above, one processor per cluster of cores that share
  /// their last-level cache and maximum frequency.
  std::optional<int> cores_per_processor;
  /// Where the machine describes itself; tests give made-up trees.
  std::filesystem::path sysfs = "/sys";
  std::filesystem::path cpuinfo = "/proc/cpuinfo";
  /// CPUs to use; empty: those this process may run on.
  std::vector<CpuIndex> allowed;
};

/// The host's processors: the CPUs this process may use (one logical CPU per physical core), then the GPU and NPU
/// devices that `runtimes` offers, each with the providers that it has for them, then gangs: of CPU processors of
/// one cluster of cores, 2, 4, 8 ... of them. Deterministic order.
Result<Soc> discover(const backend::Executor& runtimes, const DiscoverOptions& options = {});

}  // namespace sparseloom::soc
