#include <fmt/format.h>

#include <memory>

#include "apps/commands.h"
#include "apps/missed.h"
#include "apps/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/run/report.h"
#include "sparseloom/sched/workload.h"

namespace sparseloom::apps {
namespace {

struct RunOptions {
  std::string zoo, workload, planner, policy, json, trace;
  std::vector<std::string> backends;
  std::size_t slots = 4;
};

// What the command line says replaces what the workload file says; its mistakes are mistakes of usage.
Status apply(const RunOptions& options, sched::Workload& workload) {
  if (!options.planner.empty()) workload.planner = options.planner;
  if (!options.policy.empty()) workload.policy = options.policy;
  SL_RETURN_IF_ERROR(plan::find_planner(workload.planner).status());
  return sched::make_policy(workload.policy, 1).status();
}

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

Status run_workload(const RunOptions& options) {
  SL_RETURN_IF_ERROR(check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(check_writable("--trace", options.trace));
  SL_ASSIGN_OR_RETURN(const auto backends, parse_backends("--backend", options.backends));
  interrupted();
  SL_ASSIGN_OR_RETURN(const auto setup,
                      make_setup(options.zoo.empty() ? default_zoo() : std::filesystem::path(options.zoo)));
  SL_ASSIGN_OR_RETURN(sched::Workload workload, sched::load_workload(options.workload, setup->zoo));
  SL_RETURN_IF_ERROR(apply(options, workload));
  SL_ASSIGN_OR_RETURN(const soc::Soc soc, confined_to(setup->soc, backends));
  profile::EnsureOptions ensure;
  ensure.compile_cache = setup->compile_cache;
  ensure.control = {progress_line(), &interrupted()};
  SL_ASSIGN_OR_RETURN(const profile::Profile profile,
                      profile::ensure_profile(setup->zoo, setup->soc, *setup->runtime, *setup->pieces, ensure));
  SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(setup->zoo, setup->soc, profile));
  SL_ASSIGN_OR_RETURN(const plan::SloConfig slo, sched::workload_slos(workload, ranges));
  SL_ASSIGN_OR_RETURN(const plan::Planner* const planner, plan::find_planner(workload.planner));
  SL_ASSIGN_OR_RETURN(plan::Plan chosen, planner->plan({setup->zoo, soc, profile, slo}));
  const auto plan = std::make_shared<const plan::Plan>(std::move(chosen));
  SL_ASSIGN_OR_RETURN(const Data data, load_data(setup->zoo));

  run::Residency residency(*setup->runtime, setup->soc, *setup->pieces, setup->compile_cache);
  sched::TraceSink trace(setup->soc.processors.size());
  run::PlayerSetup player_setup{.zoo = setup->zoo,
                                .soc = setup->soc,
                                .residency = residency,
                                .samples = data.samples,
                                .engine = {.policy = workload.policy,
                                           .slots_per_task = options.slots,
                                           .trace = options.trace.empty() ? nullptr : &trace},
                                .stop = &interrupted()};
  SL_ASSIGN_OR_RETURN(const auto player, run::Player::start(std::move(player_setup), plan));
  fmt::print("Serving workload '{}' on {}: SLOs {}, planner {}, policy {}\n",
             workload.name.empty() ? options.workload : workload.name, setup->soc.name, slo.name, workload.planner,
             workload.policy);
  fmt::print("{}", describe_missed(setup->zoo, *plan, slo.slos));
  std::fflush(stdout);
  const std::vector<run::Record> records = player->play(workload, slo.slos);

  const run::SystemReport report = run::make_report({.name = workload.planner,
                                                     .zoo = setup->zoo,
                                                     .soc = setup->soc,
                                                     .profile = profile,
                                                     .plan = *plan,
                                                     .slos = slo.slos,
                                                     .samples = data.samples,
                                                     .records = records,
                                                     .throughput_qps = run::completed_per_second(records)});
  fmt::print("{}Peak memory {:.1f} MiB; latest send {:.3f} ms after it was due\n", run::format_report(report),
             to_mib(run::peak_resident_bytes()), to_ms(player->worst_lateness()));
  if (!options.json.empty()) {
    const Json document = run::report_json(slo.name, setup->soc.name, {report}, !interrupted().load());
    SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  }
  if (!options.trace.empty()) {
    const auto names = sched::trace_names("sparseloom on " + setup->soc.name, setup->zoo, setup->soc);
    SL_RETURN_IF_ERROR(write_trace(options.trace, trace, names));
  }
  std::fflush(stdout);
  SL_RETURN_IF_ERROR(player->failures());
  return cancelled_if_interrupted();
}

}  // namespace

std::function<Status()> add_run(CLI::App& command) {
  auto options = std::make_shared<RunOptions>();
  command.add_option("--zoo", options->zoo, "folder of the zoo to serve (default: zoos/demo)");
  command.add_option("--workload", options->workload, "workload file (docs/workload-format.md)")->required();
  command.add_option("--planner", options->planner, "planner, instead of the workload's");
  command.add_option("--backend", options->backends, kBackendHelp);
  command.add_option("--policy", options->policy, "scheduling policy, instead of the workload's: fcfs or edf");
  command
      .add_option("--slots", options->slots, "requests of one task that may be inside at once; more wait at the door")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the report here");
  command.add_option("--trace", options->trace, "write a Chrome/Perfetto trace here, one track per processor");
  return [options] { return run_workload(*options); };
}

}  // namespace sparseloom::apps
