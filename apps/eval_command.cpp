#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "apps/eval_placements.h"
#include "cli/setup.h"
#include "cli/test_data.h"
#include "cli/version.h"
#include "sparseloom/base/csv.h"
#include "sparseloom/base/file.h"
#include "sparseloom/eval/journal.h"
#include "sparseloom/eval/summary.h"
#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/planners/sparseloom_planner.h"
#include "sparseloom/profile/profile_digest.h"
#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/eval_report.h"
#include "sparseloom/report/plane.h"
#include "sparseloom/report/profile_trust.h"
#include "sparseloom/report/profiling_report.h"

namespace sparseloom::apps {
namespace {

// The name of the machine at hand among those of --soc.
constexpr std::string_view kHost = "host";
// The planner whose plans no engine with a worker per processor serves.
constexpr std::string_view kSharing = "shared";
// `sparseloom` with every stage pinned to its processor; and what this was called first.
constexpr std::string_view kPinned = "sparseloom-pinned";
constexpr std::string_view kPinnedBefore = "sparseloom-bound";
// Of one probe for goodput on a virtual clock.
constexpr std::size_t kSimulatedRequests = 2000;
// From the highest rate to the lowest that is tried there, which takes no longer than others.
constexpr double kSimulatedRange = 4096;

struct EvalOptions {
  std::string zoo;
  std::string out = "eval";
  std::string cells = "grid";
  std::vector<std::string> systems;
  std::vector<std::string> socs{std::string(kHost), "core-ultra-7-265k", "core-ultra-5-135u", "jetson-agx-orin"};
  std::string policy = "edf";
  eval::GridOptions grid;
  double saturated_s = 1;
  std::string profiling = "once";
  std::string plane;  // a file
  std::vector<std::string> networks;
  bool hybrid = false;
};

// A machine that systems are played on, with all that its hosts refer to.
struct Machine {
  std::unique_ptr<cli::Setup> setup;
  profile::Profile profile;
  std::vector<plan::GridRange> ranges;
  std::unique_ptr<engine::Residency> residency;
  std::unique_ptr<engine::EnginePlayer> player;
  std::unique_ptr<eval::Host> host;
};

using Machines = std::vector<std::unique_ptr<Machine>>;

std::filesystem::path zoo_of(const EvalOptions& options) {
  return options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo);
}

// What --system names: a planner.
struct NamedPlanner {
  std::string name;
  const plan::Planner* planner = nullptr;
};

Result<const plan::Planner*> find_system(const std::string& name) {
  static const plan::SparseloomPlanner pinned({.pooled = false});
  if (name == kPinned || name == kPinnedBefore) return &pinned;
  auto planner = plan::find_planner(name);
  if (planner.ok()) return planner;
  return error(planner.status().code(), "--system: {}, {}", planner.status().message(), kPinned);
}

Result<std::vector<NamedPlanner>> find_systems(const std::vector<std::string>& names) {
  std::vector<NamedPlanner> found;
  for (const std::string& name : names) {
    SL_ASSIGN_OR_RETURN(const plan::Planner* planner, find_system(name));
    if (std::any_of(found.begin(), found.end(), [&](const NamedPlanner& f) { return f.name == name; })) {
      return error(Code::kInvalidArgument, "--system {0} and --system {0}: the same; each once", name);
    }
    found.push_back({name, planner});
  }
  if (!found.empty()) return found;
  for (const plan::Planner* planner : plan::planners()) found.push_back({std::string(planner->name()), planner});
  return found;
}

// Real engines: one whose workers have a processor each, and one that shares all cores.
Status start_engines(Machine& machine, const cli::TestData& data, const EvalOptions& options) {
  const cli::Setup& setup = *machine.setup;
  machine.residency =
      std::make_unique<engine::Residency>(*setup.runtime, setup.soc, *setup.pieces, setup.compile_cache);
  const engine::EnginePlayerSetup player_setup{.zoo = setup.zoo,
                                               .soc = setup.soc,
                                               .residency = *machine.residency,
                                               .samples = data.samples,
                                               .engine = {.policy = options.policy},
                                               .stop = &cli::interrupted()};
  const plan::SloConfig slo = plan::grid_config(machine.ranges, {0, 0});
  const plan::Problem problem{setup.zoo, setup.soc, machine.profile, slo};
  SL_ASSIGN_OR_RETURN(const plan::Planner* any, plan::find_planner("sv-ao-np"));
  SL_ASSIGN_OR_RETURN(plan::Plan first, any->plan(problem));
  SL_ASSIGN_OR_RETURN(machine.player,
                      engine::EnginePlayer::start(player_setup, std::make_shared<const plan::Plan>(std::move(first))));
  SL_ASSIGN_OR_RETURN(const plan::Planner* sharing, plan::find_planner(kSharing));
  SL_ASSIGN_OR_RETURN(const plan::Plan on_all_cores, sharing->plan(problem));
  SL_ASSIGN_OR_RETURN(auto shared, eval::SharedCores::start(player_setup, *setup.runtime, *setup.pieces,
                                                            setup.compile_cache, on_all_cores));
  machine.host = eval::engine_host(*machine.player, setup.soc.processors.size(), std::move(shared));
  return {};
}

// Profiles the machine and makes its host.
Status prepare(Machine& machine, const EvalOptions& options, const cli::TestData& data) {
  const cli::Setup& setup = *machine.setup;
  SL_ASSIGN_OR_RETURN(machine.profile, cli::read_profile(setup));
  SL_ASSIGN_OR_RETURN(machine.ranges, plan::grid_ranges(setup.zoo, setup.soc, machine.profile));
  if (setup.soc.modelled) {
    eval::VirtualMachine described;
    described.pools = setup.soc.pools();
    described.policy = options.policy;
    described.stop = &cli::interrupted();
    machine.host = eval::virtual_host(std::move(described));
    return {};
  }
  return start_engines(machine, data, options);
}

// Rows, journal and report tell machines apart by name.
Status check_distinct(const std::vector<std::string>& socs, const Machines& machines) {
  for (std::size_t b = 0; b < machines.size(); ++b) {
    for (std::size_t a = 0; a < b; ++a) {
      const std::string& name = machines[b]->setup->soc.name;
      if (machines[a]->setup->soc.name != name) continue;
      return error(Code::kInvalidArgument, "--soc {} and --soc {}: both are named '{}'; give each a name of its own",
                   socs[a], socs[b], name);
    }
  }
  return {};
}

Result<Machines> make_machines(const EvalOptions& options, const cli::TestData& data) {
  Machines machines;
  for (const std::string& soc : options.socs) {
    auto machine = std::make_unique<Machine>();
    SL_ASSIGN_OR_RETURN(machine->setup, cli::make_setup(zoo_of(options), soc == kHost ? "" : soc, options.hybrid));
    machines.push_back(std::move(machine));
  }
  SL_RETURN_IF_ERROR(check_distinct(options.socs, machines));
  for (const auto& machine : machines) SL_RETURN_IF_ERROR(prepare(*machine, options, data));
  return machines;
}

// How an operating system shares cores is not modelled.
std::vector<eval::System> systems_on(const Machine& machine, const std::vector<NamedPlanner>& planners) {
  std::vector<eval::System> systems;
  for (const auto& [name, planner] : planners) {
    if (machine.setup->soc.modelled && name == kSharing) continue;
    systems.push_back({name, [&machine, planner = planner](const plan::SloConfig& slo, const plan::Load* load) {
                         return planner->plan({machine.setup->zoo, machine.setup->soc, machine.profile, slo, {}, load});
                       }});
  }
  return systems;
}

// Violations against memory over 25 cells, whichever were played.
Result<std::vector<eval::MemoryPoint>> memory_of(const Machine& machine, const std::string& policy) {
  SL_ASSIGN_OR_RETURN(const auto cells, plan::grid_cells("coarse"));
  SL_ASSIGN_OR_RETURN(const plan::Planner* ours, plan::find_planner("sparseloom"));
  std::vector<plan::SloConfig> configurations;
  for (const plan::GridCell& cell : cells) {
    configurations.push_back(plan::grid_config(machine.ranges, cell));
  }
  std::vector<double> shares;
  for (int percent = 5; percent <= 100; percent += 5) shares.push_back(percent / 100.0);
  return eval::memory_curve({.zoo = machine.setup->zoo,
                             .soc = machine.setup->soc,
                             .profile = machine.profile,
                             .configurations = configurations,
                             .planner = *ours,
                             .shares = std::move(shares),
                             .policy = policy,
                             .stop = &cli::interrupted()});
}

using MemoryCurves = std::vector<std::pair<std::string, std::vector<eval::MemoryPoint>>>;  // by machine

Result<MemoryCurves> memory_of_all(const Machines& machines, const std::string& policy) {
  MemoryCurves curves;
  for (const auto& machine : machines) {
    SL_ASSIGN_OR_RETURN(auto points, memory_of(*machine, policy));
    curves.emplace_back(machine->setup->soc.name, std::move(points));
  }
  return curves;
}

profile::MeasureOptions trial_measuring(const cli::Setup& setup) {
  profile::MeasureOptions measuring;
  measuring.compile_cache = setup.compile_cache;
  measuring.threads = std::max<std::size_t>(allowed_cpus().size(), 1);
  measuring.control = {.on_progress = cli::progress_line(), .stop = &cli::interrupted()};
  return measuring;
}

std::string memory_csv(const MemoryCurves& machines) {
  std::string csv = "soc,preloader,budget_share,budget_bytes,kept_bytes,attainment,violation_rate\n";
  for (const auto& [name, points] : machines) {
    for (const eval::MemoryPoint& p : points) {
      csv += fmt::format("{},{},{},{},{},{},{}\n", csv_quoted(name), p.preloader, p.share, p.budget.count,
                         p.resident.count, p.attainment, p.violation_rate);
    }
  }
  return csv;
}

// Runs the estimator on this machine if it is among them: with all variants of every task, or then with ever fewer.
Status try_estimators(const Machines& machines, bool each, eval::Journal& journal) {
  for (const auto& machine : machines) {
    const cli::Setup& setup = *machine->setup;
    if (setup.soc.modelled) continue;  // runs no models
    const eval::TrialInput input{.zoo = setup.zoo,
                                 .soc = setup.soc,
                                 .profile = machine->profile,
                                 .runtime = *setup.runtime,
                                 .pieces = *setup.pieces,
                                 .measuring = trial_measuring(setup)};
    std::size_t most = 0;
    for (const zoo::Task& task : setup.zoo.tasks) most = std::max(most, task.variants.size());
    for (std::size_t left_out = 0; left_out < (each ? most : 1); ++left_out) {
      for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
        const zoo::Task& task = setup.zoo.tasks[t];
        if (left_out >= task.variants.size()) continue;
        const std::size_t variants = task.variants.size() - left_out;
        if (journal.has_trial(task.name, variants)) continue;
        SL_ASSIGN_OR_RETURN(auto trial, eval::try_estimator(input, zoo::TaskId(t), variants));
        if (trial) SL_RETURN_IF_ERROR(journal.add(std::move(*trial)));
      }
    }
  }
  return {};
}

