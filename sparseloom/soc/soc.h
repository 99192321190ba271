// soc: which processors exist and which device and cores each one is. Schedules nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/ids.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/thread.h"

namespace sparseloom::soc {

struct ProcessorTag;
using ProcessorId = StrongId<ProcessorTag>;

/// Runs one subgraph at a time.
struct Processor {
  std::string name;             ///< "cpu0", "gpu0"
  std::string runtime;          ///< "openvino"
  std::string device;           ///< the runtime's device name, e.g. "CPU"
  std::vector<CpuIndex> cores;  ///< cores of a CPU processor, and those the driving thread of another device may use
  std::string memory_domain;    ///< processors of one domain exchange tensors without a transfer
  std::string kind;             ///< processors of one kind are interchangeable by design, e.g. "cpu x1"
};

struct Soc {
  std::string name;  ///< for people: CPU model and what else there is
  std::vector<Processor> processors;
  bool modelled = false;    ///< described in a file, not discovered
  std::string fingerprint;  ///< identifies machine and runtime version: a profile of another one is refused

  const Processor& processor(ProcessorId id) const { return processors[id.index()]; }
  Result<ProcessorId> find(std::string_view processor_name) const;
};

/// Processors sorted into pools of interchangeable ones: same runtime, device, kind, number of cores and memory domain.
struct Pools {
  std::vector<std::vector<ProcessorId>> members;  ///< by pool; pools in the order of their first members
  std::vector<std::size_t> of;                    ///< by processor: its pool
};
Pools find_pools(const Soc& soc);

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
/// devices that `runtime` offers. Deterministic order.
Result<Soc> discover(const backend::Runtime& runtime, const DiscoverOptions& options = {});

}  // namespace sparseloom::soc
