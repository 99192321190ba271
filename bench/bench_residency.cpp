#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/bench_commands.h"
#include "bench/soak.h"
#include "cli/setup.h"
#include "cli/test_data.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/plan/planners/resident_only.h"
#include "sparseloom/plan/preload.h"
#include "sparseloom/profile/measure/memory.h"
#include "sparseloom/report/table.h"

namespace sparseloom::bench {
namespace {

struct Options {
  std::string zoo, json;
  std::string planner = "sparseloom";
  std::string preload = "knapsack";
  double budget = 0.5;             // share of what full preloading takes
  std::uint64_t budget_bytes = 0;  // instead of the share, if not 0
  std::size_t requests = 10'000;
  std::size_t changes = 200;
  std::size_t switches = 1'000;
  double load = 0.7;
};

// Of a budget, kept free for what loading takes for the time being and for the heap's fragments.
constexpr double kLoadReserve = 0.1;

// What is promised; each is printed beside what was measured.
constexpr double kMostHotMs = 1, kMostColdMs = 50, kMostDelayMs = 1, kLeastSaving = 0.28;

constexpr std::size_t kSlots = 4;

const char* verdict(bool reached) { return reached ? "reached" : "NOT reached"; }

struct Bench {
  std::unique_ptr<cli::Setup> setup;
  profile::Profile profile;
  std::vector<Scenario> scenarios;
  plan::PreloadProblem feasible, planned;
  cli::TestData data;
  std::vector<std::filesystem::path> mapped;  // where files lie that the runtime maps
};

Result<Bench> prepare(const Options& options) {
  Bench bench;
  SL_ASSIGN_OR_RETURN(bench.setup,
                      cli::make_setup(options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo)));
  const cli::Setup& setup = *bench.setup;
  SL_ASSIGN_OR_RETURN(bench.profile, cli::read_profile(setup));
  SL_ASSIGN_OR_RETURN(const plan::Planner* planner, plan::find_planner(options.planner));
  SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(setup.zoo, setup.soc, bench.profile));
  std::vector<plan::SloConfig> grid;
  SL_ASSIGN_OR_RETURN(const auto cells, plan::grid_cells("grid"));
  for (const plan::GridCell cell : cells) grid.push_back(plan::grid_config(ranges, cell));
  SL_ASSIGN_OR_RETURN(bench.feasible, plan::preload_problem(setup.zoo, setup.soc, bench.profile, grid));
  std::vector<plan::Plan> plans;
  SL_ASSIGN_OR_RETURN(const auto diagonal, plan::grid_cells("diagonal"));
  for (const plan::GridCell cell : diagonal) {
    const plan::SloConfig slo = plan::grid_config(ranges, cell);
    SL_ASSIGN_OR_RETURN(plan::Plan plan, planner->plan({setup.zoo, setup.soc, bench.profile, slo}));
    plans.push_back(plan);
    bench.scenarios.push_back({slo, std::make_shared<const plan::Plan>(std::move(plan))});
  }
  bench.planned = plan::preload_problem(setup.soc, bench.profile, plans);
  SL_ASSIGN_OR_RETURN(bench.data, cli::load_test_data(setup.zoo));
  bench.mapped = {setup.zoo.root, setup.compile_cache};
  if (const auto cache = cache_folder(); cache.ok()) bench.mapped.push_back(*cache);
  return bench;
}

Bytes sum(const std::vector<plan::PreloadProblem::Subgraph>& subgraphs) {
  Bytes total;
  for (const auto& s : subgraphs) total += s.bytes;
  return total;
}

Bytes share_of(Bytes whole, double share) {
  return {static_cast<std::uint64_t>(share * static_cast<double>(whole.count))};
}

