#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "apps/run_models.h"
#include "cli/memory_option.h"
#include "cli/planned_workload.h"
#include "cli/server.h"
#include "cli/test_data.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/engine/report.h"
#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/latency_json.h"
#include "sparseloom/report/missed.h"
#include "sparseloom/report/table.h"
#include "sparseloom/server.h"
#include "sparseloom/simulate/rehearsal.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::apps {
namespace {

struct RunOptions {
  cli::WorkloadOptions workload;
  std::string plan, memory, json, trace;
  double grace_s = 5;
  bool adapt = true, check = true;
};

std::string percentiles(const std::optional<Seconds>& p50, const std::optional<Seconds>& p95,
                        const std::optional<Seconds>& p99) {
  if (!p50 || !p95 || !p99) return "-";
  return fmt::format("{:.2f} / {:.2f} / {:.2f}", to_ms(*p50), to_ms(*p95), to_ms(*p99));
}

// What one request took from its arrival, predicted or measured.
struct Response {
  Seconds arrival{0};
  std::optional<Seconds> time;  // none: not served
};

// Of every task, in order of arrival.
using Responses = std::vector<std::vector<Response>>;

// Keeps the responses of a rehearsal.
struct Rehearsed final : simulate::Observer {
  explicit Rehearsed(std::size_t tasks) : responses(tasks) {}
  void ran(const sched::Request&, const sched::Dispatch&, Seconds, Seconds, bool) override {}
  void finished(const simulate::Query& query, Seconds at) override {
    const sched::Request& request = query.request;
    responses[request.task.index()].push_back({request.arrival, at - request.arrival});
  }
  Responses responses;
};

Responses measured_responses(std::size_t tasks, const std::vector<engine::Record>& records) {
  Responses responses(tasks);
  for (const engine::Record& record : records) {
    const auto time = record.served() ? std::optional(record.finished - record.arrival) : std::nullopt;
    responses[record.task.index()].push_back({record.arrival, time});
  }
  return responses;
}

// Measured minus predicted, request by request: the same one is the one that arrived as the same of its task. Of a
// closed loop, whose arrivals follow from its answers, only as many as both have are compared.
std::vector<Quartiles<Seconds>> errors_of(Responses predicted, Responses measured) {
  std::vector<Quartiles<Seconds>> errors;
  for (std::size_t t = 0; t < predicted.size(); ++t) {
    for (auto* responses : {&predicted[t], &measured[t]}) {
      std::stable_sort(responses->begin(), responses->end(),
                       [](const Response& a, const Response& b) { return a.arrival < b.arrival; });
    }
    std::vector<Seconds> differences;
    for (std::size_t r = 0; r < std::min(predicted[t].size(), measured[t].size()); ++r) {
      if (measured[t][r].time) differences.push_back(*measured[t][r].time - *predicted[t][r].time);
    }
    errors.push_back(quartiles(std::move(differences)));
  }
  return errors;
}

// What the profile lets one expect of the same arrivals.
struct Predicted {
  simulate::Rehearsal rehearsal;
  std::vector<Quartiles<Seconds>> errors;  // by task
};

// Under the plan that serves to begin with; `slos`: those that are played for.
Result<Predicted> predict(const ServerView& view, const sched::Workload& workload, const std::vector<plan::Slo>& slos,
                          std::size_t slots, const std::vector<engine::Record>& records) {
  const std::size_t tasks = view.zoo.tasks.size();
  Rehearsed rehearsed(tasks);
  SL_ASSIGN_OR_RETURN(simulate::Rehearsal rehearsal, simulate::rehearse({.workload = workload,
                                                                         .slos = slos,
                                                                         .plan = view.plan,
                                                                         .pools = view.soc.pools(),
                                                                         .slots_per_task = slots,
                                                                         .contention = &view.profile.contention,
                                                                         .seed = workload.seed,
                                                                         .observer = &rehearsed,
                                                                         .stop = &cli::interrupted()},
                                                                        workload.policy));
  return Predicted{std::move(rehearsal), errors_of(std::move(rehearsed.responses), measured_responses(tasks, records))};
}

void print_predicted(const Predicted& predicted, const engine::SystemReport& measured) {
  report::Table table(
      {"task", "predicted p50 / p95 / p99 ms", "measured", "measured - predicted, by request: q1 / median / q3"});
  for (std::size_t t = 0; t < measured.tasks.size(); ++t) {
    const engine::TaskReport& task = measured.tasks[t];
    const simulate::Metrics& m = predicted.rehearsal.tasks[t];
    const Quartiles<Seconds>& e = predicted.errors[t];
    const bool none = m.requests == 0;
    table.add({task.task, none ? "-" : percentiles(m.p50, m.p95, m.p99), percentiles(task.p50, task.p95, task.p99),
               none ? "-" : percentiles(e.q1, e.median, e.q3)});
  }
  fmt::print("{}", table.text());
}

Json document_of(std::string_view slo, const ServerView& view, const engine::SystemReport& report,
                 const Result<Predicted>& predicted, const Metrics& metrics) {
  Json document = engine::report_json(std::string(slo), view.soc.name, {report}, !cli::interrupted().load());
  document["replans"] = metrics.replans;
  document["replans_undone"] = metrics.undone;
  document["resident_bytes"] = metrics.resident.count;
  if (!predicted.ok()) return document;
  Json& tasks = document["systems"][0]["tasks"];
  for (std::size_t t = 0; t < predicted->errors.size(); ++t) {
    const simulate::Metrics& m = predicted->rehearsal.tasks[t];
    const Quartiles<Seconds>& e = predicted->errors[t];
    if (m.requests == 0) continue;
    tasks[t]["predicted_latency_ms"] = report::latency_json(m);
    tasks[t]["prediction_error_ms"] = {{"q1", to_ms(e.q1)}, {"median", to_ms(e.median)}, {"q3", to_ms(e.q3)}};
  }
  return document;
}

Result<ServerOptions> server_options(const RunOptions& options, const sched::Workload& workload, const zoo::Zoo& zoo) {
  ServerOptions wanted;
  wanted.zoo = cli::zoo_folder(options.workload);
  wanted.slo_config = workload.slo_config;
  for (std::size_t t = 0; t < workload.slos.size(); ++t) {
    if (!workload.slos[t]) continue;
    wanted.slos[zoo.tasks[t].name] = {.accuracy = workload.slos[t]->accuracy, .latency = workload.slos[t]->latency};
  }
  SL_ASSIGN_OR_RETURN(wanted.memory, cli::parse_memory(options.memory));
  wanted.plan = options.plan;
  wanted.planner = workload.planner;
  wanted.expected_load = cli::expected_load(options.workload, workload);
  wanted.providers = options.workload.providers;
  wanted.gangs = !options.workload.no_gangs;
  wanted.hybrid = options.workload.hybrid;
  wanted.policy = workload.policy;
  wanted.slots_per_task = options.workload.slots;
  wanted.adapt = options.adapt;
  wanted.check_profile = options.check;
  wanted.grace = Seconds(options.grace_s);
  wanted.trace = !options.trace.empty();
  cli::attach_terminal(wanted);
  return wanted;
}

// What the server goes by, and what is played for.
std::vector<plan::Slo> slos_of(const Server& server) {
  std::vector<plan::Slo> slos;
  for (const TaskInfo& task : server.tasks()) {
    slos.push_back({.accuracy = task.slo.accuracy.value_or(0), .latency = task.slo.latency.value()});
  }
  return slos;
}

void print_after(const Metrics& metrics, Seconds worst_lateness) {
  fmt::print(
      "Peak memory {:.1f} MiB, of which compiled subgraphs {:.1f} MiB{}; latest send {:.3f} ms after it was due\n",
      to_mib(engine::peak_resident_bytes()), to_mib(metrics.resident),
      metrics.budget ? fmt::format(" of {:.1f} MiB", to_mib(*metrics.budget)) : "", to_ms(worst_lateness));
  if (metrics.replans > 0) {
    fmt::print(
        "Re-planned {} time{} because stages took longer or shorter than profiled, {} of them undone; the table shows "
        "the "
        "last plan\n",
        metrics.replans, metrics.replans == 1 ? "" : "s", metrics.undone);
  }
}

Status run_workload(const RunOptions& options) {
  SL_RETURN_IF_ERROR(cli::refuse_modelled("run", options.workload.soc));
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(cli::check_writable("--trace", options.trace));
  SL_RETURN_IF_ERROR(cli::parse_providers("--provider", options.workload.providers).status());
  SL_ASSIGN_OR_RETURN(const zoo::Zoo zoo, cli::load_zoo(cli::zoo_folder(options.workload)));
  SL_ASSIGN_OR_RETURN(const sched::Workload workload, cli::read_workload(options.workload, zoo));
  SL_ASSIGN_OR_RETURN(ServerOptions wanted, server_options(options, workload, zoo));
  SL_ASSIGN_OR_RETURN(Server server, Server::open(std::move(wanted)));
  SL_ASSIGN_OR_RETURN(const cli::TestData data, cli::load_test_data(zoo));

  const ServerView first = server.view();
  const std::vector<plan::Slo> slos = slos_of(server);
  const std::string slo = options.plan.empty() ? workload.slo_config : options.plan;
  fmt::print("Serving {}, policy {}\n{}", cli::title_of(workload.name, first.soc.name, slo, first.plan->planner),
             workload.policy, report::accuracy_note(first.zoo));
  fmt::print("{}", report::describe_missed(first.zoo, *first.plan, slos));
  std::fflush(stdout);
  cli::ServerPlayer player(server, data.samples, &cli::interrupted(), Seconds(options.grace_s));
  const std::vector<engine::Record> records = player.play(workload, slos);
  static_cast<void>(server.stop(Seconds(options.grace_s)));

  const ServerView last = server.view();
  const Metrics metrics = server.metrics();
  const engine::SystemReport report = engine::make_report({.name = last.plan->planner,
                                                           .zoo = last.zoo,
                                                           .soc = last.soc,
                                                           .profile = last.profile,
                                                           .plan = *last.plan,
                                                           .slos = slos,
                                                           .samples = data.samples,
                                                           .records = records,
                                                           .throughput_qps = engine::completed_per_second(records)});
  fmt::print("{}", engine::format_report(report));
  print_after(metrics, player.worst_lateness());
  if (cli::interrupted()) {
    fmt::print("Stopped: {} requests that had not completed {} s later were dropped\n", player.dropped(),
               options.grace_s);
  }
  const Result<Predicted> predicted = predict(first, workload, slos, options.workload.slots, records);
  if (predicted.ok()) {
    print_predicted(*predicted, report);
    if (!first.profile.contention.cold_penalty_known()) {
      fmt::print(
          "Predicted of stages that follow each other without a pause; what neighbours, idling and chance add is "
          "measured by: sparseloom profile --contention\n");
    }
  } else {
    fmt::print("Nothing predicted: {}\n", predicted.status().message());
  }
  if (!options.json.empty()) {
    const Json document = document_of(slo, first, report, predicted, metrics);
    SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  }
  if (!options.trace.empty()) {
    SL_RETURN_IF_ERROR(server.write_trace(options.trace));
    cli::say_where_the_trace_is(options.trace);
  }
  std::fflush(stdout);
  SL_RETURN_IF_ERROR(player.failures());
  return cli::cancelled_if_interrupted();
}

}  // namespace

