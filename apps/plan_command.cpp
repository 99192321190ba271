#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "cli/memory_option.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/plan/explain.h"
#include "sparseloom/plan/names.h"
#include "sparseloom/plan/plan_file.h"
#include "sparseloom/plan/plan_json.h"
#include "sparseloom/plan/planners/sparseloom_planner.h"
#include "sparseloom/plan/predict.h"
#include "sparseloom/plan/slo_file.h"
#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/latency_json.h"
#include "sparseloom/report/missed.h"
#include "sparseloom/report/profile_trust.h"
#include "sparseloom/report/table.h"
#include "sparseloom/sched/standard_workloads.h"
#include "sparseloom/simulate/rehearsal.h"

namespace sparseloom::apps {
namespace {

constexpr std::string_view kPolicy = "edf";  // what is predicted of a rate is predicted under the default policy

struct Options {
  std::string zoo;
  std::string soc;
  std::string slo = "C5";
  std::string planner = "sparseloom";
  std::string objective = "responses";
  std::string estimates = "value";
  std::string memory;
  std::vector<std::string> providers;
  bool no_gangs = false;
  bool hybrid = false;
  double rate = 0;
  std::string percentile;
  std::string check;
  std::string out;
  std::string json;
  bool explain = false;
};

// A finished plan and what is said about it.
struct Outcome {
  plan::PlanFile made;
  std::optional<plan::Prediction> prediction;  // none where the operating system decides what runs when
  std::optional<simulate::Rehearsal> load;     // the rate that was asked for, rehearsed
  Bytes resident;
  std::vector<plan::TaskExplanation> why;
  std::vector<bool> disturbed;  // by task: whether the latency of any stage is
  std::string disturbed_note;
};

Result<std::unique_ptr<const plan::Planner>> throughput_planner(const Options& options) {
  if (options.objective == "responses") return std::unique_ptr<const plan::Planner>();
  if (options.objective != "throughput") {
    return error(Code::kInvalidArgument, "--objective: '{}'; responses and throughput are allowed", options.objective);
  }
  if (options.planner != "sparseloom") {
    return error(Code::kInvalidArgument, "--objective: planner '{}' has none; only sparseloom has", options.planner);
  }
  plan::SparseloomOptions chosen;
  chosen.objective = plan::SparseloomOptions::Objective::kThroughput;
  return std::unique_ptr<const plan::Planner>(std::make_unique<plan::SparseloomPlanner>(chosen));
}

// Whether the rate is planned for; else it is only predicted what it will take.
bool plans_for_load(const Options& options) {
  return options.planner == "sparseloom" && options.objective == "responses";
}

Result<profile::EstimateUse> parse_estimates(const std::string& text) {
  if (text == "value") return profile::EstimateUse::kValue;
  if (text == "lower") return profile::EstimateUse::kLower;
  return error(Code::kInvalidArgument, "--estimates: '{}'; value and lower are allowed", text);
}

// "p99": 0.99.
Result<std::optional<double>> parse_percentile(const Options& options) {
  const std::string& text = options.percentile;
  if (text.empty()) return std::optional<double>();
  double value = 0;
  const char* const end = text.data() + text.size();
  const bool named = text.front() == 'p';
  const auto [rest, failure] = std::from_chars(text.data() + 1, end, value);
  if (!named || failure != std::errc() || rest != end || !(value >= 50 && value < 100)) {
    return error(Code::kInvalidArgument, "--percentile: '{}'; allowed are p50 to p99.9", text);
  }
  return std::optional(value / 100);
}

constexpr const char* kAuto = "auto";

// Bounds by their name on the grid, as proposed, or from a file.
Result<plan::SloConfig> read_slos(const std::string& name, const cli::Setup& setup, const profile::Profile& profile) {
  if (plan::parse_grid_name(name).ok()) {
    SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(setup.zoo, setup.soc, profile));
    return plan::named_config(ranges, name);
  }
  SL_ASSIGN_OR_RETURN(plan::SloConfig proposed, plan::proposed_slos(setup.zoo, setup.soc, profile));
  if (name == kAuto) return proposed;
  SL_ASSIGN_OR_RETURN(const Json json, read_json(name));
  SL_ASSIGN_OR_RETURN(plan::SloConfig config, plan::parse_slos(json, setup.zoo, name));
  for (std::size_t t = 0; t < config.slos.size(); ++t) {
    if (config.slos[t].latency == Seconds(0)) config.slos[t].latency = proposed.slos[t].latency;
  }
  return config;
}

Json to_json(const cli::Setup& setup, const Options& options, const Outcome& outcome) {
  const plan::SloConfig& slo = outcome.made.slo;
  Json tasks = Json::array();
  for (std::size_t t = 0; t < outcome.made.plan.tasks.size(); ++t) {
    const plan::TaskPlan& task = outcome.made.plan.tasks[t];
    Json row{{"task", setup.zoo.tasks[t].name},
             {"variant", plan::variant_names(setup.zoo.tasks[t], task.sigma)},
             {"placement", plan::processor_names(setup.soc, task.placement)},
             {"provider", plan::provider_names(task.providers)},
             {"pooled", task.pooled},
             {"late_binding", task.pooled},  // what it was called first
             {"shared", task.shared},
             {"latency_ms", to_ms(task.latency)},
             {"latency_disturbed", outcome.disturbed[t]},
             {"latency_bound_ms", to_ms(slo.slos[t].latency)},
             {"accuracy", setup.zoo.tasks[t].accuracy_known() ? Json(task.accuracy) : Json(nullptr)},
             {"accuracy_kind", setup.zoo.tasks[t].accuracy_kind},
             {"accuracy_bound", slo.slos[t].accuracy},
             {"meets_slo", task.meets_slo()},
             {"meets_latency", task.meets_latency},
             {"meets_accuracy", task.meets_accuracy}};
    if (outcome.load) {
      row["predicted_latency_ms"] = report::latency_json(outcome.load->tasks[t]);
      row["predicted_violation_rate"] = outcome.load->tasks[t].violation_rate();
    }
    if (!outcome.why.empty()) row["why"] = outcome.why[t].text;
    tasks.push_back(std::move(row));
  }
  Json document = plan::summary_json(outcome.made, outcome.resident);
  document["machine"] = setup.soc.name;
  document["modelled"] = setup.soc.modelled;
  document["tasks"] = std::move(tasks);
  if (outcome.prediction) {
    document["predicted_violation_rate"] = outcome.prediction->violation_rate;
    document["predicted_worst_ratio"] = outcome.prediction->worst_ratio;
  }
  if (options.rate > 0) document["rate_per_s"] = options.rate;
  if (!options.percentile.empty()) document["percentile"] = options.percentile;
  return document;
}

// What a task's requests take when they come as often as was asked.
void print_load(const cli::Setup& setup, const Options& options, const Outcome& outcome) {
  const plan::SloConfig& slo = outcome.made.slo;
  report::Table table({"task", "p50 / p95 / p99 ms", "bound ms", "late %"});
  for (std::size_t t = 0; t < outcome.load->tasks.size(); ++t) {
    const simulate::Metrics& m = outcome.load->tasks[t];
    table.add({setup.zoo.tasks[t].name,
               fmt::format("{:.2f} / {:.2f} / {:.2f}", to_ms(m.p50), to_ms(m.p95), to_ms(m.p99)),
               fmt::format("{:.2f}", to_ms(slo.slos[t].latency)), fmt::format("{:.2f}", 100 * m.violation_rate())});
  }
  fmt::print("\nat {} requests/s, Poisson arrivals, tasks equally likely (predicted, policy {})\n{}", options.rate,
             kPolicy, table.text());
}

std::string proof_text(const plan::Plan& plan) {
  if (plan.optimal) return "certified least";
  if (plan.gap >= 1) return "no lower bound sought";
  return fmt::format("at best {:.1f} % less", 100 * plan.gap);
}

void print(const cli::Setup& setup, const Options& options, const Outcome& outcome) {
  const plan::Plan& made = outcome.made.plan;
  const plan::SloConfig& slo = outcome.made.slo;
  const std::optional<Seconds>& planning = outcome.made.planning;
  std::vector<std::string> placements;
  report::Table table(
      {"task", "variant per stage", "placement", "latency ms", "bound ms", "accuracy %", "bound %", "met"});
  for (std::size_t t = 0; t < made.tasks.size(); ++t) {
    const plan::TaskPlan& task = made.tasks[t];
    placements.push_back(plan::describe_placement(setup.soc, task));
    const bool known = setup.zoo.tasks[t].accuracy_known();
    table.add({setup.zoo.tasks[t].name, zoo::describe(setup.zoo.tasks[t], task.sigma), placements.back(),
               report::marked_ms(task.latency, outcome.disturbed[t]), fmt::format("{:.2f}", to_ms(slo.slos[t].latency)),
               known ? fmt::format("{:.1f}", 100 * task.accuracy) : "unknown",
               fmt::format("{:.1f}", 100 * slo.slos[t].accuracy),
               task.meets_slo() ? "yes" : "no: " + report::missed_bounds(task)});
  }
  fmt::print("plan by {} at {} on {}\nlatency: alone, from the profile; accuracy: on the profile split\n{}{}\n{}{}{}\n",
             made.planner, slo.name, setup.soc.name, outcome.disturbed_note, report::accuracy_note(setup.zoo),
             table.text(), report::mark_legend(table.text()), plan::placement_legend(placements));
  const std::string proof = proof_text(made);
  fmt::print("busiest processor: {:.2f} ms per round of one request each ({}): at most {:.1f} requests/s\n",
             to_ms(made.bottleneck), proof, throughput_qps(made));
  if (outcome.load) {
    fmt::print("{} {} requests/s{}\n", plans_for_load(options) ? "planned for" : "predicted at", options.rate,
               options.percentile.empty() ? "" : ", to keep the latency bounds at " + options.percentile);
  } else if (outcome.prediction) {
    fmt::print("episodes (predicted): {:.1f} % of requests violate; the slowest takes {:.2f} of its bound\n",
               100 * outcome.prediction->violation_rate, outcome.prediction->worst_ratio);
  } else {
    fmt::print(
        "all cores are shared by the operating system: latencies are those on one processor, throughput is that "
        "of perfect sharing, episodes are not predicted\n");
  }
  fmt::print("resident: {:.1f} MiB{}\n", to_mib(outcome.resident),
             planning ? fmt::format("; planned in {:.2f} ms", to_ms(*planning)) : "");
  if (outcome.load) print_load(setup, options, outcome);
  for (std::size_t t = 0; t < outcome.why.size(); ++t) {
    fmt::print("\n{}: {}{}\n", setup.zoo.tasks[t].name, outcome.why[t].text,
               outcome.disturbed[t] ? " Some of its latencies were measured on a busy machine." : "");
  }
}

std::filesystem::path zoo_of(const Options& options) {
  return options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo);
}