// Attainment against budget, by both policies: over all feasible stitched variants of the grid, and over the plans of
// the diagonal.
void bench_preload(const Bench& bench, Bytes full, Json& document) {
  fmt::print("\nPreloading within a budget; full preloading takes {:.1f} MiB as profiled\n", to_mib(full));
  fmt::print("attainment: share of (task, SLO configuration) with all subgraphs of a choice that keeps both bounds\n");
  report::Table table({"budget %", "MiB", "hotness, grid", "knapsack, grid", "hotness, plans", "knapsack, plans"});
  Json rows = Json::array();
  for (int percent = 5; percent <= 100; percent += 5) {
    const Bytes budget = share_of(full, percent / 100.0);
    const double values[] = {plan::preload_hotness(bench.feasible, budget).attainment,
                             plan::preload_knapsack(bench.feasible, budget).attainment,
                             plan::preload_hotness(bench.planned, budget).attainment,
                             plan::preload_knapsack(bench.planned, budget).attainment};
    std::vector<std::string> cells{std::to_string(percent), fmt::format("{:.1f}", to_mib(budget))};
    for (const double v : values) cells.push_back(fmt::format("{:.3f}", v));
    table.add(cells);
    rows.push_back({{"budget_share", percent / 100.0},
                    {"budget_bytes", budget.count},
                    {"grid", {{"hotness", values[0]}, {"knapsack", values[1]}}},
                    {"plans", {{"hotness", values[2]}, {"knapsack", values[3]}}}});
  }
  const plan::Preload enough = plan::preload_knapsack(bench.feasible, full);
  const double saved = 1 - static_cast<double>(enough.bytes.count) / static_cast<double>(full.count);
  fmt::print("{}knapsack attains {:.3f} of the grid in {:.1f} MiB, {:.1f} % less than full preloading\n", table.text(),
             enough.attainment, to_mib(enough.bytes), 100 * saved);
  document["preload"] = {{"full_bytes", full.count},
                         {"rows", std::move(rows)},
                         {"knapsack", {{"attainment", enough.attainment}, {"bytes", enough.bytes.count}}}};
}

Json quantiles_json(std::vector<double> ms) {
  if (ms.empty()) return {{"count", 0}};
  std::sort(ms.begin(), ms.end());
  return {{"count", ms.size()}, {"p50", quantile(ms, 0.5)}, {"p99", quantile(ms, 0.99)}, {"max", ms.back()}};
}

Mean mean_ms(const std::vector<Seconds>& times) {
  std::vector<double> ms;
  for (const Seconds t : times) ms.push_back(to_ms(t));
  return mean95(ms);
}

struct Played {
  SoakReport report;
  Bytes before;  // in use when nothing was loaded
  Bytes preloaded, budget;
  std::size_t loaded = 0, evicted = 0;
};

struct Play {
  std::string name;
  Bytes budget;
  std::vector<plan::PreloadProblem::Subgraph> preload;
  std::size_t requests = 0, changes = 0;
};

Result<Played> play(const Bench& bench, const Options& options, const Play& what) {
  const cli::Setup& setup = *bench.setup;
  const auto in_use = [&bench] { return profile::memory_in_use(bench.mapped); };
  const std::vector<double> heat = plan::hotness(bench.planned);
  engine::ResidencyOptions wanted{.budget = what.budget, .in_use = in_use, .sessions = kSlots};
  wanted.load_reserve = share_of(what.budget, kLoadReserve);
  wanted.estimate = [&](const soc::SubgraphKey& k) { return bench.profile.latency(k).resident; };
  wanted.hotness = [&](const soc::SubgraphKey& k) {
    for (std::size_t s = 0; s < heat.size(); ++s) {
      if (bench.planned.subgraphs[s].key == k) return heat[s];
    }
    return 0.0;
  };
  engine::Residency residency(*setup.runtime, setup.soc, *setup.pieces, setup.compile_cache, std::move(wanted));
  SL_ASSIGN_OR_RETURN(const plan::Planner* const quick, plan::find_planner("exact"));
  const engine::MakeBridge bridge = [&](const plan::SloConfig& slo,
                                        const plan::IsResident& resident) -> Result<std::shared_ptr<const plan::Plan>> {
    const auto profile = plan::with_loading(bench.profile, setup.soc, resident);
    SL_ASSIGN_OR_RETURN(plan::Plan plan, quick->plan({setup.zoo, setup.soc, profile, slo}));
    return std::make_shared<const plan::Plan>(std::move(plan));
  };
  Played played;
  played.budget = what.budget;
  played.before = in_use();
  for (const auto& s : what.preload) {
    const auto loaded = residency.get(s.key);
    if (loaded.status().code() == Code::kResourceExhausted) break;  // larger than the profile said
    SL_RETURN_IF_ERROR(loaded.status());
  }
  played.preloaded = residency.booked();
  const SoakSetup soak{.zoo = setup.zoo,
                       .soc = setup.soc,
                       .profile = bench.profile,
                       .residency = residency,
                       .samples = bench.data.samples,
                       .scenarios = bench.scenarios,
                       .requests = what.requests,
                       .changes = what.changes,
                       .load = options.load,
                       .switching = {.bridge = bridge},
                       .engine = {.slots_per_task = kSlots},
                       .in_use = in_use};
  SL_ASSIGN_OR_RETURN(played.report, bench::soak(soak));
  played.loaded = residency.counts().loaded;
  played.evicted = residency.counts().evicted;
  return played;
}

