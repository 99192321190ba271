#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>

#include "apps/commands.h"
#include "cli/planned_workload.h"
#include "cli/policies_option.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/names.h"
#include "sparseloom/report/latency_json.h"
#include "sparseloom/report/missed.h"
#include "sparseloom/report/table.h"
#include "sparseloom/simulate/benchmark.h"
#include "sparseloom/simulate/tracer.h"

namespace sparseloom::apps {
namespace {

struct SimulateOptions {
  std::string traces, requests, finish_csv;
  cli::WorkloadOptions workload;
  std::string json, trace;
  std::vector<std::string> policies;
  std::string admission;
  std::size_t processors = 1;
};

/// Where --trace goes, of a simulation of one policy.
class TraceFile {
 public:
  /// kInvalidArgument: several policies; and those of check_writable.
  static Status check(const std::string& path, const std::vector<std::string_view>& policies) {
    if (path.empty() || policies.size() <= 1) return cli::check_writable("--trace", path);
    return error(Code::kInvalidArgument, "--trace {}: shows one policy; got {} (give one with --policy)", path,
                 policies.size());
  }
  TraceFile(std::string path, std::size_t places) : path_(std::move(path)), sink_(places), tracer_(sink_) {}
  simulate::Observer* observer() { return path_.empty() ? nullptr : &tracer_; }
  Status write(const sched::TraceNames& names) const {
    return path_.empty() ? Status() : cli::write_trace(path_, sink_, names);
  }

 private:
  std::string path_;
  sched::TraceSink sink_;
  simulate::Tracer tracer_;
};

Result<simulate::Admission> parse_admission(const std::string& name, std::size_t processors) {
  if (name == "standard") return simulate::Admission::kStandard;
  if (name == "benchmark" || name.empty()) {
    if (processors == 1) return simulate::Admission::kBenchmark;
    if (name.empty()) return simulate::Admission::kStandard;
    return error(Code::kInvalidArgument, "--admission benchmark: defined for one processor; got --processors {}",
                 processors);
  }
  return unknown_name("--admission", name, std::array{"benchmark", "standard"});
}

sched::TraceNames trace_names(const simulate::Benchmark& benchmark, std::size_t processors) {
  sched::TraceNames names{"sparseloom, simulated", {}, {}};
  for (std::size_t p = 0; p < processors; ++p) names.places.push_back(fmt::format("processor {}", p));
  for (const std::string& model : benchmark.models()) names.tasks.push_back({model, {model}});
  return names;
}

void print_results(const std::vector<std::string_view>& policies, const std::vector<simulate::Metrics>& results) {
  report::Table table(
      {"policy", "violations %", "ANTT", "STP 1/s", "p50 ms", "p95 ms", "p99 ms", "busy %", "preemptions"});
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const simulate::Metrics& m = results[i];
    std::vector<std::string> busy;
    for (const double share : m.utilisation) busy.push_back(fmt::format("{:.1f}", 100 * share));
    table.add({std::string(policies[i]), fmt::format("{:.2f}", 100 * m.violation_rate()), fmt::format("{:.3f}", m.antt),
               fmt::format("{:.2f}", m.throughput), fmt::format("{:.2f}", to_ms(m.p50)),
               fmt::format("{:.2f}", to_ms(m.p95)), fmt::format("{:.2f}", to_ms(m.p99)),
               fmt::format("{}", fmt::join(busy, " ")), fmt::format("{}", m.preemptions)});
  }
  fmt::print("{}", table.text());
}

Json results_json(const std::vector<std::string_view>& policies, const std::vector<simulate::Metrics>& results) {
  Json document = Json::object();
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const simulate::Metrics& m = results[i];
    document[std::string(policies[i])] = {{"requests", m.requests},
                                          {"violation_rate", m.violation_rate()},
                                          {"antt", m.antt},
                                          {"stp_inf_per_s", m.throughput},
                                          {"latency_ms", report::latency_json(m)},
                                          {"utilisation", m.utilisation},
                                          {"preemptions", m.preemptions},
                                          {"decisions", m.stages}};
  }
  return document;
}

Status simulate_traces(const SimulateOptions& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--finish-csv", options.finish_csv));
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_ASSIGN_OR_RETURN(
      const std::vector<std::string_view> policies,
      cli::parse_policies(options.policies.empty() ? std::vector<std::string>{"all"} : options.policies));
  SL_RETURN_IF_ERROR(TraceFile::check(options.trace, policies));
  SL_ASSIGN_OR_RETURN(const simulate::Admission admission, parse_admission(options.admission, options.processors));
  cli::interrupted();
  SL_ASSIGN_OR_RETURN(const auto benchmark, simulate::Benchmark::load(options.traces));
  SL_ASSIGN_OR_RETURN(simulate::RequestFile requests, simulate::RequestFile::open(options.requests, *benchmark));
  std::optional<simulate::FinishTable> finish_table;
  if (!options.finish_csv.empty()) {
    SL_ASSIGN_OR_RETURN(simulate::FinishTable table, simulate::FinishTable::create(options.finish_csv, policies));
    finish_table.emplace(std::move(table));
  }
  simulate::Stage stage = cli::stage_for(*benchmark, options.processors);
  stage.admission = admission;
  TraceFile trace(options.trace, options.processors);
  SL_ASSIGN_OR_RETURN(const auto results,
                      simulate::compare_policies(stage, policies, requests,
                                                 {.finish_table = finish_table ? &*finish_table : nullptr,
                                                  .observer = trace.observer(),
                                                  .stop = &cli::interrupted()}));
  fmt::print("{} requests for {} models on {} simulated processor{}\n", results[0].requests, benchmark->models().size(),
             options.processors, options.processors == 1 ? "" : "s");
  print_results(policies, results);
  if (finish_table) SL_RETURN_IF_ERROR(finish_table->commit());
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, results_json(policies, results).dump(2) + "\n"));
  }
  return trace.write(trace_names(*benchmark, options.processors));
}