std::string settings_of(const EvalOptions& options) {
  return fmt::format(
      "Cells: {}; {} repeats of every order of the tasks; saturation {} s per plan; goodput from {} seeds, {} requests "
      "a "
      "probe, {:g} % of which keep both bounds; policy {}.",
      options.cells, options.grid.repeats, options.saturated_s, options.grid.goodput_seeds,
      options.grid.goodput.requests, 100 * options.grid.goodput.target, options.policy);
}

Result<Json> inputs_of(const EvalOptions& options, const Machines& machines,
                       const std::vector<NamedPlanner>& planners) {
  Json names = Json::array(), fingerprints = Json::array(), profiles = Json::object();
  for (const NamedPlanner& planner : planners) names.push_back(planner.name);
  for (const auto& machine : machines) {
    fingerprints.push_back(machine->setup->soc.fingerprint);
    profiles[machine->setup->soc.name] =
        profile::profile_digest(machine->profile, profile::Covers::kEverything);  // bounds are made from it
  }
  // Between releases the version does not change, but what is measured may.
  SL_ASSIGN_OR_RETURN(const std::string build, sha256_file("/proc/self/exe"));
  return Json{{"program", fmt::format("{} ({})", cli::kVersion, build.substr(0, 12))},
              {"zoo", machines.front()->setup->zoo.fingerprint},
              {"socs", std::move(fingerprints)},
              {"profiles", std::move(profiles)},
              {"systems", std::move(names)},
              {"settings", settings_of(options)}};
}

