#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "cli/setup.h"
#include "cli/test_data.h"
#include "sparseloom/base/file.h"
#include "sparseloom/engine/report.h"
#include "sparseloom/eval/comparison.h"
#include "sparseloom/plan/episodes.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/plan/planners/sparseloom_planner.h"
#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/missed.h"
#include "sparseloom/report/profile_trust.h"
#include "sparseloom/report/table.h"
#include "sparseloom/sched/policy.h"

namespace sparseloom::apps {
namespace {

struct DemoOptions {
  std::string zoo;
  std::string soc;
  std::string slo_config = "C5";
  std::string policy = "edf";
  std::string json;
  std::string trace;
  std::size_t repeats = 5;
  double saturated_s = 2.0;
  bool pooled = true;
  bool check = true;
  std::vector<std::string> providers;
  bool no_gangs = false;
  bool hybrid = false;
  std::string compare_provider;
  bool compare_no_gangs = false;
};

// Providers, as the options name them.
struct Providers {
  std::vector<backend::Provider> allowed;  // --provider; none: all that processors offer
  std::vector<backend::Provider> rival;    // --compare-provider; none: no rival
};

Result<Providers> parse_all_providers(const DemoOptions& options) {
  Providers providers;
  SL_ASSIGN_OR_RETURN(providers.allowed, cli::parse_providers("--provider", options.providers));
  if (options.compare_provider.empty()) return providers;
  SL_ASSIGN_OR_RETURN(providers.rival, cli::parse_providers("--compare-provider", {options.compare_provider}));
  return providers;
}

// A second plan by the same planner, of a machine that offers less.
struct Rival {
  std::string what;  // "openvino only"
  soc::Soc soc;
};

Result<std::optional<Rival>> rival_of(const DemoOptions& options, const Providers& providers, const soc::Soc& all) {
  std::optional<Rival> rival;
  if (!providers.rival.empty()) {
    SL_ASSIGN_OR_RETURN(soc::Soc soc, cli::soc_for_plans(all, providers.rival, options.no_gangs));
    rival = Rival{options.compare_provider + " only", std::move(soc)};
  } else if (options.compare_no_gangs) {
    SL_ASSIGN_OR_RETURN(soc::Soc soc, cli::soc_for_plans(all, providers.allowed, true));
    rival = Rival{"no gangs", std::move(soc)};
  }
  return rival;
}

// What all SLO configurations of one call share.
struct Stage {
  const cli::Setup& setup;
  const profile::Profile& profile;                     // as the machine was right before
  const std::optional<profile::ProfileCheck>& before;  // of the profile as measured; none: not checked
  const DemoOptions& options;
  soc::Soc soc;                // with the providers that plans may use
  std::optional<Rival> rival;  // a second plan by sparseloom
  std::vector<plan::GridRange> ranges;
  const std::vector<engine::TaskSamples>& samples;
  engine::Residency& residency;
  sched::TraceSink* trace;
};

std::string percent(double share) { return fmt::format("{:.2f} %", share * 100); }

Result<std::vector<eval::Contender>> plan_all(const Stage& stage, const plan::SloConfig& slo) {
  std::vector<eval::Contender> contenders;
  const auto add = [&](std::string name, const plan::Planner& planner, const soc::Soc& soc) -> Status {
    SL_ASSIGN_OR_RETURN(plan::Plan plan, planner.plan({stage.setup.zoo, soc, stage.profile, slo}));
    contenders.push_back({std::move(name), std::make_shared<const plan::Plan>(std::move(plan))});
    return {};
  };
  const plan::SparseloomPlanner ours({.pooled = stage.options.pooled});
  for (const plan::Planner* planner : plan::planners()) {
    const bool is_ours = planner->name() == ours.name();
    SL_RETURN_IF_ERROR(add(std::string(planner->name()), is_ours ? ours : *planner, stage.soc));
    if (!is_ours || !stage.rival) continue;
    SL_RETURN_IF_ERROR(add(fmt::format("{}, {}", ours.name(), stage.rival->what), ours, stage.rival->soc));
  }
  return contenders;
}

// One SLO configuration.
struct Played {
  std::vector<engine::SystemReport> reports;  // by contender; none if stopped before each had its turn
  bool complete = false;                      // every repeat was played
  Status failures;                            // of requests so far
};

// One engine for all configurations, hence one clock for the trace, and one for plans that share all cores.
struct Engines {
  std::unique_ptr<engine::EnginePlayer> player;
  std::unique_ptr<eval::Host> host;
};

Result<Engines> start_engines(const Stage& stage, const std::vector<eval::Contender>& contenders) {
  const cli::Setup& setup = stage.setup;
  const engine::EnginePlayerSetup player_setup{.zoo = setup.zoo,
                                               .soc = setup.soc,
                                               .residency = stage.residency,
                                               .samples = stage.samples,
                                               .engine = {.policy = stage.options.policy, .trace = stage.trace},
                                               .stop = &cli::interrupted()};
  Engines engines;
  std::unique_ptr<eval::SharedCores> shared;
  for (const eval::Contender& contender : contenders) {
    if (contender.plan->planner != "shared") continue;
    SL_ASSIGN_OR_RETURN(shared, eval::SharedCores::start(player_setup, *setup.runtime, *setup.pieces,
                                                         setup.compile_cache, *contender.plan));
  }
  SL_ASSIGN_OR_RETURN(engines.player, engine::EnginePlayer::start(player_setup, contenders.front().plan));
  engines.host = eval::engine_host(*engines.player, setup.soc.processors.size(), std::move(shared));
  return engines;
}

// Every planner's plan, played against each other.
Result<Played> play_config(const Stage& stage, const plan::SloConfig& slo,
                           const std::vector<eval::Contender>& contenders, const Engines& engines) {
  const cli::Setup& setup = stage.setup;
  const eval::ComparisonOptions options{
      .repeats = stage.options.repeats, .saturated = Seconds(stage.options.saturated_s), .on_progress = {}};
  SL_ASSIGN_OR_RETURN(const eval::Comparison comparison, eval::compare(*engines.host, contenders, slo.slos, options));
  Played played{.reports = {}, .complete = comparison.rounds == options.repeats, .failures = engines.host->failures()};
  for (std::size_t c = 0; comparison.rounds > 0 && c < contenders.size(); ++c) {
    played.reports.push_back(engine::make_report({.name = contenders[c].name,
                                                  .zoo = setup.zoo,
                                                  .soc = setup.soc,
                                                  .profile = stage.profile,
                                                  .plan = *contenders[c].plan,
                                                  .slos = slo.slos,
                                                  .samples = stage.samples,
                                                  .records = comparison.outcomes[c].episodes,
                                                  .throughput_qps = comparison.outcomes[c].throughput_qps()}));
  }
  return played;
}

void print_introduction(const Stage& stage) {
  const zoo::Zoo& zoo = stage.setup.zoo;
  const soc::Soc& soc = stage.setup.soc;
  std::vector<std::string> processors;
  for (const soc::Processor& p : soc.processors) processors.push_back(p.name);
  fmt::print("sparseloom serves {} DNN(s) at once on {} ({}).\n", zoo.tasks.size(), fmt::join(processors, ", "),
             soc.name);
  for (const zoo::Task& task : zoo.tasks) {
    const double stitched = std::pow(static_cast<double>(task.variants.size()), static_cast<double>(task.stages()));
    fmt::print("  {:<10} {} ({} variants, cut into {} stages: {:.0f} stitched variants)\n", task.name, task.description,
               task.variants.size(), task.stages(), stitched);
  }
  fmt::print("{}{}", report::accuracy_note(zoo), report::disturbed_note(stage.profile));
  if (stage.before) fmt::print("Checked: {}; bounds and plans go by that.\n", report::describe(*stage.before));
  const bool drawn = plan::episode_orders(zoo.tasks.size(), plan::kMostOrders + 1).size() > plan::kMostOrders;
  fmt::print(
      "Stages of differently compressed variants of one base model are stitched into variants that nobody trained, "
      "and\n"
      "each stage is placed on a processor. A request violates its SLO if it is late or its variant is not accurate\n"
      "enough. Every system below serves the same requests: one per task in each of the {} orders of the tasks{},\n"
      "{} times.\n",
      plan::episode_orders(zoo.tasks.size()).size(), drawn ? " drawn from a fixed seed" : "", stage.options.repeats);
}

// Wide enough for a system's name and for figures.
std::size_t column_of(const std::string& name) { return std::max<std::size_t>(name.size() + 2, 12); }

void print_systems(const std::vector<engine::SystemReport>& reports) {
  std::size_t width = 0;
  for (const engine::SystemReport& r : reports) width = std::max(width, column_of(r.name));
  fmt::print("{:<{}}{:>12}{:>20}{:>11}{:>12}{:>11}{:>14}\n", "system", width, "violations", "95 % interval", "late",
             "inaccurate", "both", "requests/s");
  for (const engine::SystemReport& r : reports) {
    fmt::print("{:<{}}{:>14}{:>20}{:>10}{:>12}{:>8}{:>16.1f}\n", r.name, width, percent(r.violation_rate.value),
               fmt::format("{:.2f} .. {:.2f} %", r.violation_rate.low * 100, r.violation_rate.high * 100),
               percent(r.violations.latency), percent(r.violations.accuracy), percent(r.violations.both),
               r.throughput_qps);
  }
}

// What sparseloom, the first report, does not win.
void print_losses(const std::vector<engine::SystemReport>& reports) {
  std::vector<std::string> losses;
  const engine::SystemReport& ours = reports.front();
  for (const engine::SystemReport& r : reports) {
    if (r.violation_rate.value < ours.violation_rate.value) {
      losses.push_back(fmt::format("{} violates less ({} against {})", r.name, percent(r.violation_rate.value),
                                   percent(ours.violation_rate.value)));
    }
    if (r.throughput_qps > ours.throughput_qps) {
      losses.push_back(fmt::format("{} serves more ({:.1f} against {:.1f} requests/s)", r.name, r.throughput_qps,
                                   ours.throughput_qps));
    }
  }
  fmt::print("Not won by {}: {}.\n", ours.name,
             losses.empty() ? "nothing" : fmt::format("{}", fmt::join(losses, "; ")));
}

// A stage that runs otherwise than by the runtime's own kernels on one processor: "1 sparse", "2 cpu0-1".
std::optional<std::string> special(const engine::TaskReport& task, std::size_t stage, const soc::Soc& soc) {
  std::string how;
  if (task.provider[stage] != backend::provider_name(backend::Provider::kOpenVino)) how += " " + task.provider[stage];
  const auto place = soc.find(task.placement[stage]);
  if (place.ok() && soc.pools().is_gang(*place)) how += " " + task.placement[stage];
  return how.empty() ? std::nullopt : std::optional(fmt::format("{}{}", stage, how));
}

// Those of a system: how many, "5 of 12", and which, "image 0 sparse, 1 cpu0-1; speech 1 sparse".
struct SpecialStages {
  std::string count, which;
};
SpecialStages special_stages(const engine::SystemReport& report, const soc::Soc& soc) {
  std::vector<std::string> tasks;
  std::size_t found = 0, all = 0;
  for (const engine::TaskReport& t : report.tasks) {
    std::vector<std::string> stages;
    for (std::size_t i = 0; i < t.provider.size(); ++i) {
      if (auto stage = special(t, i, soc)) stages.push_back(*std::move(stage));
    }
    found += stages.size();
    all += t.provider.size();
    if (!stages.empty()) tasks.push_back(fmt::format("{} {}", t.task, fmt::join(stages, ", ")));
  }
  return {fmt::format("{} of {}", found, all), tasks.empty() ? "none" : fmt::format("{}", fmt::join(tasks, "; "))};
}

// The tasks that two systems serve by different variants, processors or providers.
std::string served_differently(const engine::SystemReport& a, const engine::SystemReport& b) {
  std::vector<std::string> tasks;
  for (std::size_t t = 0; t < a.tasks.size(); ++t) {
    const engine::TaskReport& x = a.tasks[t];
    const engine::TaskReport& y = b.tasks[t];
    if (x.variant != y.variant || x.where != y.where) tasks.push_back(x.task);
  }
  return tasks.empty() ? "none" : fmt::format("{}", fmt::join(tasks, ", "));
}

// "5.83 % (3.8 .. 8.8)", with the 95 % interval.
std::string rate_text(const engine::Rate& rate) {
  return fmt::format("{} ({:.1f} .. {:.1f})", percent(rate.value), 100 * rate.low, 100 * rate.high);
}

// Per configuration, which stages run by other providers and on gangs, and what that changes.
void print_providers(const Stage& stage, const std::vector<std::string>& configs,
                     const std::vector<std::vector<engine::SystemReport>>& all) {
  const std::string& ours = all.front()[0].name;
  std::vector<std::string> header{"", "stages", "which", "violations"};
  if (stage.rival) {
    const std::string& only = stage.rival->what;
    header.insert(header.end(), {only + ": violations", "requests/s", only + ": requests/s", "served differently"});
  }
  report::Table table(std::move(header));
  for (std::size_t c = 0; c < all.size(); ++c) {
    const engine::SystemReport& r = all[c][0];
    const SpecialStages stages = special_stages(r, stage.setup.soc);
    std::vector<std::string> row{configs[c], stages.count, stages.which, rate_text(r.violation_rate)};
    if (stage.rival) {
      const engine::SystemReport& other = all[c][1];
      row.insert(row.end(), {rate_text(other.violation_rate), fmt::format("{:.1f}", r.throughput_qps),
                             fmt::format("{:.1f}", other.throughput_qps), served_differently(r, other)});
    }
    table.add(std::move(row));
  }
  fmt::print("\nStages of {} by other providers than openvino, or on a gang{}:\n{}", ours,
             stage.rival ? ", beside " + all.front()[1].name : "", table.text());
}

void print_one_config(const Stage& stage, const Played& played, const plan::Plan& ours) {
  const std::vector<engine::SystemReport>& reports = played.reports;
  fmt::print("\nWhat {} served (accuracy of the answers given; throughput under saturation):\n{}", reports.front().name,
             engine::format_report(reports.front()));
  if (stage.rival) fmt::print("\nWhat {} served:\n{}", reports[1].name, engine::format_report(reports[1]));
  fmt::print(
      "\nThe same requests served by every system (paper and exact stitch too, the others do not; np: each task whole "
      "on one processor; p: stages in turn):\n");
  print_systems(reports);
  if (played.complete) {
    print_losses(reports);
  } else {
    fmt::print("Stopped early: only the rounds that every system has played are counted.\n");
  }
  fmt::print(
      "Memory: {:.1f} MiB resident for {}'s subgraphs; {:.1f} MiB peak of this process, which holds every system's.\n",
      to_mib(plan::resident_bytes(stage.profile, ours)), reports.front().name, to_mib(engine::peak_resident_bytes()));
}

struct Mean {
  std::string name;
  double violation_rate = 0;
  double throughput_qps = 0;
};

std::vector<Mean> means(const std::vector<std::vector<engine::SystemReport>>& all) {
  std::vector<Mean> result;
  for (std::size_t s = 0; !all.empty() && s < all.front().size(); ++s) {
    Mean mean{all.front()[s].name};
    for (const auto& reports : all) {
      mean.violation_rate += reports[s].violation_rate.value / static_cast<double>(all.size());
      mean.throughput_qps += reports[s].throughput_qps / static_cast<double>(all.size());
    }
    result.push_back(mean);
  }
  return result;
}

// Several configurations: a table of violation rates, one row each, and the means.
void print_row(const std::string& name, const std::vector<engine::SystemReport>& reports) {
  fmt::print("{:<8}", name);
  for (const engine::SystemReport& r : reports)
    fmt::print("{:>{}}", percent(r.violation_rate.value), column_of(r.name));
  fmt::print("\n");
  std::fflush(stdout);
}

void print_means(const std::vector<Mean>& all) {
  fmt::print("{:<8}", "mean");
  for (const Mean& m : all) fmt::print("{:>{}}", percent(m.violation_rate), column_of(m.name));
  fmt::print("\n{:<8}", "req./s");
  for (const Mean& m : all) fmt::print("{:>{}.1f}", m.throughput_qps, column_of(m.name));
  fmt::print("\n");
}

Json several_json(const std::vector<Json>& runs, const std::vector<Mean>& all, const std::string& slo_config,
                  bool complete) {
  Json mean = Json::array();
  for (const Mean& m : all) {
    mean.push_back({{"name", m.name}, {"violation_rate", m.violation_rate}, {"throughput_qps", m.throughput_qps}});
  }
  return {{"slo_config", slo_config}, {"complete", complete}, {"mean", std::move(mean)}, {"runs", runs}};
}

struct AllPlayed {
  Json document;    // of --json; null if stopped before there was anything to report
  Status failures;  // of requests, in the first configuration with any
};

Result<AllPlayed> play_all(const Stage& stage) {
  SL_ASSIGN_OR_RETURN(const auto configs, plan::grid_names(stage.options.slo_config));
  const bool several = configs.size() > 1;
  AllPlayed result;
  std::vector<Json> documents;
  std::vector<std::vector<engine::SystemReport>> all;
  std::vector<std::string> names;  // of the configurations in `all`
  Engines engines;
  for (const std::string& name : configs) {
    SL_ASSIGN_OR_RETURN(const plan::SloConfig slo, plan::named_config(stage.ranges, name));
    SL_ASSIGN_OR_RETURN(const auto contenders, plan_all(stage, slo));
    if (several && all.empty()) {
      fmt::print("\nViolation rates ({} configurations):\n{:<8}", configs.size(), "");
      for (const eval::Contender& c : contenders) fmt::print("{:>{}}", c.name, column_of(c.name));
      fmt::print("\n");
    }
    if (!several) fmt::print("{}", report::describe_missed(stage.setup.zoo, *contenders.front().plan, slo.slos));
    if (engines.host == nullptr) {
      SL_ASSIGN_OR_RETURN(engines, start_engines(stage, contenders));
    }
    SL_ASSIGN_OR_RETURN(Played played, play_config(stage, slo, contenders, engines));
    if (result.failures.ok()) result.failures = played.failures.with_context(name);
    // A half-played configuration does not enter the means.
    if (played.reports.empty() || (several && !played.complete)) break;
    several ? print_row(name, played.reports) : print_one_config(stage, played, *contenders.front().plan);
    documents.push_back(engine::report_json(name, stage.setup.soc.name, played.reports, played.complete));
    all.push_back(std::move(played.reports));
    names.push_back(name);
  }
  if (all.empty()) return result;
  if (several) print_means(means(all));
  print_providers(stage, names, all);
  result.document = several
                        ? several_json(documents, means(all), stage.options.slo_config, all.size() == configs.size())
                        : documents.front();
  return result;
}

// What the machine's times were over those profiled, before the run and after it.
struct Drift {
  double before = 1;
  double after = 1;
  // A run in which the machine changes its speed by more compares systems at different speeds, by bounds made for one.
  static constexpr double kMost = 1.3;
  double change() const { return std::max(after / before, before / after); }
  bool moved() const { return change() > kMost; }
};

// None: not to be checked, or stopped.
Result<std::optional<Drift>> drift_of(const Stage& stage) {
  if (!stage.options.check || cli::interrupted().load()) return std::optional<Drift>();
  const cli::Setup& setup = stage.setup;
  SL_ASSIGN_OR_RETURN(const profile::ProfileCheck after,
                      profile::check_profile(
                          setup.zoo, setup.soc, *setup.runtime, *setup.pieces, stage.profile,
                          {.compile_cache = setup.compile_cache, .lock = {.who = "sparseloom demo"}, .control = {}}));
  const double before = stage.before ? stage.before->overall.median : 1;
  return std::optional(Drift{before, before * after.overall.median});
}

void print_drift(const std::optional<Drift>& drift) {
  if (!drift) return;
  fmt::print("\nThe machine: {:.2f}x the profiled times before the run, {:.2f}x after it.\n", drift->before,
             drift->after);
  if (!drift->moved()) return;
  fmt::print(
      "It moved by {:.2f}x during the run, which is more than {}x: the violations above are of bounds and plans made "
      "for another speed. Run it again.\n",
      drift->change(), Drift::kMost);
}

Json drift_json(const std::optional<Drift>& drift) {
  if (!drift) return nullptr;
  return {{"before", drift->before}, {"after", drift->after}, {"moved", drift->moved()}};
}

Status write_outputs(const Stage& stage, const Json& document) {
  const DemoOptions& options = stage.options;
  if (!options.json.empty()) SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  if (stage.trace == nullptr) return {};
  const soc::Soc& soc = stage.setup.soc;
  return cli::write_trace(options.trace, *stage.trace,
                          sched::trace_names("sparseloom on " + soc.name, stage.setup.zoo, soc));
}

Status demo(const DemoOptions& options) {
  SL_RETURN_IF_ERROR(cli::refuse_modelled("demo", options.soc));
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(cli::check_writable("--trace", options.trace));
  SL_RETURN_IF_ERROR(sched::make_policy(options.policy, 1).status());
  SL_RETURN_IF_ERROR(plan::grid_names(options.slo_config).status());
  SL_ASSIGN_OR_RETURN(const Providers providers, parse_all_providers(options));
  cli::interrupted();
  SL_ASSIGN_OR_RETURN(const auto setup,
                      cli::make_setup(options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo), {},
                                      options.hybrid));
  SL_ASSIGN_OR_RETURN(soc::Soc soc, cli::soc_for_plans(setup->soc, providers.allowed, options.no_gangs));
  SL_ASSIGN_OR_RETURN(std::optional<Rival> rival, rival_of(options, providers, setup->soc));
  SL_ASSIGN_OR_RETURN(const cli::TestData data, cli::load_test_data(setup->zoo));
  SL_ASSIGN_OR_RETURN(const profile::CheckedProfile checked,
                      cli::read_checked_profile(*setup, options.check, "sparseloom demo"));
  SL_ASSIGN_OR_RETURN(auto ranges, plan::grid_ranges(setup->zoo, setup->soc, checked.profile));
  engine::Residency residency(*setup->runtime, setup->soc, *setup->pieces, setup->compile_cache);
  sched::TraceSink trace(setup->soc.processors.places());
  Stage stage{.setup = *setup,
              .profile = checked.profile,
              .before = checked.check,
              .options = options,
              .soc = std::move(soc),
              .rival = std::move(rival),
              .ranges = std::move(ranges),
              .samples = data.samples,
              .residency = residency,
              .trace = options.trace.empty() ? nullptr : &trace};
  print_introduction(stage);
  std::fflush(stdout);
  SL_ASSIGN_OR_RETURN(AllPlayed played, play_all(stage));
  SL_ASSIGN_OR_RETURN(const std::optional<Drift> drift, drift_of(stage));
  print_drift(drift);
  if (!played.document.is_null()) {
    played.document["drift"] = drift_json(drift);
    SL_RETURN_IF_ERROR(write_outputs(stage, played.document));
  }
  SL_RETURN_IF_ERROR(played.failures);
  return cli::cancelled_if_interrupted();
}

}  // namespace

