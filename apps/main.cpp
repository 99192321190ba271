#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <exception>

#include "apps/commands.h"

namespace {

using namespace sparseloom;

struct CommandRow {
  const char* name;
  const char* help;
  apps::AddCommand add;
};

constexpr std::array kCommands{
    CommandRow{"bench", "measure what the engine itself costs", apps::add_bench},
    CommandRow{"cut", "cut a model into parts, verify the chain against the whole model", apps::add_cut},
    CommandRow{"demo", "serve four DNNs at once within their bounds, beside systems without stitching", apps::add_demo},
    CommandRow{"eval", "play every system against each other over the grid of SLOs, and report", apps::add_eval},
    CommandRow{"plan", "choose variants and placements for an SLO configuration, and say why", apps::add_plan},
    CommandRow{"profile", "measure every subgraph's latency and every stitched variant's accuracy", apps::add_profile},
    CommandRow{"run", "serve a workload file, in real time", apps::add_run},
    CommandRow{"simulate", "play requests under scheduling policies on a virtual clock", apps::add_simulate},
    CommandRow{"soc", "list this or a modelled machine's processors, or check the model", apps::add_soc},
    CommandRow{"stitch", "evaluate one stitched variant: accuracy, latency per placement", apps::add_stitch},
    CommandRow{"sweep", "compare scheduling policies over loads, bounds and seeds, simulated", apps::add_sweep},
    CommandRow{"zoo", "list or verify a zoo of model variants", apps::add_zoo},
    CommandRow{"version", "print the versions of sparseloom and its runtimes", apps::add_version},
};

int report(const Status& status) {
  if (!status.ok()) fmt::print(stderr, "sparseloom: {}\n", status.message());
  return exit_status(status.code());
}

int run(int argc, char** argv) {
  CLI::App app("Serves many DNNs on one system-on-chip within each one's latency and accuracy bound.", "sparseloom");
  app.require_subcommand(1);
  std::array<std::pair<CLI::App*, std::function<Status()>>, kCommands.size()> commands;
  for (std::size_t i = 0; i < kCommands.size(); ++i) {
    CLI::App* command = app.add_subcommand(kCommands[i].name, kCommands[i].help);
    commands[i] = {command, kCommands[i].add(*command)};
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help
    return report(error(Code::kInvalidArgument, "{} (see sparseloom --help)", e.what()));
  }
  for (const auto& [command, action] : commands) {
    if (command->parsed()) return report(action());
  }
  return report(error(Code::kInternal, "no command ran"));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {  // a bug of ours or of a library: still one line and a status
    return report(error(Code::kInternal, "unexpected failure: {}", e.what()));
  }
}