sched::Workload poisson(const cli::Setup& setup, double rate) {
  constexpr std::size_t kRequests = 20'000;
  return sched::poisson(setup.zoo.tasks.size(), rate, kRequests, 0);
}

Result<simulate::Rehearsal> rehearse(const plan::Problem& problem, const plan::Plan& plan,
                                     const sched::Workload& workload) {
  return simulate::rehearse({.workload = workload,
                             .slos = problem.slo.slos,
                             .plan = std::make_shared<const plan::Plan>(plan),
                             .pools = problem.soc.pools(),
                             .contention = &problem.profile.contention,
                             .stop = &cli::interrupted()},
                            kPolicy);
}

// What the command line says about making a plan.
struct Wanted {
  std::optional<Bytes> memory;
  const plan::Planner* planner = nullptr;
  std::unique_ptr<const plan::Planner> throughput;  // that planner, if it is none of the registered ones
  profile::EstimateUse estimates = profile::EstimateUse::kValue;
  std::vector<backend::Provider> providers;
  std::optional<double> percentile;
};

// Mistakes on the command line: nothing is loaded or measured for them.
Result<Wanted> read_options(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--out", options.out));
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  if (const auto grid = plan::parse_grid_name(options.slo); !grid.ok() && options.slo != kAuto) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(options.slo, ignored))
      return grid.status().with_context("--slo: no such file");
  }
  Wanted wanted;
  SL_ASSIGN_OR_RETURN(wanted.memory, cli::parse_memory(options.memory));
  SL_ASSIGN_OR_RETURN(wanted.planner, plan::find_planner(options.planner));
  SL_ASSIGN_OR_RETURN(wanted.throughput, throughput_planner(options));
  if (wanted.throughput != nullptr) wanted.planner = wanted.throughput.get();
  SL_ASSIGN_OR_RETURN(wanted.estimates, parse_estimates(options.estimates));
  SL_ASSIGN_OR_RETURN(wanted.providers, cli::parse_providers("--provider", options.providers));
  SL_ASSIGN_OR_RETURN(wanted.percentile, parse_percentile(options));
  if (wanted.percentile && !plans_for_load(options)) {
    return error(Code::kInvalidArgument,
                 "--percentile: planner '{}' with objective {} plans for no load; only sparseloom with objective "
                 "responses does",
                 options.planner, options.objective);
  }
  if (wanted.percentile && options.rate == 0) {
    return error(Code::kInvalidArgument, "--percentile {}: of requests that arrive how often? Give --rate",
                 options.percentile);
  }
  return wanted;
}

