#include "sparseloom/place/cost_table.h"

#include <algorithm>
#include <cmath>

namespace sparseloom::place {
namespace {

bool is_cost(double seconds) { return seconds >= 0; }  // false for NaN
bool is_finite_cost(double value) { return is_cost(value) && std::isfinite(value); }

Status check_group(const CostTable& table, std::size_t g, const std::vector<Share>& shares) {
  const OperatorGroup& group = table.groups[g];
  const auto wrong = [&](const std::string& what) {
    return error(Code::kInvalidArgument, "operator group {} '{}': {}", g, group.name, what);
  };
  if (group.seconds.size() != table.processors.size()) {
    return wrong(fmt::format("times of {} processors; there are {}", group.seconds.size(), table.processors.size()));
  }
  for (const auto& by_quarters : group.seconds) {
    if (by_quarters[0] != 0 || !std::all_of(by_quarters.begin(), by_quarters.end(), is_cost))
      return wrong("a time is negative or no number, or no quarter takes time");
  }
  if (!group.traffic.empty() && group.traffic.size() != table.processors.size()) {
    return wrong(fmt::format("traffic of {} processors; there are {}", group.traffic.size(), table.processors.size()));
  }
  for (const auto& by_quarters : group.traffic) {
    if (!std::all_of(by_quarters.begin(), by_quarters.end(), is_finite_cost))
      return wrong("its traffic is negative or no number");
  }
  if (!is_finite_cost(group.bytes)) return wrong("the bytes that it moves are negative or no number");
  if (!is_finite_cost(group.result_bytes)) return wrong("the bytes that it writes are negative or no number");
  for (const Input& input : group.inputs) {
    if (input.from && input.from->index() >= g)
      return wrong(fmt::format("reads what group {} writes, which is no earlier one", input.from->index()));
    if (!is_finite_cost(input.bytes)) return wrong("the bytes of an input are negative or no number");
  }
  if (std::none_of(shares.begin(), shares.end(), [&](const Share& share) { return can_run(group, share); }))
    return wrong("no processor can run it");
  return {};
}

Status check_energy(const CostTable& table) {
  if (!table.energy) return {};
  const EnergyCosts& energy = *table.energy;
  if (energy.power.size() != table.processors.size()) {
    return error(Code::kInvalidArgument, "power of {} processors; there are {}", energy.power.size(),
                 table.processors.size());
  }
  for (std::size_t p = 0; p < energy.power.size(); ++p) {
    const auto [idle, active] = energy.power[p];
    if (is_finite_cost(idle) && is_finite_cost(active) && active >= idle) continue;
    return error(Code::kInvalidArgument, "processor '{}': {} W idle and {} W active; allowed: 0 or more, and no less",
                 table.processors[p].name, idle, active);
  }
  if (is_finite_cost(energy.joules_per_byte)) return {};
  return error(Code::kInvalidArgument, "{} J per byte; allowed: 0 or more", energy.joules_per_byte);
}

}  // namespace

std::vector<Share> all_shares(std::size_t processors) {
  std::vector<Share> shares;
  for (std::size_t p = 0; p < processors; ++p) {
    shares.emplace_back(processors).at(p) = kQuarters;
  }
  for (std::size_t p = 0; p < processors; ++p) {
    for (std::size_t q = p + 1; q < processors; ++q) {
      for (std::size_t quarters = 1; quarters < kQuarters; ++quarters) {
        Share& share = shares.emplace_back(processors);
        share[p] = static_cast<std::uint8_t>(quarters);
        share[q] = static_cast<std::uint8_t>(kQuarters - quarters);
      }
    }
  }
  return shares;
}

bool can_run(const OperatorGroup& group, const Share& share) {
  for (std::size_t p = 0; p < share.size(); ++p) {
    if (group.seconds[p][share[p]] == kCannot) return false;
  }
  return true;
}

Status check(const CostTable& table) {
  if (table.processors.empty() || table.processors.size() > kMostProcessors) {
    return error(Code::kInvalidArgument, "{} processors; allowed: 1 to {}", table.processors.size(), kMostProcessors);
  }
  if (table.groups.empty()) return error(Code::kInvalidArgument, "the model has no operator");
  for (const PlacedProcessor& processor : table.processors) {
    if (is_finite_cost(processor.launch)) continue;
    return error(Code::kInvalidArgument, "processor '{}': what starting takes is negative or no number",
                 processor.name);
  }
  const Handover& handover = table.handover;
  if (!is_finite_cost(handover.synchronisation) || !is_finite_cost(handover.latency) ||
      !is_finite_cost(handover.seconds_per_byte)) {
    return error(Code::kInvalidArgument, "what handing over costs is negative or no number");
  }
  SL_RETURN_IF_ERROR(check_energy(table));
  const std::vector<Share> shares = all_shares(table.processors.size());
  std::vector<bool> read(table.groups.size());
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    SL_RETURN_IF_ERROR(check_group(table, g, shares));
    for (const Input& input : table.groups[g].inputs)
      if (input.from) read[input.from->index()] = true;
  }
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    if (read[g] || table.groups[g].returned) continue;
    return error(Code::kInvalidArgument, "operator group {} '{}': nothing reads it, and the model does not return it",
                 g, table.groups[g].name);
  }
  return {};
}

}  // namespace sparseloom::place
