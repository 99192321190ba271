#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "apps/commands.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/names.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/profile/analytical/modelled.h"
#include "sparseloom/profile/measure/measure.h"
#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/estimate_report.h"
#include "sparseloom/report/profile_trust.h"
#include "sparseloom/report/table.h"

namespace sparseloom::apps {
namespace {

struct Options {
  std::string zoo;
  bool latency = false;
  bool accuracy = false;
  bool contention = false;
  bool again = false;
  bool check = false;
  bool no_wait = false;
  bool export_accuracy = false;
  std::string split = "both";
  std::vector<std::string> tasks;
  int threads = 0;
  bool hybrid = false;
  std::string database;
  std::string mode = "exhaustive";
  std::optional<std::string> estimator;  // these four: of mode estimate, and none if they were not given
  std::optional<std::size_t> budget;
  std::optional<double> level;
  std::optional<std::uint64_t> seed;
  std::string json;
  std::string export_latency;
};

Result<std::vector<profile::SplitName>> parse_split(const std::string& text) {
  if (text == "profile") return std::vector{profile::SplitName::kProfile};
  if (text == "test") return std::vector{profile::SplitName::kTest};
  if (text == "both") return std::vector{profile::SplitName::kProfile, profile::SplitName::kTest};
  return unknown_name("--split", text, std::array{"profile", "test", "both"});
}

Result<profile::MeasureOptions> measure_options(const Options& options, const cli::Setup& setup) {
  profile::MeasureOptions measuring;
  for (const std::string& name : options.tasks) {
    SL_ASSIGN_OR_RETURN(const zoo::TaskId task, setup.zoo.find_task(name));
    measuring.tasks.push_back(task);
  }
  const bool everything =
      !options.latency && !options.accuracy && !options.contention && !options.export_accuracy && !options.again;
  SL_ASSIGN_OR_RETURN(const auto splits, parse_split(options.split));
  if (options.accuracy || everything) measuring.accuracy = splits;
  measuring.latency = options.latency || everything || options.again || !options.export_latency.empty();
  measuring.again = options.again;
  measuring.contention = options.contention;
  // Asked for by name, accuracies are measured here even where the zoo ships them.
  measuring.use_shipped = !options.accuracy && !options.export_accuracy;
  measuring.threads =
      options.threads > 0 ? static_cast<std::size_t>(options.threads) : std::max<std::size_t>(allowed_cpus().size(), 1);
  measuring.database = options.database;
  measuring.lock = {.file = {}, .who = "sparseloom profile", .wait = !options.no_wait};
  measuring.compile_cache = setup.compile_cache;
  measuring.control = {.on_progress = cli::progress_line(), .stop = &cli::interrupted()};
  return measuring;
}

struct Counts {
  std::size_t subgraphs = 0;  // latency entries measured, of variants x stages x processors x providers
  std::size_t all_subgraphs = 0;
  std::size_t on_profile = 0;
  std::size_t on_test = 0;
  double resident_mib = 0;     // all subgraphs, by the first provider of the first processor
  double relative_spread = 0;  // median over entries of (q3-q1)/median
};

// One place in a profile for a latency.
struct Entry {
  std::size_t variant, stage, processor;
  backend::Provider provider;
  const profile::Latency& latency;  // count 0: not measured
};

std::vector<Entry> entries_of(const soc::Soc& soc, const profile::TaskProfile& task) {
  std::vector<Entry> entries;
  for (std::size_t v = 0; v < task.variants(); ++v) {
    for (std::size_t s = 0; s < task.stages(); ++s) {
      for (std::size_t p = 0; p < task.places(); ++p) {
        for (const backend::Provider b : soc.processors[p].providers) {
          entries.push_back({v, s, p, b, task.latency(zoo::VariantId(v), zoo::StageId(s), soc::ProcessorId(p), b)});
        }
      }
    }
  }
  return entries;
}

Counts count(const soc::Soc& soc, const zoo::Task& of, const profile::TaskProfile& task) {
  Counts counts;
  std::vector<double> spreads;
  for (const Entry& e : entries_of(soc, task)) {
    const profile::Latency& l = e.latency;
    counts.all_subgraphs += zoo::is_there_for(of.variants[e.variant], e.provider) ? 1 : 0;
    if (l.count == 0) continue;
    ++counts.subgraphs;
    spreads.push_back((l.q3 - l.q1) / l.median);
    if (e.processor == 0 && e.provider == of.variants[e.variant].provider.value_or(soc.processors[0].providers.front()))
      counts.resident_mib += to_mib(l.resident);
  }
  for (std::size_t i = 0; i < task.stitched(); ++i) {
    counts.on_profile += task.accuracy(task.sigma_at(i)).samples > 0 ? 1 : 0;
    counts.on_test += task.accuracy_test(task.sigma_at(i)).samples > 0 ? 1 : 0;
  }
  counts.relative_spread = quartiles(std::move(spreads)).median;
  return counts;
}

// Why plans do not run a subgraph of the variant by the provider; empty: they may, or it is no news, as a derived
// variant is run by its own provider alone.
std::string reason_of(const zoo::Variant& variant, const Entry& e) {
  if (e.latency.left_out == profile::LeftOut::kUnsupported && !zoo::is_there_for(variant, e.provider)) {
    if (variant.derived() || backend::info(e.provider).computes_in) return {};
    if (backend::info(e.provider).onnx_only) return "not there in ONNX";
  }
  return std::string(to_string(e.latency.left_out));
}

// "image: onnxruntime on cpu0: 12 disagrees, 3 slower": subgraphs that no plan runs by a provider, though the first of
// a pool offers it.
std::string left_out_note(const cli::Setup& setup, const profile::Profile& profile) {
  std::string note;
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    std::map<std::pair<std::size_t, backend::Provider>, std::map<std::string, std::size_t>> left_out;
    for (const Entry& e : entries_of(setup.soc, profile.tasks[t])) {
      const soc::Pools& pools = setup.soc.pools();
      const bool first = pools.pool(soc::ProcessorId(e.processor)).front().index() == e.processor;
      const std::string reason = reason_of(setup.zoo.tasks[t].variants[e.variant], e);
      if (first && !reason.empty()) ++left_out[{e.processor, e.provider}][reason];
    }
    for (const auto& [where, reasons] : left_out) {
      std::vector<std::string> counts;
      for (const auto& [reason, count] : reasons) counts.push_back(fmt::format("{} {}", count, reason));
      note += fmt::format("  {}: {} on {}: {}\n", setup.zoo.tasks[t].name, backend::provider_name(where.second),
                          setup.soc.processors[where.first].name, fmt::join(counts, ", "));
    }
  }
  if (note.empty()) return note;
  return "\nProviders left out of plans, subgraphs and why (docs/profiling.md):\n" + note;
}

Json task_json(const cli::Setup& setup, const zoo::Task& task, const profile::TaskProfile& measured) {
  Json latencies = Json::array();
  for (const Entry& e : entries_of(setup.soc, measured)) {
    const profile::Latency& l = e.latency;
    if (l.count == 0) continue;
    latencies.push_back({{"variant", task.variants[e.variant].name},
                         {"stage", e.stage},
                         {"processor", setup.soc.processors[e.processor].name},
                         {"provider", backend::provider_name(e.provider)},
                         {"median_ms", to_ms(l.median)},
                         {"q1_ms", to_ms(l.q1)},
                         {"q3_ms", to_ms(l.q3)},
                         {"count", l.count},
                         {"disturbed", profile::disturbed(l)},
                         {"steal", l.conditions.steal},
                         {"foreign_load", l.conditions.foreign},
                         {"mhz", l.conditions.mhz},
                         {"governor", l.conditions.governor},
                         {"resident_bytes", l.resident.count}});
  }
  Json left_out = Json::array();
  for (const Entry& e : entries_of(setup.soc, measured)) {
    const std::string reason = reason_of(task.variants[e.variant], e);
    if (reason.empty()) continue;
    left_out.push_back({{"variant", task.variants[e.variant].name},
                        {"stage", e.stage},
                        {"processor", setup.soc.processors[e.processor].name},
                        {"provider", backend::provider_name(e.provider)},
                        {"reason", reason}});
  }
  const Counts counts = count(setup.soc, task, measured);
  return {{"task", task.name},
          {"stitched", measured.stitched()},
          {"accuracy_measured", counts.on_profile},
          {"accuracy_test_measured", counts.on_test},
          {"subgraphs", std::move(latencies)},
          {"left_out", std::move(left_out)}};
}

Json to_json(const Options& options, const cli::Setup& setup, const profile::Measured& measured) {
  std::size_t known = 0;
  std::size_t all = 0;
  Json tasks = Json::array();
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    known += count(setup.soc, setup.zoo.tasks[t], measured.profile.tasks[t]).on_profile;
    all += measured.profile.tasks[t].stitched();
    tasks.push_back(task_json(setup, setup.zoo.tasks[t], measured.profile.tasks[t]));
  }
  // The estimators' keys have no value when everything is measured.
  return {{"mode", options.mode},
          {"machine", setup.soc.name},
          {"database", measured.database.string()},
          {"measurements", known},
          {"exhaustive_measurements", all},
          {"seconds", measured.elapsed.count()},
          {"exhaustive_seconds", nullptr},
          {"stitched_this_run", measured.stitched},
          {"stage_passes_this_run", measured.stage_passes},
          {"latency_mape", nullptr},
          {"accuracy_mae_points", nullptr},
          {"spearman", nullptr},
          {"conformal", {{"promised", nullptr}, {"observed", nullptr}}},
          {"tasks", std::move(tasks)}};
}