Result<plan::PlanFile> make_plan(const plan::Planner& planner, const plan::Problem& problem) {
  plan::PlanFile made{.plan = {}, .slo = problem.slo, .estimates = problem.profile.use_estimates};
  const auto start = std::chrono::steady_clock::now();
  SL_ASSIGN_OR_RETURN(made.plan, planner.plan(problem));
  made.planning = std::chrono::steady_clock::now() - start;
  return made;
}

// What is to be said of a plan that was made or read.
Result<Outcome> judge(const plan::Problem& problem, plan::PlanFile made, const Options& options,
                      const cli::Setup& setup) {
  Outcome outcome;
  outcome.made = std::move(made);
  const plan::Plan& plan = outcome.made.plan;
  if (std::none_of(plan.tasks.begin(), plan.tasks.end(), [](const auto& t) { return t.shared; })) {
    outcome.prediction = plan::predict_responses(problem, plan);
    if (options.rate > 0) {
      SL_ASSIGN_OR_RETURN(outcome.load, rehearse(problem, plan, poisson(setup, options.rate)));
    }
  }
  outcome.resident = plan::resident_bytes(problem.profile, plan);
  if (!setup.soc.modelled) outcome.disturbed_note = report::disturbed_note(problem.profile);
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    outcome.disturbed.push_back(report::rests_on_disturbed(problem.profile.tasks[t], plan.tasks[t]));
  }
  if (options.explain) {
    SL_ASSIGN_OR_RETURN(outcome.why, plan::explain(problem, plan));
  }
  return outcome;
}

