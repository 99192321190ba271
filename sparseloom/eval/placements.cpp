#include "sparseloom/eval/placements.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

#include "sparseloom/place/energy.h"
#include "sparseloom/place/evaluate.h"
#include "sparseloom/profile/analytical/operator_costs.h"

namespace sparseloom::eval {
namespace {

bool is_divided(const place::Share& share) {
  return std::count_if(share.begin(), share.end(), [](auto quarters) { return quarters > 0; }) > 1;
}

PlacementRow row_of(const place::Placer& placer, const place::CostTable& table, place::CostModel model,
                    const PlaceBy& place, double alone) {
  const auto start = std::chrono::steady_clock::now();
  const auto placed = place(placer, table);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  PlacementRow row;
  row.method = placer.name;
  row.decided_in = took.count();
  row.groups = table.groups.size();
  if (!placed.ok()) {
    row.why_not = placed.status().message();
    return row;
  }
  row.latency = placed->latency;
  row.over_alone = alone / placed->latency;
  row.lower_bound = placed->lower_bound;
  row.gap = placed->lower_bound > 0 ? placed->gap() : 0;
  row.optimal = placed->optimal;
  row.joules = place::energy_of(table, placed->placement, model);
  row.divided = static_cast<std::size_t>(std::count_if(placed->placement.begin(), placed->placement.end(), is_divided));
  return row;
}

struct Mean {
  double logs = 0, worst = 0;
  std::size_t count = 0;
  void add(double ratio, bool larger_is_worse) {
    logs += std::log(ratio);
    worst = count == 0 ? ratio : larger_is_worse ? std::max(worst, ratio) : std::min(worst, ratio);
    ++count;
  }
  double mean() const { return count == 0 ? 0 : std::exp(logs / static_cast<double>(count)); }
};

}  // namespace

Result<std::vector<PlacementRow>> evaluate_placements(const std::vector<Network>& networks,
                                                      const std::vector<soc::SocFile>& machines, place::CostModel model,
                                                      const PlaceBy& place) {
  std::vector<PlacementRow> rows;
  for (const Network& network : networks) {
    for (const soc::SocFile& machine : machines) {
      const auto costs = profile::modelled_costs(network.graph, machine);
      if (!costs.ok()) return costs.status().with_context(network.name);
      const double alone = place::best_alone(costs->table, model);
      for (const place::Placer& placer : place::placers()) {
        PlacementRow row = row_of(placer, costs->table, model, place, alone);
        row.network = network.name;
        row.soc = machine.soc.name;
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

std::vector<PlacementSummary> summarize(const std::vector<PlacementRow>& rows) {
  std::map<std::pair<std::string, std::string>, double> exact;
  for (const PlacementRow& row : rows)
    if (row.method == "exact" && row.why_not.empty()) exact[{row.network, row.soc}] = row.latency;
  std::vector<PlacementSummary> summaries;
  for (const place::Placer& placer : place::placers()) {
    PlacementSummary summary;
    summary.method = placer.name;
    Mean over_alone, over_exact;
    for (const PlacementRow& row : rows) {
      if (row.method != placer.name || !row.why_not.empty()) continue;
      ++summary.rows;
      summary.slowest_decision = std::max(summary.slowest_decision, row.decided_in);
      if (std::isfinite(row.over_alone)) over_alone.add(row.over_alone, false);
      if (const auto best = exact.find({row.network, row.soc}); best != exact.end())
        over_exact.add(row.latency / best->second, true);
    }
    if (summary.rows == 0) continue;
    summary.over_alone = over_alone.mean();
    summary.worst_over_alone = over_alone.worst;
    summary.over_exact = over_exact.mean();
    summary.worst_over_exact = over_exact.worst;
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

}  // namespace sparseloom::eval
