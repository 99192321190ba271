// apps: the command line. One file per command; each reads its options and composes the layers. No logic that a library
// user would want lives here.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

// Each is a cli::AddCommand in its own file, <name>_command.cpp; the table in main.cpp lists them.
std::function<Status()> add_bench(CLI::App& command);
std::function<Status()> add_cut(CLI::App& command);
std::function<Status()> add_demo(CLI::App& command);
std::function<Status()> add_eval(CLI::App& command);
std::function<Status()> add_operators(CLI::App& command);
std::function<Status()> add_place(CLI::App& command);
std::function<Status()> add_plan(CLI::App& command);
std::function<Status()> add_profile(CLI::App& command);
std::function<Status()> add_run(CLI::App& command);
std::function<Status()> add_simulate(CLI::App& command);
std::function<Status()> add_soc(CLI::App& command);
std::function<Status()> add_stitch(CLI::App& command);
std::function<Status()> add_sweep(CLI::App& command);
std::function<Status()> add_version(CLI::App& command);
std::function<Status()> add_zoo(CLI::App& command);

}  // namespace sparseloom::apps