std::string to_text(profile::Shipped shipped) {
  switch (shipped) {
    case profile::Shipped::kAbsent: break;
    case profile::Shipped::kStale: return "stale";
    case profile::Shipped::kLoaded: return "yes";
    case profile::Shipped::kDamaged: return "damaged";
  }
  return "-";
}

void print(const cli::Setup& setup, const profile::Measured& measured) {
  report::Table table({"task", "subgraphs timed", "on a busy machine", "spread %", "resident MiB", "accuracy: profile",
                       "test", "ships"});
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    const profile::TaskProfile& task = measured.profile.tasks[t];
    const Counts counts = count(setup.soc, setup.zoo.tasks[t], task);
    const std::size_t disturbed = profile::count_latencies(task).disturbed;
    table.add({setup.zoo.tasks[t].name, fmt::format("{}/{}", counts.subgraphs, counts.all_subgraphs),
               disturbed == 0 ? "0" : fmt::format("~{}", disturbed),
               fmt::format("{:.1f}", 100 * counts.relative_spread), fmt::format("{:.1f}", counts.resident_mib),
               fmt::format("{}/{}", counts.on_profile, task.stitched()),
               fmt::format("{}/{}", counts.on_test, task.stitched()), to_text(measured.shipped[t])});
  }
  fmt::print("{}, {}\ndatabase {}\n{:.1f} s in this run; accuracies measured: {} ({} stage passes)\n{}\n{}{}{}",
             setup.zoo.name, setup.soc.name, measured.database.string(), measured.elapsed.count(), measured.stitched,
             measured.stage_passes, report::accuracy_note(setup.zoo), table.text(),
             report::disturbed_note(measured.profile), left_out_note(setup, measured.profile));
}

