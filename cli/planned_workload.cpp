#include "cli/planned_workload.h"

#include <fmt/format.h>

#include "sparseloom/sched/standard_workloads.h"

namespace sparseloom::cli {
namespace {

// What the command line says replaces what the workload file says; its mistakes are mistakes of usage.
Status apply(const WorkloadOptions& options, sched::Workload& workload) {
  if (!options.planner.empty()) workload.planner = options.planner;
  if (!options.policy.empty()) workload.policy = options.policy;
  SL_RETURN_IF_ERROR(plan::find_planner(workload.planner).status());
  return sched::make_policy(workload.policy, 1).status();
}

}  // namespace

CLI::Option* add_workload_options(CLI::App& command, WorkloadOptions& options) {
  CLI::Option* const workload =
      command.add_option("--workload", options.workload, "workload file (docs/workload-format.md)");
  command.add_option("--zoo", options.zoo, "folder of the zoo to serve (default: zoos/demo)")->needs(workload);
  command.add_option("--soc", options.soc, kSocHelp)->needs(workload);
  command.add_option("--planner", options.planner, "planner, instead of the workload's")->needs(workload);
  command
      .add_option("--plan-for", options.plan_for,
                  "requests that planner sparseloom expects: episodes, or workload (others of its kind)")
      ->check(CLI::IsMember({"episodes", "workload"}))
      ->capture_default_str()
      ->needs(workload);
  command.add_option("--provider,--backend", options.providers, provider_help())->needs(workload);
  command.add_flag("--no-gangs", options.no_gangs, std::string(kNoGangsHelp))->needs(workload);
  command.add_flag("--hybrid", options.hybrid, std::string(kHybridHelp))->needs(workload);
  command
      .add_option("--slots", options.slots, "requests of one task in flight at once; more wait in the admission queue")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->needs(workload);
  return workload;
}

std::filesystem::path zoo_folder(const WorkloadOptions& options) {
  return options.zoo.empty() ? default_zoo() : std::filesystem::path(options.zoo);
}

Result<sched::Workload> read_workload(const WorkloadOptions& options, const zoo::Zoo& zoo) {
  SL_ASSIGN_OR_RETURN(sched::Workload workload, sched::load_workload(options.workload, zoo));
  if (workload.name.empty()) workload.name = options.workload;
  SL_RETURN_IF_ERROR(apply(options, workload));
  return workload;
}

std::shared_ptr<const plan::Load> expected_load(const WorkloadOptions& options, const sched::Workload& workload) {
  if (options.plan_for != "workload" || !sched::any_open_loop_arrival(workload)) return nullptr;
  return std::make_shared<const plan::Load>(sched::load_of(workload));
}

std::string title_of(std::string_view workload, std::string_view machine, std::string_view slo,
                     std::string_view planner) {
  return fmt::format("workload '{}' on {}: SLOs {}, planner {}", workload, machine, slo, planner);
}

Result<PlannedWorkload> plan_workload(const WorkloadOptions& options) {
  SL_ASSIGN_OR_RETURN(const auto providers, parse_providers("--provider", options.providers));
  interrupted();
  PlannedWorkload planned;
  planned.slots = options.slots;
  SL_ASSIGN_OR_RETURN(planned.setup, make_setup(zoo_folder(options), options.soc, options.hybrid));
  const Setup& setup = *planned.setup;
  SL_ASSIGN_OR_RETURN(planned.workload, read_workload(options, setup.zoo));
  SL_ASSIGN_OR_RETURN(const soc::Soc soc, soc_for_plans(setup.soc, providers, options.no_gangs));
  SL_ASSIGN_OR_RETURN(planned.profile, read_profile(setup));
  SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(setup.zoo, setup.soc, planned.profile));
  SL_ASSIGN_OR_RETURN(planned.slo, sched::workload_slos(planned.workload, ranges));
  SL_ASSIGN_OR_RETURN(const plan::Planner* const planner, plan::find_planner(planned.workload.planner));
  plan::Problem problem{setup.zoo, soc, planned.profile, planned.slo};
  const auto load = expected_load(options, planned.workload);
  problem.load = load.get();
  SL_ASSIGN_OR_RETURN(plan::Plan plan, planner->plan(problem));
  for (const plan::TaskPlan& task : plan.tasks) {
    if (!task.shared) continue;
    return error(Code::kFailedPrecondition,
                 "planner '{}': leaves it to the operating system what runs when; a workload is served by workers with "
                 "cores of their own, under any other planner",
                 plan.planner);
  }
  planned.plan = std::make_shared<const plan::Plan>(std::move(plan));
  return planned;
}

Result<simulate::Rehearsal> rehearse(const PlannedWorkload& planned, std::string_view policy,
                                     simulate::Observer* observer) {
  return simulate::rehearse({.workload = planned.workload,
                             .slos = planned.slo.slos,
                             .plan = planned.plan,
                             .pools = planned.setup->soc.pools(),
                             .slots_per_task = planned.slots,
                             .contention = &planned.profile.contention,
                             .seed = planned.workload.seed,
                             .observer = observer,
                             .stop = &interrupted()},
                            policy);
}

}  // namespace sparseloom::cli
