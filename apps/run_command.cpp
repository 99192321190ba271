#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "apps/commands.h"
#include "apps/latency_json.h"
#include "apps/missed.h"
#include "apps/planned_workload.h"
#include "apps/table.h"
#include "sparseloom/base/file.h"
#include "sparseloom/run/report.h"

namespace sparseloom::apps {
namespace {

struct RunOptions {
  WorkloadOptions workload;
  std::string json, trace;
};

struct Data {
  std::vector<std::unique_ptr<zoo::Dataset>> splits;  // spans point into these
  std::vector<run::TaskSamples> samples;
};

Result<Data> load_data(const zoo::Zoo& zoo) {
  Data data;
  for (const zoo::Task& task : zoo.tasks) {
    SL_ASSIGN_OR_RETURN(zoo::Dataset split, zoo::Dataset::load(zoo, task, task.test));
    data.splits.push_back(std::make_unique<zoo::Dataset>(std::move(split)));
    data.samples.push_back(run::samples_of(*data.splits.back(), task.inputs.size()));
  }
  return data;
}

std::string percentiles(const std::optional<Seconds>& p50, const std::optional<Seconds>& p95,
                        const std::optional<Seconds>& p99) {
  if (!p50 || !p95 || !p99) return "-";
  return fmt::format("{:.2f} / {:.2f} / {:.2f}", to_ms(*p50), to_ms(*p95), to_ms(*p99));
}

// What the profile lets one expect of the same arrivals, beside what was measured.
void print_predicted(const simulate::Rehearsal& predicted, const run::SystemReport& measured) {
  Table table({"task", "predicted p50 / p95 / p99 ms", "measured"});
  for (std::size_t t = 0; t < measured.tasks.size(); ++t) {
    const run::TaskReport& task = measured.tasks[t];
    const simulate::Metrics& m = predicted.tasks[t];
    table.add({task.task, m.requests == 0 ? "-" : percentiles(m.p50, m.p95, m.p99),
               percentiles(task.p50, task.p95, task.p99)});
  }
  fmt::print("{}", table.text());
}

Json document_of(const PlannedWorkload& planned, const run::SystemReport& report,
                 const Result<simulate::Rehearsal>& predicted) {
  Json document = run::report_json(planned.slo.name, planned.setup->soc.name, {report}, !interrupted().load());
  if (!predicted.ok()) return document;
  Json& tasks = document["systems"][0]["tasks"];
  for (std::size_t t = 0; t < predicted->tasks.size(); ++t) {
    if (predicted->tasks[t].requests > 0) tasks[t]["predicted_latency_ms"] = latency_json(predicted->tasks[t]);
  }
  return document;
}

Status run_workload(const RunOptions& options) {
  SL_RETURN_IF_ERROR(refuse_modelled("run", options.workload.soc));
  SL_RETURN_IF_ERROR(check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(check_writable("--trace", options.trace));
  SL_ASSIGN_OR_RETURN(const PlannedWorkload planned, plan_workload(options.workload));
  const Setup& setup = *planned.setup;
  const sched::Workload& workload = planned.workload;
  SL_ASSIGN_OR_RETURN(const Data data, load_data(setup.zoo));

  run::Residency residency(*setup.runtime, setup.soc, *setup.pieces, setup.compile_cache);
  sched::TraceSink trace(setup.soc.processors.size());
  run::PlayerSetup player_setup{.zoo = setup.zoo,
                                .soc = setup.soc,
                                .residency = residency,
                                .samples = data.samples,
                                .engine = {.policy = workload.policy,
                                           .slots_per_task = planned.slots,
                                           .trace = options.trace.empty() ? nullptr : &trace},
                                .stop = &interrupted()};
  SL_ASSIGN_OR_RETURN(const auto player, run::Player::start(std::move(player_setup), planned.plan));
  fmt::print("Serving {}, policy {}\n", planned.title(), workload.policy);
  fmt::print("{}", describe_missed(setup.zoo, *planned.plan, planned.slo.slos));
  std::fflush(stdout);
  const std::vector<run::Record> records = player->play(workload, planned.slo.slos);

  const run::SystemReport report = run::make_report({.name = workload.planner,
                                                     .zoo = setup.zoo,
                                                     .soc = setup.soc,
                                                     .profile = planned.profile,
                                                     .plan = *planned.plan,
                                                     .slos = planned.slo.slos,
                                                     .samples = data.samples,
                                                     .records = records,
                                                     .throughput_qps = run::completed_per_second(records)});
  fmt::print("{}Peak memory {:.1f} MiB; latest send {:.3f} ms after it was due\n", run::format_report(report),
             to_mib(run::peak_resident_bytes()), to_ms(player->worst_lateness()));
  const Result<simulate::Rehearsal> predicted = rehearse(planned, workload.policy, nullptr);
  if (predicted.ok()) {
    print_predicted(*predicted, report);
  } else {
    fmt::print("Nothing predicted: {}\n", predicted.status().message());
  }
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, document_of(planned, report, predicted).dump(2) + "\n"));
  }
  if (!options.trace.empty()) {
    const auto names = sched::trace_names("sparseloom on " + setup.soc.name, setup.zoo, setup.soc);
    SL_RETURN_IF_ERROR(write_trace(options.trace, trace, names));
  }
  std::fflush(stdout);
  SL_RETURN_IF_ERROR(player->failures());
  return cancelled_if_interrupted();
}

}  // namespace

std::function<Status()> add_run(CLI::App& command) {
  auto options = std::make_shared<RunOptions>();
  add_workload_options(command, options->workload)->required();
  command.add_option(
      "--policy", options->workload.policy,
      fmt::format("scheduling policy, instead of the workload's: {}", fmt::join(sched::causal_policy_names(), ", ")));
  command.add_option("--json", options->json, "write the report here");
  command.add_option("--trace", options->trace, "write a Chrome/Perfetto trace here, one track per processor");
  return [options] { return run_workload(*options); };
}

}  // namespace sparseloom::apps