// What all stages of a task together take more after idling, on the first processor.
void print_cold(const cli::Setup& setup, const profile::Contention& contention) {
  const auto place = [](std::size_t t, std::size_t i) {
    return profile::Contention::Stage{zoo::TaskId(t), zoo::StageId(i), soc::ProcessorId(0)};
  };
  const auto& points = contention.cold_penalties(place(0, 0));
  std::vector<std::string> header{"ms more after idling"};
  for (const auto& point : points) header.push_back(fmt::format("{:g} ms", to_ms(point.idle)));
  report::Table table(header);
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    std::vector<std::string> row{setup.zoo.tasks[t].name};
    for (const auto& point : points) {
      Seconds extra{0};
      for (std::size_t i = 0; i < setup.zoo.tasks[t].stages(); ++i)
        extra += contention.cold_penalty(place(t, i), point.idle);
      row.push_back(fmt::format("{:.2f}", to_ms(extra)));
    }
    table.add(row);
  }
  fmt::print("\n{}", table.text());
}

// Of every task's stages beside those of every task on other processors: the mean slow-down.
void print_slowdowns(const cli::Setup& setup, const profile::Contention& contention) {
  std::vector<std::string> header{"slow-down beside"};
  for (const zoo::Task& task : setup.zoo.tasks) header.push_back(task.name);
  report::Table table(header);
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    std::vector<std::string> row{setup.zoo.tasks[t].name};
    for (std::size_t u = 0; u < setup.zoo.tasks.size(); ++u) {
      row.push_back(fmt::format("{:.3f}", contention.mean_slowdown(zoo::TaskId(t), zoo::TaskId(u))));
    }
    table.add(row);
  }
  fmt::print("\n{}a stage's time over its mean beside the same neighbour: p50 {:.3f}, p95 {:.3f}, p99 {:.3f}\n",
             table.text(), contention.variability(0.5), contention.variability(0.95), contention.variability(0.99));
}

