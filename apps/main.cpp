#include <array>

#include "apps/commands.h"
#include "cli/program.h"

namespace {

using namespace sparseloom;

constexpr std::array kCommands{
    cli::CommandRow{"bench", "measure what sparseloom itself costs (sparseloom-bench)", apps::add_bench},
    cli::CommandRow{"cut", "cut a model into parts, verify the chain against the whole model", apps::add_cut},
    cli::CommandRow{"demo", "serve four DNNs at once within their bounds, beside systems without stitching",
                    apps::add_demo},
    cli::CommandRow{"eval", "play every system against each other over the grid of SLOs, and report", apps::add_eval},
    cli::CommandRow{"operators", "list what the operators of a model read, compute and leave zero",
                    apps::add_operators},
    cli::CommandRow{"place", "choose which processors run which operators of one model (modelled machines)",
                    apps::add_place},
    cli::CommandRow{"plan", "choose variants and placements for an SLO configuration, and say why", apps::add_plan},
    cli::CommandRow{"profile", "measure every subgraph's latency and every stitched variant's accuracy",
                    apps::add_profile},
    cli::CommandRow{"run", "serve a workload file, in real time", apps::add_run},
    cli::CommandRow{"simulate", "play requests under scheduling policies on a virtual clock", apps::add_simulate},
    cli::CommandRow{"soc", "list this or a modelled machine's processors, or check the model", apps::add_soc},
    cli::CommandRow{"stitch", "evaluate one stitched variant: accuracy, latency per placement", apps::add_stitch},
    cli::CommandRow{"sweep", "compare scheduling policies over loads, bounds and seeds, simulated", apps::add_sweep},
    cli::CommandRow{"zoo", "list or verify a zoo of model variants", apps::add_zoo},
    cli::CommandRow{"version", "print the versions of sparseloom and its runtimes", apps::add_version},
};

}  // namespace

int main(int argc, char** argv) {
  return cli::run_program("sparseloom",
                          "Serves many DNNs on one system-on-chip within each one's latency and accuracy bound.",
                          kCommands, argc, argv);
}