// How far a run is and how long the rest will take at the pace so far.
class Clock {
 public:
  Clock() : line_(cli::progress_line()) {}
  void expect(std::size_t steps) { total_ += steps; }
  void skip(std::size_t steps) { done_ += steps; }
  void step() {
    ++done_;
    ++played_;
    const Seconds elapsed = std::chrono::steady_clock::now() - start_;
    const double pace = elapsed.count() / static_cast<double>(played_);
    line_({.what = "eval",
           .done = done_,
           .total = total_,
           .elapsed = elapsed,
           .per_second = 0,
           .unit = "steps",
           .left = Seconds(pace * static_cast<double>(total_ - done_))});
  }

 private:
  std::size_t total_ = 0, done_ = 0, played_ = 0;
  profile::OnProgress line_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// `memory` is nothing if the run was stopped.
Status write_all(const EvalOptions& options, const Machines& machines, const eval::Journal& journal,
                 std::optional<MemoryCurves> memory) {
  report::ReportText text{.zoo = machines.front()->setup->zoo.name,
                          .settings = settings_of(options),
                          .accuracy = report::accuracy_note(machines.front()->setup->zoo),
                          .complete = memory.has_value(),
                          .planes = {},
                          .memory = std::move(memory).value_or(MemoryCurves())};
  for (const auto& machine : machines) {
    SL_ASSIGN_OR_RETURN(auto planes, report::planes_of(machine->setup->zoo, machine->setup->soc, machine->profile));
    text.planes.emplace_back(machine->setup->soc.name, std::move(planes));
    if (!machine->setup->soc.modelled) text.accuracy += report::disturbed_note(machine->profile);
  }
  std::vector<eval::ProfilingRow> profiling;
  for (const auto& machine : machines) {
    if (options.profiling == "none") break;
    const cli::Setup& setup = *machine->setup;
    auto rows = eval::profiling_rows(setup.zoo, setup.soc, machine->profile,
                                     setup.soc.modelled ? std::vector<eval::EstimatorTrial>() : journal.trials());
    profiling.insert(profiling.end(), rows.begin(), rows.end());
    text.profiling.push_back(std::move(rows));
  }
  const std::filesystem::path out = options.out;
  SL_RETURN_IF_ERROR(write_file(out / "memory.csv", memory_csv(text.memory)));
  SL_RETURN_IF_ERROR(write_file(out / "profiling.csv", eval::to_csv(profiling)));
  SL_RETURN_IF_ERROR(write_file(out / "rows.csv", eval::to_csv(journal.rows())));
  SL_RETURN_IF_ERROR(write_file(out / "report.html", report::eval_html(journal.rows(), text)));
  fmt::print("{}{}\n", report::eval_text(journal.rows()), text.accuracy);
  for (const auto& [name, points] : text.memory) fmt::print("Memory on {}: {}\n", name, report::memory_text(points));
  for (const auto& rows : text.profiling) fmt::print("\n{}", report::profiling_text(rows));
  fmt::print("Wrote {} (report.html, rows.csv, memory.csv, profiling.csv, eval.json)\n", out.string());
  return {};
}

// Every cell on every machine that the journal lacks. False: stopped before the last.
Result<bool> play_cells(const EvalOptions& options, const std::vector<plan::GridCell>& cells, const Machines& machines,
                        const std::vector<NamedPlanner>& planners, eval::Journal& journal) {
  Clock clock;
  std::vector<eval::Grid> grids;
  for (const auto& m : machines) {
    const soc::Soc& soc = m->setup->soc;
    eval::GridOptions grid_options = options.grid;
    if (soc.modelled) {  // simulated requests are cheap
      grid_options.goodput.requests = std::max<std::size_t>(grid_options.goodput.requests, kSimulatedRequests);
      grid_options.goodput.range = kSimulatedRange;
      grid_options.goodput_everywhere = options.grid.goodput_seeds > 0;
    }
    grids.emplace_back(eval::GridInput{.soc = soc.name,
                                       .modelled = soc.modelled,
                                       .host = *m->host,
                                       .systems = systems_on(*m, planners),
                                       .ranges = m->ranges,
                                       .profile = m->profile,
                                       .options = grid_options,
                                       .on_step = [&clock] { clock.step(); }});
    for (const plan::GridCell& cell : cells) clock.expect(grids.back().steps(cell));
  }
  for (std::size_t m = 0; m < machines.size(); ++m) {
    for (const plan::GridCell& cell : cells) {
      if (journal.has(machines[m]->setup->soc.name, cell)) {
        clock.skip(grids[m].steps(cell));
        continue;
      }
      SL_ASSIGN_OR_RETURN(const auto rows, grids[m].play(cell));
      if (rows.empty() && cli::interrupted()) return false;
      SL_RETURN_IF_ERROR(journal.add(rows));
    }
  }
  return true;
}

// The accuracy-latency plane of the first machine, from its profile alone.
Status draw_plane(const EvalOptions& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--plane", options.plane));
  const std::string& soc = options.socs.front();
  SL_ASSIGN_OR_RETURN(const auto setup, cli::make_setup(zoo_of(options), soc == kHost ? "" : soc, options.hybrid));
  SL_ASSIGN_OR_RETURN(const profile::Profile profile, cli::read_profile(*setup));
  SL_ASSIGN_OR_RETURN(const auto planes, report::planes_of(setup->zoo, setup->soc, profile));
  const std::string where = fmt::format("Zoo {} on {}", setup->zoo.name, setup->soc.name);
  SL_RETURN_IF_ERROR(write_file(options.plane, report::planes_svg(planes, where)));
  fmt::print("Wrote {}\n", options.plane);
  return {};
}

Status evaluate(EvalOptions options) {
  if (options.socs.empty()) return error(Code::kInvalidArgument, "--soc: none; host or a modelled machine is needed");
  if (!options.plane.empty()) return draw_plane(options);
  if (!options.networks.empty()) return evaluate_networks(options.networks, options.socs, options.out);
  const auto cells = plan::grid_cells(options.cells);
  if (!cells.ok()) return cells.status().with_context("--cells");
  SL_ASSIGN_OR_RETURN(const auto planners, find_systems(options.systems));
  SL_RETURN_IF_ERROR(sched::make_policy(options.policy, 1).status());
  options.grid.saturated = Seconds(options.saturated_s);
  const std::filesystem::path out = options.out;
  std::error_code failed;
  std::filesystem::create_directories(out, failed);
  if (failed) return error(Code::kUnavailable, "--out {}: cannot be made: {}", options.out, failed.message());
  SL_RETURN_IF_ERROR(cli::check_writable("--out", (out / "eval.json").string()));

  cli::interrupted();
  SL_ASSIGN_OR_RETURN(const zoo::Zoo zoo, zoo::load_zoo(zoo_of(options)));
  SL_ASSIGN_OR_RETURN(const cli::TestData data, cli::load_test_data(zoo));
  SL_ASSIGN_OR_RETURN(const Machines machines, make_machines(options, data));
  SL_ASSIGN_OR_RETURN(const Json inputs, inputs_of(options, machines, planners));
  SL_ASSIGN_OR_RETURN(eval::Journal journal, eval::Journal::open(out / "eval.json", inputs));

  SL_ASSIGN_OR_RETURN(bool complete, play_cells(options, *cells, machines, planners, journal));
  if (complete && (options.profiling == "once" || options.profiling == "each")) {
    Status tried = try_estimators(machines, options.profiling == "each", journal);
    if (!tried.ok() && tried.code() != Code::kCancelled) return tried;
    complete = tried.ok();
  }
  std::optional<MemoryCurves> memory;
  if (complete) {
    auto curves = memory_of_all(machines, options.policy);
    if (!curves.ok() && curves.status().code() != Code::kCancelled) return curves.status();
    if (curves.ok()) memory = std::move(curves).value();
  }
  if (memory) SL_RETURN_IF_ERROR(journal.complete());
  SL_RETURN_IF_ERROR(write_all(options, machines, journal, std::move(memory)));
  return cli::cancelled_if_interrupted();
}

}  // namespace

