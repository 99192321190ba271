#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/setup.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/sched/workload.h"
#include "sparseloom/simulate/rehearsal.h"

namespace sparseloom::cli {

/// What the command line says of a workload to be served or rehearsed.
struct WorkloadOptions {
  std::string zoo;
  std::string soc;
  std::string workload;
  std::string planner;  ///< instead of the workload's, if not empty; so is the policy
  std::string policy;
  std::vector<std::string> providers;
  bool no_gangs = false;
  bool hybrid = false;
  std::string plan_for = "episodes";
  std::size_t slots = 4;
};

/// Adds --workload, and --zoo, --soc, --planner, --plan-for, --provider, --no-gangs, --hybrid and --slots, which need
/// it. Returns
/// --workload.
CLI::Option* add_workload_options(CLI::App& command, WorkloadOptions& options);

/// The zoo that --zoo names.
std::filesystem::path zoo_folder(const WorkloadOptions& options);

/// The workload that --workload names, with the planner and policy of the command line. Errors: those of
/// sched::load_workload; kInvalidArgument for a planner or policy that does not exist.
Result<sched::Workload> read_workload(const WorkloadOptions& options, const zoo::Zoo& zoo);

/// What --plan-for says that plans expect; null: episodes.
std::shared_ptr<const plan::Load> expected_load(const WorkloadOptions& options, const sched::Workload& workload);

/// A headline: the workload, the machine, SLOs and planner.
std::string title_of(std::string_view workload, std::string_view machine, std::string_view slo,
                     std::string_view planner);

/// A workload with the plan that serves it.
struct PlannedWorkload {
  std::unique_ptr<Setup> setup;
  sched::Workload workload;  ///< with the planner and policy of the command line
  profile::Profile profile;
  plan::SloConfig slo;
  std::shared_ptr<const plan::Plan> plan;
  std::size_t slots = 0;
};

/// Loads zoo and workload, measures what the profile lacks (on a modelled machine: models it), and plans. Mistakes on
/// the command line are found first.
Result<PlannedWorkload> plan_workload(const WorkloadOptions& options);

/// Plays the workload on the virtual clock, under its plan. `observer` may be nullptr.
Result<simulate::Rehearsal> rehearse(const PlannedWorkload& planned, std::string_view policy,
                                     simulate::Observer* observer);

}  // namespace sparseloom::cli