Status show(const cli::Setup& setup, const Options& options, const Outcome& outcome) {
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, to_json(setup, options, outcome).dump(2) + "\n"));
  }
  print(setup, options, outcome);
  return {};
}

// The plan of a file, if it is one for this zoo, machine and profile.
Status check(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_ASSIGN_OR_RETURN(const std::string text, read_file(options.check));
  SL_ASSIGN_OR_RETURN(const auto setup, cli::make_setup(zoo_of(options), options.soc, options.hybrid));
  SL_ASSIGN_OR_RETURN(profile::Profile profile, cli::read_profile(*setup));
  SL_ASSIGN_OR_RETURN(plan::PlanFile read, plan::parse_plan(text, options.check, {setup->zoo, setup->soc, profile}));
  profile.use_estimates = read.estimates;
  const plan::SloConfig slo = read.slo;
  SL_ASSIGN_OR_RETURN(const Outcome outcome,
                      judge({setup->zoo, setup->soc, profile, slo}, std::move(read), options, *setup));
  return show(*setup, options, outcome);
}

Status run(const Options& options) {
  if (!options.check.empty()) return check(options);
  SL_ASSIGN_OR_RETURN(const Wanted wanted, read_options(options));
  SL_ASSIGN_OR_RETURN(const auto setup, cli::make_setup(zoo_of(options), options.soc, options.hybrid));
  SL_ASSIGN_OR_RETURN(const soc::Soc soc, cli::soc_for_plans(setup->soc, wanted.providers, options.no_gangs));
  SL_ASSIGN_OR_RETURN(profile::Profile profile, cli::read_profile(*setup));
  profile.use_estimates = wanted.estimates;
  SL_ASSIGN_OR_RETURN(const plan::SloConfig slo, read_slos(options.slo, *setup, profile));
  plan::Problem problem{setup->zoo, soc, profile, slo, wanted.memory};
  plan::Load load;
  if (options.rate > 0) {
    load = sched::load_of(poisson(*setup, options.rate));
    load.percentile = wanted.percentile;
    problem.load = &load;
  }
  SL_ASSIGN_OR_RETURN(plan::PlanFile made, make_plan(*wanted.planner, problem));
  SL_ASSIGN_OR_RETURN(const Outcome outcome, judge(problem, std::move(made), options, *setup));
  if (!options.out.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.out, plan::format_plan(outcome.made, {setup->zoo, setup->soc, profile})));
  }
  return show(*setup, options, outcome);
}

}  // namespace

