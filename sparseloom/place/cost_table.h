// place: which processor runs which operators of one model (operator-level hybrid execution, SparOA, arXiv 2511.19457).
// Pure functions over a table of costs; where they come from, profile knows.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/ids.h"
#include "sparseloom/base/status.h"

namespace sparseloom::place {

struct GroupTag;
using GroupId = StrongId<GroupTag>;  ///< index into CostTable::groups

/// A group of operators is divided between processors in quarters.
inline constexpr std::size_t kQuarters = 4;
/// More are refused: the ways to divide a group grow with their square.
inline constexpr std::size_t kMostProcessors = 8;
/// Of a share that a processor cannot run.
inline constexpr double kCannot = std::numeric_limits<double>::infinity();

/// A tensor that a group reads, all of it.
struct Input {
  std::optional<GroupId> from{};  ///< the group that writes it, an earlier one; none: an input of the model
  double bytes = 0;               ///< of an input of the model
};

/// Operators that a runtime executes as one.
struct OperatorGroup {
  std::string name;
  std::string kind;                ///< of its main operator, for people: "Convolution"
  double operations = 0;           ///< a multiply-accumulate is two
  double bytes = 0;                ///< moved to and from memory
  double weight_sparsity = 0;      ///< share of its weights that are zero, 0..1
  double activation_sparsity = 0;  ///< share of what it reads that is zero, ρ, 0..1
  std::vector<Input> inputs;
  /// A processor that runs a share of it reads only what the same share of the group before wrote (positions along a
  /// chain of linear layers). So nothing is handed over between groups that are divided alike.
  bool along = false;
  double result_bytes = 0;  ///< of what it writes
  bool returned = false;    ///< the model returns that
  /// Seconds by processor and quarters; 0 for no quarter, kCannot where it cannot be run.
  std::vector<std::array<double, kQuarters + 1>> seconds;
  /// Bytes to and from memory, likewise; empty: `bytes` in proportion.
  std::vector<std::array<double, kQuarters + 1>> traffic{};

  /// Operations per byte, I.
  double intensity() const { return bytes > 0 ? operations / bytes : 0; }
};

enum class ProcessorKind : std::uint8_t { kCpu, kGpu, kOther };

struct PlacedProcessor {
  std::string name;
  ProcessorKind kind = ProcessorKind::kCpu;
  std::size_t memory_domain = 0;  ///< 0: the host's, where the model's inputs are and its outputs go
  double launch = 0;              ///< seconds until it begins on what another one, or the host, hands it
};

/// What it costs that one processor reads what another one wrote.
struct Handover {
  double synchronisation = 0;  ///< seconds until it knows that it may
  double latency = 0;          ///< seconds per tensor, and per byte, between memory domains
  double seconds_per_byte = 0;
};

/// Watts of a processor that does nothing, and of one that computes, no less.
struct Power {
  double idle = 0, active = 0;
};

/// What the energy of a placement is modelled by (energy.h).
struct EnergyCosts {
  std::vector<Power> power;    ///< by processor
  double joules_per_byte = 0;  ///< read from memory or written to it
};

/// Everything that placements of one model on one machine are judged by.
struct CostTable {
  std::vector<PlacedProcessor> processors;
  std::vector<OperatorGroup> groups;  ///< in an order in which they can be executed
  Handover handover;
  std::optional<EnergyCosts> energy{};  ///< none: not known
};

/// Quarters of a group by processor; they add up to kQuarters.
using Share = std::vector<std::uint8_t>;
/// By group.
using Placement = std::vector<Share>;

/// Every way to divide a group: whole on each processor, in order, then between each two of them. O(P²).
std::vector<Share> all_shares(std::size_t processors);

/// Whether every processor that gets quarters of the group can run them.
bool can_run(const OperatorGroup& group, const Share& share);

/// kInvalidArgument names the group and what is wrong: no processor or more than kMostProcessors, no group, an input
/// from no earlier group, a group that nothing reads and the model does not return, one that nothing can run, a cost
/// that is negative or NaN, less power when active than when idle.
Status check(const CostTable& table);

}  // namespace sparseloom::place