std::function<Status()> add_run(CLI::App& command) {
  auto options = std::make_shared<RunOptions>();
  auto plain = std::make_shared<RunModelsOptions>();
  CLI::Option* const workload = cli::add_workload_options(command, options->workload);
  CLI::Option* const model =
      command.add_option("--model", plain->models, "serve this model file as it is: NAME=FILE (may be repeated)")
          ->excludes(workload);
  command.add_option("--shape", plain->shapes, "static shape of a dynamic input: NAME.INPUT=1,3,224,224")->needs(model);
  command.add_option("--latency", plain->latencies, "latency bound of a model: NAME=MILLISECONDS")->needs(model);
  command
      .add_option("--input", plain->inputs,
                  "samples of an input, served in turn: NAME.INPUT=FILE.npy, or NAME=FILE.npy for the only one")
      ->needs(model);
  command.add_option("--outputs", plain->outputs, "write every output of every answer into this folder")->needs(model);
  command.add_option("--requests", plain->requests, "of each model (default: one per sample)")
      ->check(CLI::Range(1, 10'000'000))
      ->needs(model);
  command.add_option("--plan", options->plan, "serve this plan file first (docs/plan-format.md), within its bounds")
      ->needs(workload);
  command.add_option("--memory", options->memory,
                     "what compiled subgraphs may take together, in bytes or as 20MiB (default: no limit)");
  command.add_flag("!--no-adapt", options->adapt, "keep to the plan, however long stages take");
  command.add_flag("!--no-check", options->check, cli::kNoCheckHelp);
  command.add_option(
      "--policy", options->workload.policy,
      fmt::format("scheduling policy, instead of the workload's: {}", fmt::join(sched::causal_policy_names(), ", ")));
  command.add_option("--json", options->json, "write the report here");
  command
      .add_option(
          "--grace", options->grace_s,
          "seconds that requests have to complete when the run is stopped (Ctrl-C, SIGTERM); others are dropped")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command.add_option("--trace", options->trace, "write a Chrome/Perfetto trace here, one track per processor");
  return [options, plain]() -> Status {
    if (plain->models.empty() && options->workload.workload.empty()) {
      return error(Code::kInvalidArgument, "run: nothing to serve; give --workload FILE, or --model NAME=FILE");
    }
    if (plain->models.empty()) return run_workload(*options);
    plain->policy = options->workload.policy;
    plain->json = options->json;
    plain->trace = options->trace;
    plain->memory = options->memory;
    plain->adapt = options->adapt;
    plain->check = options->check;
    plain->grace_s = options->grace_s;
    return run_models(*plain);
  };
}

}  // namespace sparseloom::apps