void print_contention(const cli::Setup& setup, const profile::Contention& contention) {
  if (!contention.variability().empty()) print_slowdowns(setup, contention);  // else there is one processor only
  print_cold(setup, contention);
}

Status export_accuracy(const cli::Setup& setup, const profile::MeasureOptions& measuring,
                       const profile::Profile& profile) {
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    const zoo::TaskId task(t);
    const bool wanted = measuring.tasks.empty() ||
                        std::find(measuring.tasks.begin(), measuring.tasks.end(), task) != measuring.tasks.end();
    if (!wanted) continue;
    SL_ASSIGN_OR_RETURN(zoo::Zoo now, zoo::load_zoo(setup.zoo.root));  // the task before may have changed its list
    zoo::take_out_what_nothing_runs(now, soc::offered_providers(setup.soc));
    SL_RETURN_IF_ERROR(profile::ship(now, task, profile.task(task)));
    fmt::print("wrote {}\n", (setup.zoo.root / setup.zoo.tasks[t].name / "accuracy.csv").string());
  }
  return {};
}

// Options of the other mode would be ignored.
Status check_mode(const Options& options) {
  if (options.mode != "exhaustive" && options.mode != "estimate") {
    return unknown_name("--mode", options.mode, std::array{"exhaustive", "estimate"});
  }
  struct Given {
    std::string_view name;
    bool given;
    std::string_view mode;
  };
  const Given all[] = {{"--latency", options.latency, "exhaustive"},
                       {"--accuracy", options.accuracy, "exhaustive"},
                       {"--contention", options.contention, "exhaustive"},
                       {"--again", options.again, "exhaustive"},
                       {"--check", options.check, "exhaustive"},
                       {"--export-accuracy", options.export_accuracy, "exhaustive"},
                       {"--export-latency", !options.export_latency.empty(), "exhaustive"},
                       {"--budget", options.budget.has_value(), "estimate"},
                       {"--confidence", options.level.has_value(), "estimate"},
                       {"--estimator", options.estimator.has_value(), "estimate"},
                       {"--seed", options.seed.has_value(), "estimate"}};
  for (const Given& option : all) {
    if (!option.given || option.mode == options.mode) continue;
    return error(Code::kInvalidArgument, "{}: of --mode {} alone; the mode is {}", option.name, option.mode,
                 options.mode);
  }
  return {};
}