std::function<Status()> add_demo(CLI::App& command) {
  auto options = std::make_shared<DemoOptions>();
  command.add_option("--zoo", options->zoo, "folder of the zoo to serve (default: zoos/demo)");
  command.add_option("--soc", options->soc, "refused: a modelled machine runs no models");
  command
      .add_option("--slo-config", options->slo_config,
                  "C1..C8, a<j>l<k> (accuracy and latency index 0..8), diagonal (C1..C8), coarse (25) or grid (all 81)")
      ->capture_default_str();
  command.add_option("--policy", options->policy, "scheduling policy: fcfs or edf")->capture_default_str();
  command.add_option("--repeats", options->repeats, "times that every order of the tasks is played")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      .add_option("--saturated", options->saturated_s,
                  "seconds of saturation per system, to measure throughput; 0: none")
      ->check(CLI::Range(0.0, 600.0))
      ->capture_default_str();
  command.add_flag(
      "--pooled,!--pinned,--late-binding,!--no-late-binding", options->pooled,
      "sparseloom's stages run on whichever processor of their pool is free first (default), or stay pinned "
      "as the baselines' do");
  command.add_flag("!--no-check", options->check, cli::kNoCheckHelp);
  command.add_option("--provider,--backend", options->providers, cli::provider_help());
  command.add_flag("--no-gangs", options->no_gangs, std::string(cli::kNoGangsHelp));
  command.add_flag("--hybrid", options->hybrid, std::string(cli::kHybridHelp));
  CLI::Option* const rival =
      command.add_option("--compare-provider,--compare-backend", options->compare_provider,
                         "add a second system to the comparison: sparseloom planning with this provider alone");
  command
      .add_flag("--compare-no-gangs", options->compare_no_gangs,
                "add a second system to the comparison: sparseloom planning without gangs")
      ->excludes(rival);
  command.add_option("--json", options->json, "write the report here");
  command.add_option("--trace", options->trace, "write a Chrome/Perfetto trace here, one track per processor");
  return [options] { return demo(*options); };
}

}  // namespace sparseloom::apps