void print(const Play& what, const Options& options, const Played& played, Json& document) {
  const SoakReport& r = played.report;
  std::vector<double> hot, cold, bridged;
  std::size_t refused = 0, overtaken = 0, steps = 0;
  for (const engine::SwitchRecord& s : r.switches) {
    if (s.bridged) bridged.push_back(to_ms(*s.bridged - s.asked));
    steps += s.steps;
    if (s.status.code() == Code::kCancelled) {
      ++overtaken;
    } else if (!s.status.ok()) {
      ++refused;
    } else {
      (s.loaded == 0 ? hot : cold).push_back(to_ms(s.switched - s.asked));
    }
  }
  overtaken += what.changes - r.switches.size();
  const Bytes grew = profile::growth(played.before, r.most_in_use);
  const bool limited = played.budget.count != engine::ResidencyOptions{}.budget.count;
  const double violations = static_cast<double>(r.violating) / static_cast<double>(r.completed);
  const Mean switching = mean_ms(r.excess_switching), between = mean_ms(r.excess_between);
  const double delay = switching.mean - between.mean;
  fmt::print("\n{}: {} requests at {:.0f} % load, {} SLO changes, {:.1f} s\n", what.name, what.requests,
             100 * options.load, what.changes, r.lasted.count());
  if (limited) fmt::print("  budget {:.1f} MiB: ", to_mib(played.budget));
  fmt::print("  booked at most {:.1f} MiB, process grew by at most {:.1f} MiB ({} readings){}\n", to_mib(r.most_booked),
             to_mib(grew), r.readings,
             limited ? fmt::format(": booked {}, process {}", verdict(r.most_booked <= played.budget),
                                   verdict(grew <= played.budget))
                     : "");
  fmt::print("  completed {}, lost {}, failed {}; violating {:.2f} % (late {}, inaccurate {})\n", r.completed,
             what.requests - r.completed, r.failed, 100 * violations, r.late, r.inaccurate);
  fmt::print("  {} switches in {} steps ({} refused, {} overtaken), {} loads, {} evictions\n", hot.size() + cold.size(),
             steps, refused, overtaken, played.loaded, played.evicted);
  const Json hot_json = quantiles_json(hot), cold_json = quantiles_json(cold), bridged_json = quantiles_json(bridged);
  const auto line = [](const char* name, const Json& q, double target) {
    if (q["count"] == 0) return;
    fmt::print("  {}: {}, ms from the change: p50 {:.3f}, p99 {:.3f}, max {:.3f}; target p99 <= {} {}\n", name,
               q["count"].get<std::size_t>(), q["p50"].get<double>(), q["p99"].get<double>(), q["max"].get<double>(),
               target, verdict(q["p99"].get<double>() <= target));
  };
  line("hot: requests follow the plan", hot_json, kMostHotMs);
  line("cold, bridged: requests follow a plan of what is resident", bridged_json, kMostColdMs);
  line("cold: requests follow the plan, loaded", cold_json, kMostColdMs);
  fmt::print(
      "  requests inside during a switch took {:.3f} ms longer in the mean ({}) than between two ({}); target <= "
      "{} {}\n",
      delay, r.excess_switching.size(), r.excess_between.size(), kMostDelayMs, verdict(delay <= kMostDelayMs));
  document[what.name] = {{"requests", what.requests},
                         {"changes", what.changes},
                         {"completed", r.completed},
                         {"failed", r.failed},
                         {"violation_rate", violations},
                         {"late", r.late},
                         {"inaccurate", r.inaccurate},
                         {"budget_bytes", limited ? Json(played.budget.count) : Json(nullptr)},
                         {"preloaded_bytes", played.preloaded.count},
                         {"most_booked_bytes", r.most_booked.count},
                         {"most_process_growth_bytes", grew.count},
                         {"loads", played.loaded},
                         {"evictions", played.evicted},
                         {"refused", refused},
                         {"overtaken", overtaken},
                         {"steps", steps},
                         {"hot_ms", hot_json},
                         {"cold_ms", cold_json},
                         {"bridged_ms", bridged_json},
                         {"delay_of_others_ms", delay}};
}

