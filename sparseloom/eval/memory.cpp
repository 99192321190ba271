#include "sparseloom/eval/memory.h"

#include <algorithm>
#include <set>

#include "sparseloom/engine/report.h"
#include "sparseloom/eval/comparison.h"
#include "sparseloom/plan/planners/resident_only.h"

namespace sparseloom::eval {
namespace {

// Mean violation rate over the configurations, every order once.
Result<double> violations(const MemoryInput& in, const profile::Profile& profile) {
  VirtualMachine machine;
  machine.pools = in.soc.pools();
  machine.policy = in.policy;
  machine.stop = in.stop;
  const auto host = virtual_host(std::move(machine));
  double sum = 0;
  for (const plan::SloConfig& slo : in.configurations) {
    if (host->stopped()) return error(Code::kCancelled, "stopped");
    auto plan = in.planner.plan({in.zoo, in.soc, profile, slo});
    if (!plan.ok()) return plan.status().with_context(slo.name);
    const auto made = std::make_shared<const plan::Plan>(std::move(plan).value());
    SL_ASSIGN_OR_RETURN(const Comparison played, compare(*host, {{made->planner, made}}, slo.slos,
                                                         {.repeats = 1, .saturated = Seconds(0), .on_progress = {}}));
    if (played.rounds == 0) return error(Code::kCancelled, "stopped");
    sum += engine::count_violations(played.outcomes[0].episodes).rate.value;
  }
  return sum / static_cast<double>(in.configurations.size());
}

}  // namespace

Result<std::vector<MemoryPoint>> memory_curve(const MemoryInput& in) {
  SL_ASSIGN_OR_RETURN(const auto all, plan::all_subgraphs(in.zoo, in.soc, in.profile));
  Bytes full;
  for (const auto& subgraph : all) full += subgraph.bytes;
  SL_ASSIGN_OR_RETURN(const auto feasible, plan::preload_problem(in.zoo, in.soc, in.profile, in.configurations));
  std::vector<plan::Plan> plans;
  for (const plan::SloConfig& slo : in.configurations) {
    if (in.stop != nullptr && in.stop->load()) return error(Code::kCancelled, "stopped");
    SL_ASSIGN_OR_RETURN(plan::Plan plan, in.planner.plan({in.zoo, in.soc, in.profile, slo}));
    plans.push_back(std::move(plan));
  }
  const auto planned = plan::preload_problem(in.soc, in.profile, plans);
  SL_ASSIGN_OR_RETURN(const double with_all, violations(in, in.profile));
  std::vector<MemoryPoint> points{{"full", 1, full, full, 1, with_all}};
  const auto add = [&](const char* name, const plan::PreloadProblem& problem, double share) -> Status {
    SL_ASSIGN_OR_RETURN(const plan::Preloader preload, plan::find_preloader(name));
    const Bytes budget{static_cast<std::uint64_t>(share * static_cast<double>(full.count))};
    const plan::Preload made = preload(problem, budget);
    std::set<soc::SubgraphKey> kept;
    for (const std::size_t index : made.subgraphs) kept.insert(problem.subgraphs[index].key);
    const plan::IsResident resident = [&](const soc::SubgraphKey& subgraph) { return kept.contains(subgraph); };
    SL_ASSIGN_OR_RETURN(const double rate, violations(in, plan::with_loading(in.profile, in.soc, resident)));
    points.push_back({name, share, budget, made.bytes, made.attainment, rate});
    return {};
  };
  for (const double share : in.shares) {
    SL_RETURN_IF_ERROR(add("hotness", feasible, share));
    SL_RETURN_IF_ERROR(add("knapsack", planned, share));
  }
  return points;
}

std::optional<double> least_share(const std::vector<MemoryPoint>& points, const std::string& preloader) {
  const auto full = std::find_if(points.begin(), points.end(), [](const auto& p) { return p.preloader == "full"; });
  std::optional<double> least;
  for (const MemoryPoint& p : points) {
    if (p.preloader != preloader || full == points.end() || p.violation_rate > full->violation_rate + kSameRate)
      continue;
    const double share = static_cast<double>(p.resident.count) / static_cast<double>(full->resident.count);
    least = std::min(least.value_or(share), share);
  }
  return least;
}

}  // namespace sparseloom::eval