Status estimate(const Options& options, const cli::Setup& setup) {
  profile::EstimateOptions estimating;
  SL_ASSIGN_OR_RETURN(estimating.measuring, measure_options(options, setup));
  estimating.budget = options.budget.value_or(estimating.budget);
  estimating.level = options.level.value_or(estimating.level);
  estimating.seed = options.seed.value_or(estimating.seed);
  if (!(estimating.level >= 0.5 && estimating.level <= 0.99)) {
    return error(Code::kInvalidArgument, "--confidence: {}; 0.5 to 0.99 are allowed", estimating.level);
  }
  if (options.split != "profile" && options.split != "test" && options.split != "both") {
    return parse_split(options.split).status();
  }
  estimating.split = options.split == "test" ? profile::SplitName::kTest : profile::SplitName::kProfile;
  if (options.estimator) {
    const auto estimator = profile::parse_estimator(*options.estimator);
    if (!estimator.ok()) return estimator.status().with_context("--estimator");
    estimating.estimator = *estimator;
  }
  const auto estimated = profile::estimate(setup.zoo, setup.soc, *setup.runtime, *setup.pieces, estimating);
  if (!estimated.ok() && estimated.status().code() == Code::kCancelled) {
    return error(Code::kCancelled, "profile: stopped; the tasks that were finished are kept");
  }
  if (!estimated.ok()) {
    const bool usage = estimated.status().code() == Code::kInvalidArgument;
    return usage ? estimated.status().with_context("--budget") : estimated.status();
  }
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(
        options.json, report::estimate_json(setup.zoo, setup.soc, estimating.estimator, *estimated).dump(2) + "\n"));
  }
  report::print_estimates(setup.zoo, setup.soc, *estimated);
  return {};
}

void print_check(const cli::Setup& setup, const profile::ProfileCheck& check) {
  report::Table table({"processor", "now / profiled", "q1", "q3"});
  const auto add = [&](const std::string& name, const Quartiles<double>& ratio) {
    table.add(
        {name, fmt::format("{:.2f}", ratio.median), fmt::format("{:.2f}", ratio.q1), fmt::format("{:.2f}", ratio.q3)});
  };
  for (std::size_t p = 0; p < setup.soc.processors.size(); ++p) add(setup.soc.processors[p].name, check.processors[p]);
  add("all", check.overall);
  fmt::print("{}\n{}\n{}", setup.soc.name, report::describe(check), table.text());
}

// Measures nothing that is kept.
Status check(const Options& options, const cli::Setup& setup, profile::MeasureOptions measuring) {
  measuring.latency = measuring.contention = false;
  measuring.accuracy.clear();
  SL_ASSIGN_OR_RETURN(const profile::Measured known,
                      profile::measure(setup.zoo, setup.soc, *setup.runtime, *setup.pieces, measuring));
  if (profile::count_latencies(known.profile).measured == 0) {
    return error(Code::kFailedPrecondition, "{}: no latencies to check; measure them with: sparseloom profile",
                 known.database.string());
  }
  SL_ASSIGN_OR_RETURN(
      const profile::ProfileCheck found,
      profile::check_profile(
          setup.zoo, setup.soc, *setup.runtime, *setup.pieces, known.profile,
          {.compile_cache = measuring.compile_cache, .lock = measuring.lock, .control = measuring.control}));
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, report::check_json(setup.soc, found).dump(2) + "\n"));
  }
  print_check(setup, found);
  if (found.fits()) return {};
  std::fflush(stdout);
  return error(Code::kFailedPrecondition,
               "{}: does not fit: a processor is slower or faster by more than a factor of {}; delete it and run "
               "sparseloom profile, or let demo and run correct it",
               known.database.string(), profile::ProfileCheck::kFits);
}