std::vector<plan::PreloadProblem::Subgraph> chosen(const plan::PreloadProblem& problem, const plan::Preload& preload) {
  std::vector<plan::PreloadProblem::Subgraph> result;
  for (const std::size_t s : preload.subgraphs) result.push_back(problem.subgraphs[s]);
  return result;
}

Status bench_residency(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_ASSIGN_OR_RETURN(const plan::Preloader preload, plan::find_preloader(options.preload));
  SL_ASSIGN_OR_RETURN(const Bench bench, prepare(options));
  SL_ASSIGN_OR_RETURN(const auto all, plan::all_subgraphs(bench.setup->zoo, bench.setup->soc, bench.profile));
  const Bytes full = sum(all);
  const Bytes budget = options.budget_bytes > 0 ? Bytes{options.budget_bytes} : share_of(full, options.budget);
  const Bytes usable = share_of(budget, 1 - kLoadReserve);
  const Bytes least = plan::smallest_budget(bench.planned);
  if (usable < least) {
    const Bytes smallest = share_of(least, 1.01 / (1 - kLoadReserve));
    return error(
        Code::kInvalidArgument,
        "--budget: {:.1f} MiB cannot hold the plan of every SLO configuration; the smallest feasible is {} bytes "
        "({:.1f} MiB, {:.3f} of full preloading)",
        to_mib(budget), smallest.count, to_mib(smallest),
        static_cast<double>(smallest.count) / static_cast<double>(full.count));
  }
  Json document{{"machine", bench.setup->soc.name}, {"full_bytes", full.count}};
  bench_preload(bench, full, document);
  const auto kept = chosen(bench.planned, preload(bench.planned, usable));
  const Bytes unlimited = engine::ResidencyOptions{}.budget;
  const Play plays[] = {{"under budget", budget, kept, options.requests, options.changes},
                        {"full preloading", unlimited, all, options.requests, options.changes},
                        {"hot switches", unlimited, chosen(bench.planned, plan::preload_all(bench.planned)),
                         options.switches * 5, options.switches}};
  Bytes taken[3];
  double violations[3];
  for (std::size_t k = 0; k < 3; ++k) {
    SL_ASSIGN_OR_RETURN(const Played played, play(bench, options, plays[k]));
    print(plays[k], options, played, document);
    taken[k] = played.report.most_booked;
    violations[k] = static_cast<double>(played.report.violating) / static_cast<double>(played.report.completed);
    SL_RETURN_IF_ERROR(cli::cancelled_if_interrupted());
  }
  const double saving = 1 - static_cast<double>(taken[0].count) / static_cast<double>(taken[1].count);
  fmt::print(
      "\nThe budget takes {:.1f} % less memory than full preloading, with {:.2f} % instead of {:.2f} % violations: "
      "target >= {:.0f} % at an equal rate {}\n",
      100 * saving, 100 * violations[0], 100 * violations[1], 100 * kLeastSaving,
      verdict(saving >= kLeastSaving && violations[0] <= violations[1]));
  document["memory_saved"] = saving;
  return options.json.empty() ? Status() : write_file(options.json, document.dump(2) + "\n");
}

}  // namespace

std::function<Status()> add_residency(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--zoo", options->zoo, "zoo to serve (default: zoos/demo)");
  command.add_option("--planner", options->planner, "whose plans are switched")->capture_default_str();
  command.add_option("--preload", options->preload, "policy that fills the budget at the start: hotness, knapsack")
      ->capture_default_str();
  command.add_option("--budget", options->budget, "memory budget, as a share of what full preloading takes")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--budget-bytes", options->budget_bytes, "the same in bytes, instead of the share");
  command.add_option("--requests", options->requests, "requests under the budget")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  command.add_option("--changes", options->changes, "changes of SLOs among them")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--switches", options->switches, "hot switches measured")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--load", options->load, "of the throughput bound of the plan in force")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_residency(*options); };
}

}  // namespace sparseloom::bench
