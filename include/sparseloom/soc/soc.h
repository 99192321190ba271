// soc: which processors exist and which device and cores each one is. Schedules nothing.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
  std::string name{};             ///< "cpu0", "gpu0"; of a gang "cpu0-1"
  std::string device{};           ///< as runtimes call it, e.g. "CPU", "GPU.0"
  std::vector<CpuIndex> cores{};  ///< cores of a CPU processor, and those the driving thread of another device may use
  std::string memory_domain{};    ///< processors of one domain exchange tensors without a transfer
  std::string kind{};             ///< processors of one kind are interchangeable by design, e.g. "cpu x1"
  /// Those it offers; of equally fast ones the earlier is used.
  std::vector<backend::Provider> providers{backend::Provider::kOpenVino};
};

/// The places where a stage can run: every processor, and behind them every gang, which is several processors that run
/// one subgraph together (two cores, one model). While a gang runs, its members run nothing else. Both are named by a
/// ProcessorId; places are sorted into pools of interchangeable ones: same device, kind, number of cores, memory domain
/// and providers.
struct Pools {
  std::vector<std::vector<ProcessorId>> members;  ///< by pool, in the order of their first members
  std::vector<std::size_t> of;                    ///< by place: its pool; none has both processors and gangs
  /// By gang: the processors it consists of. Gang g is the place processors() + g.
  std::vector<std::vector<ProcessorId>> gangs{};

  std::size_t places() const { return of.size(); }
  std::size_t processors() const { return of.size() - gangs.size(); }
  /// How many pools are of processors: they come first.
  std::size_t of_processors() const { return gangs.empty() ? members.size() : of[processors()]; }
  bool is_gang(ProcessorId place) const { return place.index() >= processors(); }
  /// All members of the place's pool, itself among them; the first stands for all where they share something.
  const std::vector<ProcessorId>& pool(ProcessorId id) const { return members[of[id.index()]]; }
  /// Calls `visit` with every processor that a stage on `place` keeps busy.
  template <typename Visit>
  void each_taken(ProcessorId place, const Visit& visit) const {
    if (!is_gang(place)) return visit(place);
    for (const ProcessorId member : gangs.at(place.index() - processors())) visit(member);
  }
  /// Whether a stage on one keeps the other from running, or is the other.
  bool overlap(ProcessorId a, ProcessorId b) const;
};

/// The processors of a machine and its gangs, by ProcessorId, and the pools they form. A value; it grows, but what is
/// in it does not change: to change a processor, put together a new list. What counts processors (size(), begin to end)
/// leaves gangs out.
class Processors {
 public:
  Processors() = default;
  Processors(std::initializer_list<Processor> list);
  /// Before the first gang. O(pools).
  void push_back(Processor processor);
  /// `gang` describes it as a place: its name, kind, all its members' cores. O(pools).
  void add_gang(Processor gang, std::vector<ProcessorId> members);
  /// The same without gangs: ids of processors stay.
  Processors without_gangs() const;
  /// The same places, each as `change` makes it of what it is: std::optional<Processor>, none to leave it out. Gangs
  /// follow their members: where one is left out they are too.
  template <typename Change>
  Processors changed(const Change& change) const;

  const Pools& pools() const { return pools_; }
  std::size_t size() const { return pools_.processors(); }
  std::size_t places() const { return list_.size(); }
  bool empty() const { return list_.empty(); }
  const Processor& operator[](std::size_t place) const { return list_[place]; }
  const Processor& front() const { return list_.front(); }
  const Processor& back() const { return list_[size() - 1]; }
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.begin() + static_cast<std::ptrdiff_t>(size()); }

 private:
  void add(Processor place, std::size_t first_pool);
  std::vector<Processor> list_;
  Pools pools_;
};

template <typename Change>
Processors Processors::changed(const Change& change) const {
  Processors result;
  std::vector<std::optional<ProcessorId>> now(size());
  for (std::size_t p = 0; p < size(); ++p) {
    std::optional<Processor> processor = change(list_[p]);
    if (!processor) continue;
    now[p] = ProcessorId(result.size());
    result.push_back(*std::move(processor));
  }
  for (std::size_t g = 0; g < pools_.gangs.size(); ++g) {
    std::vector<ProcessorId> members;
    for (const ProcessorId member : pools_.gangs[g]) {
      if (now[member.index()]) members.push_back(*now[member.index()]);
    }
    std::optional<Processor> gang = change(list_[size() + g]);
    if (gang && members.size() == pools_.gangs[g].size()) result.add_gang(*std::move(gang), std::move(members));
  }
  return result;
}

/// Kind of a gang of so many processors that are as `member` is.
std::string gang_kind(std::size_t members, const Processor& member);

/// A machine. A value: threads may read it while none writes.
struct Soc {
  std::string name;  ///< for people: CPU model and what else there is
  Processors processors;
  bool modelled = false;  ///< described in a file, not discovered
  /// Identifies machine, providers and runtime versions: a profile of another one is refused.
  std::string fingerprint;
  std::vector<backend::AbsentProvider> absent{};  ///< what would run here but for a library that is missing

  const Processor& processor(ProcessorId place) const { return processors[place.index()]; }
  const Pools& pools() const { return processors.pools(); }
  /// A processor or gang by name. kInvalidArgument lists the names.
  Result<ProcessorId> find(std::string_view place_name) const;
};

/// The same machine (and fingerprint) with its processors offering only those of `providers` that they offered before:
/// plans for it use no other; as it is if none is named. A gang that none is left of stays, of no use. kInvalidArgument
/// names a processor that none is left of.
Result<Soc> confined(const Soc& soc, std::span<const backend::Provider> providers);

/// The same machine (and fingerprint) with one processor and the gangs it is in, or with one gang alone, offering
/// nothing: plans use it for nothing.
Soc without(const Soc& soc, ProcessorId lost);

/// The same machine (and fingerprint) whose gangs also divide a subgraph's operators between their members
/// (backend::Provider::kHybrid), each gang that has no other of its pool: what is compiled for a pool is shared, and
/// members stay on their cores. Behind them stand gangs of the first CPU processor and each other device ("cpu0+gpu0"),
/// which offer that alone.
Soc with_hybrid(const Soc& soc);

/// The same machine (and fingerprint) without gangs.
Soc without_gangs(const Soc& soc);

/// What any of its places offers, each once.
std::vector<backend::Provider> offered_providers(const Soc& soc);

/// The same machine (and fingerprint) with its CPU processors alone, which may be none, and no gangs. What discover()
/// finds has them first, so their ids stay.
Soc cpus_of(const Soc& soc);

}  // namespace sparseloom::soc
