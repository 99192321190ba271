#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "apps/run_models.h"
#include "cli/planned_workload.h"
#include "cli/test_data.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/engine/report.h"
#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/latency_json.h"
#include "sparseloom/report/missed.h"
#include "sparseloom/report/table.h"

namespace sparseloom::apps {
namespace {

struct RunOptions {
  cli::WorkloadOptions workload;
  std::string json, trace;
  double grace_s = 5;
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

Result<Predicted> predict(const cli::PlannedWorkload& planned, const std::vector<engine::Record>& records) {
  const std::size_t tasks = planned.setup->zoo.tasks.size();
  Rehearsed rehearsed(tasks);
  SL_ASSIGN_OR_RETURN(simulate::Rehearsal rehearsal, rehearse(planned, planned.workload.policy, &rehearsed));
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

Json document_of(const cli::PlannedWorkload& planned, const engine::SystemReport& report,
                 const Result<Predicted>& predicted) {
  Json document = engine::report_json(planned.slo.name, planned.setup->soc.name, {report}, !cli::interrupted().load());
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

Status run_workload(const RunOptions& options) {
  SL_RETURN_IF_ERROR(cli::refuse_modelled("run", options.workload.soc));
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(cli::check_writable("--trace", options.trace));
  SL_ASSIGN_OR_RETURN(const cli::PlannedWorkload planned, cli::plan_workload(options.workload));
  const cli::Setup& setup = *planned.setup;
  const sched::Workload& workload = planned.workload;
  SL_ASSIGN_OR_RETURN(const cli::TestData data, cli::load_test_data(setup.zoo));

  engine::Residency residency(*setup.runtime, setup.soc, *setup.pieces, setup.compile_cache);
  sched::TraceSink trace(setup.soc.processors.size());
  engine::PlayerSetup player_setup{.zoo = setup.zoo,
                                   .soc = setup.soc,
                                   .residency = residency,
                                   .samples = data.samples,
                                   .engine = {.policy = workload.policy,
                                              .slots_per_task = planned.slots,
                                              .trace = options.trace.empty() ? nullptr : &trace},
                                   .stop = &cli::interrupted(),
                                   .grace = Seconds(options.grace_s)};
  SL_ASSIGN_OR_RETURN(const auto player, engine::Player::start(std::move(player_setup), planned.plan));
  fmt::print("Serving {}, policy {}\n{}", planned.title(), workload.policy, report::accuracy_note(setup.zoo));
  fmt::print("{}", report::describe_missed(setup.zoo, *planned.plan, planned.slo.slos));
  std::fflush(stdout);
  const std::vector<engine::Record> records = player->play(workload, planned.slo.slos);

  const engine::SystemReport report = engine::make_report({.name = workload.planner,
                                                           .zoo = setup.zoo,
                                                           .soc = setup.soc,
                                                           .profile = planned.profile,
                                                           .plan = *planned.plan,
                                                           .slos = planned.slo.slos,
                                                           .samples = data.samples,
                                                           .records = records,
                                                           .throughput_qps = engine::completed_per_second(records)});
  fmt::print("{}Peak memory {:.1f} MiB; latest send {:.3f} ms after it was due\n", engine::format_report(report),
             to_mib(engine::peak_resident_bytes()), to_ms(player->worst_lateness()));
  if (cli::interrupted()) {
    fmt::print("Stopped: {} requests that had not completed {} s later were dropped\n", player->dropped(),
               options.grace_s);
  }
  const Result<Predicted> predicted = predict(planned, records);
  if (predicted.ok()) {
    print_predicted(*predicted, report);
    if (!planned.profile.contention.cold_known()) {
      fmt::print(
          "Predicted of stages that follow each other without a pause; what neighbours, idling and chance add is "
          "measured by: sparseloom profile --contention\n");
    }
  } else {
    fmt::print("Nothing predicted: {}\n", predicted.status().message());
  }
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, document_of(planned, report, predicted).dump(2) + "\n"));
  }
  if (!options.trace.empty()) {
    const auto names = sched::trace_names("sparseloom on " + setup.soc.name, setup.zoo, setup.soc);
    SL_RETURN_IF_ERROR(cli::write_trace(options.trace, trace, names));
  }
  std::fflush(stdout);
  SL_RETURN_IF_ERROR(player->failures());
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
  command.add_option("--memory", plain->memory_mib, "MiB that compiled models may take together")
      ->check(CLI::Range(0.001, 1e9))
      ->needs(model);
  command.add_flag("!--no-check", plain->check, cli::kNoCheckHelp);
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
    return run_models(*plain);
  };
}

}  // namespace sparseloom::apps