Status run(const Options& options) {
  SL_RETURN_IF_ERROR(check_mode(options));
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(cli::check_writable("--export-latency", options.export_latency));
  SL_ASSIGN_OR_RETURN(const auto setup,
                      cli::make_setup(options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo), {},
                                      options.hybrid));
  if (options.mode == "estimate") return estimate(options, *setup);
  SL_ASSIGN_OR_RETURN(const profile::MeasureOptions measuring, measure_options(options, *setup));
  if (options.check) return check(options, *setup, measuring);
  const auto measured = profile::measure(setup->zoo, setup->soc, *setup->runtime, *setup->pieces, measuring);
  if (!measured.ok() && measured.status().code() == Code::kCancelled) {
    return error(Code::kCancelled, "profile: stopped; what was measured is kept, the same command goes on from there");
  }
  if (!measured.ok()) return measured.status();
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, to_json(options, *setup, *measured).dump(2) + "\n"));
  }
  print(*setup, *measured);
  if (options.contention) print_contention(*setup, measured->profile.contention);
  if (!options.export_latency.empty()) {
    SL_ASSIGN_OR_RETURN(const Json file, profile::soc_file_of(setup->zoo, setup->soc, measured->profile));
    SL_RETURN_IF_ERROR(write_file(options.export_latency, file.dump(1) + "\n"));
    fmt::print("wrote {}: this machine, for --soc elsewhere\n", options.export_latency);
  }
  return options.export_accuracy ? export_accuracy(*setup, measuring, measured->profile) : Status();
}

}  // namespace

std::function<Status()> add_profile(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--zoo", options->zoo, "folder of the zoo (default: zoos/demo)");
  command.add_flag("--latency", options->latency, "measure missing latencies");
  command.add_flag("--contention", options->contention,
                   "measure what neighbours, cold caches and latency variability add in service (docs/planning.md)");
  command.add_flag("--again", options->again, "measure again what was measured on a busy machine");
  CLI::Option* const check =
      command.add_flag("--check", options->check,
                       "measure nothing to be kept: say within seconds whether the latencies still fit this machine; "
                       "exit status 1 if not");
  command.add_flag("--no-wait", options->no_wait,
                   "fail if another process is measuring on this machine, instead of waiting for it");
  command.add_flag("--accuracy", options->accuracy, "measure stitched accuracies, also where the zoo ships them");
  command.add_flag("--export-accuracy", options->export_accuracy,
                   "write measured accuracies into the zoo, as <task>/accuracy.csv");
  command.add_option("--export-latency", options->export_latency,
                     "measure missing latencies, and write them and this machine's processors to this SoC file "
                     "(docs/soc-format.md)");
  command.add_flag("--hybrid", options->hybrid, std::string(cli::kHybridHelp));
  command.add_option("--split", options->split, "data for accuracies: profile, test or both");
  command.add_option("--task", options->tasks, "only this task (may be repeated)");
  command.add_option("--threads", options->threads, "workers for accuracies (default: one per CPU)")
      ->check(CLI::Range(1, cli::kMostThreads));
  command.add_option("--database", options->database, "profile database (default: per user, zoo and machine)");
  command.add_option("--mode", options->mode,
                     "exhaustive: every stitched variant is run; estimate: few are, the others' accuracy is estimated");
  command.add_option("--budget", options->budget,
                     "estimate: stitched variants run per task, originals included (default: 50)");
  command.add_option("--confidence", options->level,
                     "estimate: probability with which a picked variant keeps its lower bound (default: 0.9)");
  command.add_option("--estimator", options->estimator, "estimate: logits (default), or trees (the paper's)");
  command.add_option("--seed", options->seed, "estimate: random seed (default: 1)");
  command.add_option("--json", options->json, "also write the result to this file");
  for (const char* measuring :
       {"--latency", "--contention", "--again", "--accuracy", "--export-accuracy", "--export-latency"}) {
    check->excludes(command.get_option(measuring));
  }
  command.footer(
      "Without --latency, --accuracy, --contention, --again and --export-accuracy: latencies and accuracies that are "
      "missing. "
      "docs/estimators.md explains "
      "--mode "
      "estimate; with --split test it only tries the method and keeps nothing.");
  return [options] { return run(*options); };
}

}  // namespace sparseloom::apps
