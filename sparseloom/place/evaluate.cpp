#include "sparseloom/place/evaluate.h"

#include "sparseloom/base/names.h"
#include "sparseloom/place/timeline.h"

namespace sparseloom::place {
namespace {

constexpr std::array<std::string_view, kCostModels.size()> kNames{"additive", "makespan"};

}  // namespace

std::string_view name_of(CostModel model) { return kNames[static_cast<std::size_t>(model)]; }

Result<CostModel> find_cost_model(std::string_view name) {
  for (const CostModel model : kCostModels)
    if (name_of(model) == name) return model;
  return unknown_name("cost model", name, std::vector<std::string_view>(kNames.begin(), kNames.end()));
}

double handover_seconds(const CostTable& table, std::size_t from, std::size_t to, double bytes) {
  const Handover& handover = table.handover;
  const bool apart = table.processors[from].memory_domain != table.processors[to].memory_domain;
  return handover.synchronisation + table.processors[to].launch +
         (apart ? handover.latency + bytes * handover.seconds_per_byte : 0);
}

double seconds_from_host(const CostTable& table, std::size_t to, double bytes) {
  const double launch = table.processors[to].launch;
  if (table.processors[to].memory_domain == 0) return launch;
  return launch + table.handover.latency + bytes * table.handover.seconds_per_byte;
}

double seconds_to_host(const CostTable& table, std::size_t from, double bytes) {
  if (table.processors[from].memory_domain == 0) return 0;
  return table.handover.synchronisation + table.handover.latency + bytes * table.handover.seconds_per_byte;
}

double latency_of(const CostTable& table, const Placement& placement, CostModel model) {
  for (std::size_t g = 0; g < table.groups.size(); ++g)
    if (!can_run(table.groups[g], placement[g])) return kCannot;
  Timeline timeline(table, model);
  for (const Share& share : placement) timeline.add(share);
  return timeline.latency();
}

double best_alone(const CostTable& table, CostModel model) {
  double least = kCannot;
  for (std::size_t p = 0; p < table.processors.size(); ++p) {
    Share share(table.processors.size());
    share[p] = kQuarters;
    least = std::min(least, latency_of(table, Placement(table.groups.size(), share), model));
  }
  return least;
}

}  // namespace sparseloom::place
