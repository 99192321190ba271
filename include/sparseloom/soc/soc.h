// soc: which processors exist and which device and cores each one is. Schedules nothing.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/backend/provider.h"
#include "sparseloom/base/ids.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/thread.h"

namespace sparseloom::soc {

struct ProcessorTag;
using ProcessorId = StrongId<ProcessorTag>;

/// Runs one subgraph at a time.
struct Processor {
  std::string name{};             ///< "cpu0", "gpu0"
  std::string device{};           ///< as runtimes call it, e.g. "CPU", "GPU.0"
  std::vector<CpuIndex> cores{};  ///< cores of a CPU processor, and those the driving thread of another device may use
  std::string memory_domain{};    ///< processors of one domain exchange tensors without a transfer
  std::string kind{};             ///< processors of one kind are interchangeable by design, e.g. "cpu x1"
  /// Those it offers; of equally fast ones the earlier is used.
  std::vector<backend::Provider> providers{backend::Provider::kOpenVino};
};

/// Processors sorted into pools of interchangeable ones: same device, kind, number of cores, memory domain and
/// providers.
struct Pools {
  std::vector<std::vector<ProcessorId>> members;  ///< by pool; pools in the order of their first members
  std::vector<std::size_t> of;                    ///< by processor: its pool

  /// All members of the processor's pool, itself among them; the first stands for all where they share something.
  const std::vector<ProcessorId>& pool(ProcessorId id) const { return members[of[id.index()]]; }
};

/// The processors of a machine, by ProcessorId, and the pools they form. A value; it grows, but what is in it does not
/// change: to change a processor, put together a new list.
class Processors {
 public:
  Processors() = default;
  Processors(std::initializer_list<Processor> list);
  /// O(pools).
  void push_back(Processor processor);

  const Pools& pools() const { return pools_; }
  std::size_t size() const { return list_.size(); }
  bool empty() const { return list_.empty(); }
  const Processor& operator[](std::size_t index) const { return list_[index]; }
  const Processor& front() const { return list_.front(); }
  const Processor& back() const { return list_.back(); }
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }

 private:
  std::vector<Processor> list_;
  Pools pools_;
};

/// A machine. A value: threads may read it while none writes.
struct Soc {
  std::string name;  ///< for people: CPU model and what else there is
  Processors processors;
  bool modelled = false;  ///< described in a file, not discovered
  /// Identifies machine, providers and runtime versions: a profile of another one is refused.
  std::string fingerprint;
  std::vector<backend::AbsentProvider> absent{};  ///< what would run here but for a library that is missing

  const Processor& processor(ProcessorId id) const { return processors[id.index()]; }
  const Pools& pools() const { return processors.pools(); }
  /// By name. kInvalidArgument lists the names.
  Result<ProcessorId> find(std::string_view processor_name) const;
};

/// The same machine (and fingerprint) with its processors offering only those of `providers` that they offered before:
/// plans for it use no other; as it is if none is named. kInvalidArgument names a processor that none is left of.
Result<Soc> confined(const Soc& soc, std::span<const backend::Provider> providers);

/// The same machine (and fingerprint) with its CPU processors alone, which may be none. What discover() finds has them
/// first, so their ids stay.
Soc cpus_of(const Soc& soc);

}  // namespace sparseloom::soc
