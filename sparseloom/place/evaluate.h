#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sparseloom/place/cost_table.h"

namespace sparseloom::place {

/// How the costs of groups make the latency of one inference.
enum class CostModel : std::uint8_t {
  /// Groups run one after another, each as long as its slowest share; what has to be handed over first is waited for.
  kAdditive,
  /// Processors work at the same time, each on its shares in the table's order: a share starts when its processor is
  /// free and all that it reads has arrived. What a share writes is sent on at once, and sending does not keep the
  /// processor from its next share.
  kMakespan
};
inline constexpr std::array kCostModels{CostModel::kAdditive, CostModel::kMakespan};
/// "additive", "makespan".
std::string_view name_of(CostModel model);
/// kInvalidArgument lists the names.
Result<CostModel> find_cost_model(std::string_view name);

/// Seconds from when one processor has written `bytes` until another begins on them.
double handover_seconds(const CostTable& table, std::size_t from, std::size_t to, double bytes);

/// The same from and to the host's memory, where nobody waits to be told that an input is there.
double seconds_from_host(const CostTable& table, std::size_t to, double bytes);
double seconds_to_host(const CostTable& table, std::size_t from, double bytes);
/// The part of `bytes` that so many quarters write.
inline double part(double bytes, std::uint8_t quarters) { return bytes * quarters / static_cast<double>(kQuarters); }

/// Seconds of one inference. A tensor arrives whole at a processor when all shares of it have; at one that runs the
/// same share of a group that goes `along`, when its own part is written. Of the additive model what a group
/// writes arrives once at a processor, however many read it there; an input of the model is sent to each reader.
/// Outputs end in the host's memory. kCannot if a processor cannot run its share. The placement must have a share of
/// every group. O(inputs · P²).
double latency_of(const CostTable& table, const Placement& placement, CostModel model);

/// The least latency of all groups on one processor; kCannot if none can run them all.
double best_alone(const CostTable& table, CostModel model);

/// Whether a latency keeps a bound on it, rounding apart: sums in another order differ in the last digits.
inline bool keeps(double latency, double latency_bound) { return latency <= latency_bound * (1 + 1e-12); }

}  // namespace sparseloom::place
