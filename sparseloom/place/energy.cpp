#include "sparseloom/place/energy.h"

#include <algorithm>

namespace sparseloom::place {
namespace {

double traffic_of(const OperatorGroup& group, std::size_t processor, std::uint8_t quarters) {
  return group.traffic.empty() ? part(group.bytes, quarters) : group.traffic[processor][quarters];
}

double copied_bytes(const CostTable& table, const Placement& placement) {
  const std::size_t domains = memory_domains(table);
  std::vector<std::vector<bool>> there(table.groups.size(), std::vector<bool>(domains));  // by group and domain
  double sum = 0;
  const auto copy = [&](std::size_t group, std::size_t domain) {
    if (!there[group][domain]) sum += bytes_outside(table, group, placement[group], domain);
    there[group][domain] = true;
  };
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    const OperatorGroup& group = table.groups[g];
    for (const Input& input : group.inputs) {
      if (input.from && group.along && placement[input.from->index()] == placement[g]) continue;
      for (std::size_t d = 0; d < domains; ++d) {
        if (!shares_in(table, placement[g], d)) continue;
        if (input.from) {
          copy(input.from->index(), d);
        } else if (d != 0) {
          sum += input.bytes;
        }
      }
    }
  }
  for (std::size_t g = 0; g < table.groups.size(); ++g)
    if (table.groups[g].returned) copy(g, 0);
  return sum;
}

}  // namespace

double idle_watts(const EnergyCosts& energy) {
  double sum = 0;
  for (const Power& power : energy.power) sum += power.idle;
  return sum;
}

double group_joules(const CostTable& table, std::size_t group, const Share& share) {
  const OperatorGroup& of = table.groups[group];
  double sum = 0;
  for (std::size_t p = 0; p < share.size(); ++p) {
    if (share[p] == 0) continue;
    const Power& power = table.energy->power[p];
    sum += of.seconds[p][share[p]] * (power.active - power.idle) +
           traffic_of(of, p, share[p]) * table.energy->joules_per_byte;
  }
  return sum;
}

double copy_joules(const CostTable& table, double bytes) { return 2 * bytes * table.energy->joules_per_byte; }

std::size_t memory_domains(const CostTable& table) {
  std::size_t last = 0;
  for (const PlacedProcessor& processor : table.processors) last = std::max(last, processor.memory_domain);
  return last + 1;
}

bool shares_in(const CostTable& table, const Share& share, std::size_t domain) {
  for (std::size_t p = 0; p < share.size(); ++p)
    if (share[p] > 0 && table.processors[p].memory_domain == domain) return true;
  return false;
}

double bytes_outside(const CostTable& table, std::size_t group, const Share& share, std::size_t domain) {
  double sum = 0;
  for (std::size_t p = 0; p < share.size(); ++p)
    if (table.processors[p].memory_domain != domain) sum += part(table.groups[group].result_bytes, share[p]);
  return sum;
}

std::optional<double> energy_of(const CostTable& table, const Placement& placement, CostModel model) {
  if (!table.energy) return std::nullopt;
  const double latency = latency_of(table, placement, model);
  if (latency == kCannot) return kCannot;
  double joules = latency * idle_watts(*table.energy) + copy_joules(table, copied_bytes(table, placement));
  for (std::size_t g = 0; g < table.groups.size(); ++g) joules += group_joules(table, g, placement[g]);
  return joules;
}

}  // namespace sparseloom::place