void print_tasks(const zoo::Zoo& zoo, const std::vector<std::string_view>& policies,
                 const std::vector<simulate::Rehearsal>& rehearsals) {
  report::Table table({"task", "policy", "requests", "violations", "p50 ms", "p95 ms", "p99 ms"});
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    for (std::size_t i = 0; i < policies.size(); ++i) {
      const simulate::Metrics& m = rehearsals[i].tasks[t];
      if (m.requests == 0) continue;
      table.add({zoo.tasks[t].name, std::string(policies[i]), fmt::format("{}", m.requests),
                 fmt::format("{}", m.violations), fmt::format("{:.2f}", to_ms(m.p50)),
                 fmt::format("{:.2f}", to_ms(m.p95)), fmt::format("{:.2f}", to_ms(m.p99))});
    }
  }
  fmt::print("{}", table.text());
}

Json rehearsals_json(const cli::Setup& setup, const std::vector<std::string_view>& policies,
                     const std::vector<simulate::Metrics>& results,
                     const std::vector<simulate::Rehearsal>& rehearsals) {
  Json document = results_json(policies, results);
  for (std::size_t i = 0; i < policies.size(); ++i) {
    Json& of_policy = document[std::string(policies[i])];
    of_policy["predicted"] = true;
    of_policy["modelled"] = setup.soc.modelled;
    of_policy["tasks"] = Json::array();
    for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
      const simulate::Metrics& m = rehearsals[i].tasks[t];
      Json task = {{"task", setup.zoo.tasks[t].name}, {"requests", m.requests}, {"violations", m.violations}};
      if (m.requests > 0) task["latency_ms"] = report::latency_json(m);
      of_policy["tasks"].push_back(std::move(task));
    }
  }
  return document;
}

std::string what_contention_adds(const profile::Contention& contention) {
  std::vector<std::string> parts;
  if (!contention.variability().empty()) parts.emplace_back("with latency variability and slowed by its neighbours");
  if (contention.cold_penalty_known()) parts.emplace_back("with the cold-cache penalty after idling");
  return parts.empty() ? "" : fmt::format(", {}, as measured", fmt::join(parts, ", "));
}

Status simulate_workload(const SimulateOptions& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_ASSIGN_OR_RETURN(std::vector<std::string_view> policies, cli::parse_policies(options.policies));
  SL_RETURN_IF_ERROR(TraceFile::check(options.trace, policies));
  SL_ASSIGN_OR_RETURN(const cli::PlannedWorkload planned, cli::plan_workload(options.workload));
  if (policies.empty()) policies.emplace_back(planned.workload.policy);
  const cli::Setup& setup = *planned.setup;
  TraceFile trace(options.trace, setup.soc.processors.places());
  std::vector<simulate::Rehearsal> rehearsals;
  std::vector<simulate::Metrics> results;
  for (const std::string_view policy : policies) {
    SL_ASSIGN_OR_RETURN(rehearsals.emplace_back(), rehearse(planned, policy, trace.observer()));
    results.push_back(rehearsals.back().all);
  }
  fmt::print("Rehearsing {}\n{}All times are predicted: every stage takes the profile's median{}\n",
             cli::title_of(planned.workload.name, setup.soc.name, planned.slo.name, planned.plan->planner),
             report::describe_missed(setup.zoo, *planned.plan, planned.slo.slos),
             what_contention_adds(planned.profile.contention));
  print_results(policies, results);
  print_tasks(setup.zoo, policies, rehearsals);
  if (!options.json.empty()) {
    const Json document = rehearsals_json(setup, policies, results, rehearsals);
    SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  }
  return trace.write(sched::trace_names("sparseloom, predicted for " + setup.soc.name, setup.zoo, setup.soc));
}

Status simulate_what_is_given(const SimulateOptions& options) {
  if (!options.workload.workload.empty()) return simulate_workload(options);
  if (!options.traces.empty()) return simulate_traces(options);
  return error(Code::kInvalidArgument,
               "nothing to simulate; allowed: --workload FILE, or --traces DIR with --requests FILE");
}

}  // namespace

std::function<Status()> add_simulate(CLI::App& command) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::Option* const workload = cli::add_workload_options(command, options->workload);
  CLI::Option* const traces = command.add_option(
      "--traces", options->traces, "folder of the benchmark's traces, a <model>.csv each (docs/simulate.md)");
  CLI::Option* const requests = command.add_option("--requests", options->requests, "the benchmark's request file");
  traces->needs(requests)->excludes(workload);
  requests->needs(traces)->excludes(workload);
  command.add_option("--processors", options->processors, "equal processors that play the traces")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->needs(traces);
  command
      .add_option("--admission", options->admission,
                  "of traces: benchmark: as published, the default on one processor; standard: on arrival")
      ->needs(traces);
  command.add_option("--finish-csv", options->finish_csv, "write finish times of traces here, a column per policy")
      ->needs(traces);
  command
      .add_option("--policy", options->policies,
                  fmt::format("policies to compare: {}; all: the ten of the benchmark, which traces are played under "
                              "by default (a workload: its own)",
                              fmt::join(sched::policy_names(), ", ")))
      ->delimiter(',');
  command.add_option("--json", options->json, "write the metrics here");
  command.add_option("--trace", options->trace, "write a Chrome/Perfetto trace here, of one policy");
  return [options] { return simulate_what_is_given(*options); };
}

}  // namespace sparseloom::apps
