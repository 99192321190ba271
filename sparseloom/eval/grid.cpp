#include "sparseloom/eval/grid.h"

#include <algorithm>
#include <cmath>

#include "sparseloom/plan/costs.h"
#include "sparseloom/sched/standard_workloads.h"

namespace sparseloom::eval {
namespace {

// Of the arrivals that systems plan for, which are others than those that are played.
constexpr std::size_t kPlannedRequests = 10'000;

// Plans of equal keys run the same subgraphs in the same places, and are served by the same engine.
std::string key_of(const plan::Plan& plan) {
  std::string key;
  for (const plan::TaskPlan& task : plan.tasks) {
    for (std::size_t i = 0; i < task.sigma.size(); ++i) {
      key += fmt::format("{}@{}/{} ", task.sigma[i].index(), task.placement[i].index(),
                         backend::provider_name(task.providers[i]));
    }
    if (task.pooled) key += "late";
    if (task.shared) key += "shared";
    key += ';';
  }
  return key;
}

Json mean_json(const std::optional<Mean>& mean) {
  if (!mean) return nullptr;
  return {{"mean", mean->mean}, {"half_width", std::isnan(mean->half_width) ? Json(nullptr) : Json(mean->half_width)}};
}

}  // namespace

Json to_json(const Row& row) {
  const engine::Rate& rate = row.violation_rate;
  return {{"soc", row.soc},
          {"modelled", row.modelled},
          {"system", row.system},
          {"accuracy_index", row.cell.accuracy_index},
          {"latency_index", row.cell.latency_index},
          {"violation_rate", rate.value},
          {"violation_rate_ci", {rate.low, rate.high}},
          {"violations",
           {{"latency", row.violations.latency}, {"accuracy", row.violations.accuracy}, {"both", row.violations.both}}},
          {"throughput_qps", row.throughput_qps},
          {"completed_qps", row.completed_qps},
          {"equal_qps", row.equal_qps},
          {"most_qps", row.most_qps ? Json(*row.most_qps) : Json(nullptr)},
          {"goodput_qps", row.goodput_qps ? Json(row.goodput_qps->mean) : Json(nullptr)},
          {"goodput", mean_json(row.goodput_qps)},
          {"resident_bytes", row.resident.count}};
}

Result<Row> row_from_json(const Json& json, const std::string& where) {
  try {
    const auto number = [](const Json& value) { return value.get<double>(); };
    Row row;
    row.soc = json.at("soc").get<std::string>();
    row.modelled = json.at("modelled").get<bool>();
    row.system = json.at("system").get<std::string>();
    row.cell = {json.at("accuracy_index").get<int>(), json.at("latency_index").get<int>()};
    const Json& interval = json.at("violation_rate_ci");
    row.violation_rate = {number(json.at("violation_rate")), number(interval.at(0)), number(interval.at(1))};
    const Json& causes = json.at("violations");
    row.violations = {number(causes.at("latency")), number(causes.at("accuracy")), number(causes.at("both"))};
    row.throughput_qps = number(json.at("throughput_qps"));
    row.completed_qps = number(json.at("completed_qps"));
    row.equal_qps = number(json.at("equal_qps"));
    if (const Json& most = json.at("most_qps"); !most.is_null()) row.most_qps = number(most);
    if (const Json& goodput = json.at("goodput"); !goodput.is_null()) {
      const Json& half = goodput.at("half_width");  // null: of one stream of arrivals
      row.goodput_qps = Mean{number(goodput.at("mean")), half.is_null() ? std::nan("") : number(half)};
    }
    row.resident = Bytes{json.at("resident_bytes").get<std::uint64_t>()};
    return row;
  } catch (const Json::exception& e) {
    return error(Code::kMalformed, "{}: not a row of an evaluation: {}", where, e.what());
  }
}

namespace {

bool certified(const plan::Plan& plan) { return plan.optimal || (plan.gap > 0 && plan.gap < 1); }

/// By the certificate of its plan for the accuracy bounds alone; none if it makes plans without one.
Result<std::optional<double>> most_requests(const System& system, const plan::SloConfig& slo) {
  plan::SloConfig however_late = slo;
  for (plan::Slo& one : however_late.slos) one.latency = Seconds(1e9);
  SL_ASSIGN_OR_RETURN(const plan::Plan plan, system.plan(however_late, nullptr));
  const Seconds least = plan.bottleneck * (1 - plan.gap);
  if (!certified(plan) || least <= Seconds(0)) return std::optional<double>();
  return std::optional(static_cast<double>(plan.tasks.size()) / least.count());
}

}  // namespace

Status Grid::measure_throughput(const std::vector<Contender>& contenders) {
  if (in_.options.saturated <= Seconds(0)) return {};
  for (const Contender& contender : contenders) {
    const std::string key = key_of(*contender.plan);
    if (served_.contains(key)) continue;
    SL_RETURN_IF_ERROR(in_.host.adopt(contender.plan).with_context(contender.name));
    SL_ASSIGN_OR_RETURN(auto served, saturate(in_.host, contender.plan->tasks.size(), in_.options.saturated));
    if (in_.host.stopped()) return {};
    served_.emplace(key, std::move(served));
  }
  return {};
}

Result<std::vector<Mean>> Grid::measure_goodput(const std::vector<Contender>& contenders, const plan::SloConfig& slo) {
  std::vector<std::vector<double>> rates(contenders.size());
  for (std::size_t seed = 1; seed <= in_.options.goodput_seeds; ++seed) {
    for (std::size_t c = 0; c < contenders.size() && !in_.host.stopped(); ++c) {
      const plan::Plan& plan = *contenders[c].plan;
      GoodputOptions options = in_.options.goodput;
      options.highest = 1.2 * static_cast<double>(plan.tasks.size()) / plan.bottleneck.count();
      const PlanAt plan_at = [&](double rate) -> Result<std::shared_ptr<const plan::Plan>> {
        plan::Load load = sched::load_of(sched::poisson(slo.slos.size(), rate, kPlannedRequests, 0));
        load.percentile = options.target;
        SL_ASSIGN_OR_RETURN(plan::Plan made, in_.systems[c].plan(slo, &load));
        return std::make_shared<const plan::Plan>(std::move(made));
      };
      auto rate = goodput(in_.host, plan_at, slo.slos, seed, options);
      if (!rate.ok()) return rate.status().with_context(contenders[c].name);
      rates[c].push_back(*rate);
    }
    step();
  }
  std::vector<Mean> means;
  for (const auto& r : rates) means.push_back(mean95(r));
  return means;
}

bool Grid::with_goodput(plan::GridCell cell) const {
  return in_.options.goodput_seeds > 0 && (in_.options.goodput_everywhere || cell.diagonal());
}

std::size_t Grid::steps(plan::GridCell cell) const { return 1 + (with_goodput(cell) ? in_.options.goodput_seeds : 0); }

void Grid::step() const {
  if (in_.on_step) in_.on_step();
}

Result<std::vector<Row>> Grid::play(plan::GridCell cell) {
  auto rows = measure(cell);
  if (in_.host.stopped()) return std::vector<Row>();  // whatever became of what was under way
  return rows;
}

Result<std::vector<Row>> Grid::measure(plan::GridCell cell) {
  const plan::SloConfig slo = plan::grid_config(in_.ranges, cell);
  std::vector<Contender> contenders;
  for (const System& system : in_.systems) {
    if (in_.host.stopped()) return std::vector<Row>();
    auto plan = system.plan(slo, nullptr);
    if (!plan.ok()) return plan.status().with_context(fmt::format("{}, {}", cell.name(), system.name));
    contenders.push_back({system.name, std::make_shared<const plan::Plan>(std::move(plan).value())});
  }
  const std::size_t repeats = in_.host.deterministic() ? 1 : in_.options.repeats;
  auto compared =
      compare(in_.host, contenders, slo.slos, {.repeats = repeats, .saturated = Seconds(0), .on_progress = {}});
  if (!compared.ok()) return compared.status().with_context(cell.name());
  SL_RETURN_IF_ERROR(in_.host.failures().with_context(cell.name()));
  SL_RETURN_IF_ERROR(measure_throughput(contenders).with_context(cell.name()));
  step();
  std::vector<Mean> goodputs;
  if (with_goodput(cell)) {
    SL_ASSIGN_OR_RETURN(goodputs, measure_goodput(contenders, slo));
  }
  SL_RETURN_IF_ERROR(in_.host.failures().with_context(cell.name()));
  if (in_.host.stopped()) return std::vector<Row>();

  std::vector<Row> rows;
  for (std::size_t c = 0; c < contenders.size(); ++c) {
    const plan::Plan& plan = *contenders[c].plan;
    const engine::Violated violated = engine::count_violations(compared->outcomes[c].episodes);
    Row row;
    row.soc = in_.soc;
    row.modelled = in_.modelled;
    row.system = contenders[c].name;
    row.cell = cell;
    row.violation_rate = violated.rate;
    row.violations = violated.causes;
    // All orders were played and nothing scatters: there is nothing to be unsure of.
    if (in_.host.deterministic()) row.violation_rate.low = row.violation_rate.high = row.violation_rate.value;
    if (const auto served = served_.find(key_of(plan)); served != served_.end()) {
      double least = HUGE_VAL;
      for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
        const double kept = plan::accurate(plan.tasks[t], slo.slos[t]) ? served->second[t] : 0;
        row.completed_qps += served->second[t];
        row.throughput_qps += kept;
        least = std::min(least, kept);
      }
      row.equal_qps = least * static_cast<double>(plan.tasks.size());
    }
    if (!goodputs.empty()) row.goodput_qps = goodputs[c];
    if (certified(plan)) {
      auto most = most_requests(in_.systems[c], slo);
      if (!most.ok()) return most.status().with_context(cell.name() + ", " + row.system);
      row.most_qps = *most;
    }
    row.resident = plan::resident_bytes(in_.profile, plan);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sparseloom::eval