std::function<Status()> add_eval(CLI::App& command) {
  auto options = std::make_shared<EvalOptions>();
  command.add_option("--zoo", options->zoo, "folder of the zoo (default: zoos/demo)");
  command
      .add_option("--soc", options->socs,
                  "machines: host (this one, real runs), or modelled ones by file or name (docs/soc-format.md)")
      ->capture_default_str();
  command.add_option("--out", options->out, "folder for the report; what is there already of the same run is kept")
      ->capture_default_str();
  command
      .add_option("--cells", options->cells,
                  "which SLOs: grid (81 cells), coarse (25), diagonal (C1..C8), or one by name")
      ->capture_default_str();
  command.add_flag("--hybrid", options->hybrid, std::string(cli::kHybridHelp));
  command.add_option("--system", options->systems,
                     "only this planner, or sparseloom-pinned: with pinned stages (may be repeated; default: all "
                     "planners)");
  command.add_option("--policy", options->policy, "scheduling policy of all systems")->capture_default_str();
  command.add_option("--repeats", options->grid.repeats, "times that every order of the tasks is played")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--saturated", options->saturated_s, "seconds of saturation per plan, for throughput; 0: none")
      ->check(CLI::Range(0.0, 600.0))
      ->capture_default_str();
  command
      .add_option("--goodput-seeds", options->grid.goodput_seeds,
                  "arrival streams that goodput is sought with, in each cell of the diagonal; 0: none")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command.add_option("--goodput-requests", options->grid.goodput.requests, "requests of one probe for goodput")
      ->check(CLI::Range(50, 1'000'000))
      ->capture_default_str();
  command
      .add_option("--goodput-target,--goodput-kept", options->grid.goodput.target,
                  "goodput: share of requests that must keep both bounds")
      ->check(CLI::Range(0.5, 0.9999))
      ->capture_default_str();
  command
      .add_option("--profiling", options->profiling,
                  "what profiling costs by the number of variants: none, projected (runs nothing), or with the "
                  "estimator run on this machine, if it is among --soc: once (all variants), each (2, 3, ... variants)")
      ->check(CLI::IsMember({"none", "projected", "once", "each"}))
      ->capture_default_str();
  command.add_option(
      "--plane", options->plane,
      "only draw accuracy over latency of all variants on the first --soc, as an SVG file, and play nothing");
  command.add_option("--network", options->networks,
                     "only compare the methods of placing operators (docs/hybrid.md) on these model files and the "
                     "modelled machines among --soc, and play nothing");
  return [options] { return evaluate(*options); };
}

}  // namespace sparseloom::apps