std::function<Status()> add_plan(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--zoo", options->zoo, "folder of the zoo (default: zoos/demo)");
  command.add_option("--soc", options->soc, cli::kSocHelp);
  CLI::Option* const check =
      command.add_option("--check", options->check,
                         "read this plan file (docs/plan-format.md) instead of making a plan, and show it if it is for "
                         "this zoo, machine and profile");
  const auto add = [&](const std::string& names, auto& value, const std::string& help) {
    return command.add_option(names, value, help)->excludes(check);
  };
  add("--out", options->out, "also write the plan to this file, for --check and for serving it (docs/plan-format.md)");
  add("--slo,--slo-config", options->slo,
      "C1 to C8, a<J>l<K> (accuracy and latency index, 0..8), auto (docs/planning.md), or a file of bounds (default: "
      "C5)");
  add("--planner", options->planner, "which rule makes the plan (default: sparseloom)");
  add("--objective", options->objective,
      "planner sparseloom only: responses (fewest late requests, default) or throughput");
  add("--estimates", options->estimates,
      "accuracies that were not measured but estimated count by value or by their lower bound: value, lower");
  add("--memory", options->memory, "budget for the plan's compiled subgraphs, in bytes or as 20MiB (default: none)");
  add("--provider,--backend", options->providers, cli::provider_help());
  command.add_flag("--no-gangs", options->no_gangs, std::string(cli::kNoGangsHelp))->excludes(check);
  command.add_flag("--hybrid", options->hybrid, std::string(cli::kHybridHelp));
  add("--rate", options->rate,
      "requests/s that are to be served, tasks equally likely: planned for (planner sparseloom, objective responses) "
      "and predicted (default: episodes)")
      ->check(CLI::Range(1e-3, 1e9));
  add("--percentile", options->percentile,
      "with --rate, planner sparseloom and objective responses: latency bounds shall be kept by so many of a task's "
      "requests, e.g. p99");
  command.add_flag("--explain", options->explain, "say for every task which bound decides and what it excludes");
  command.add_option("--json", options->json, "also write a report on the plan to this file");
  return [options] { return run(*options); };
}

}  // namespace sparseloom::apps
