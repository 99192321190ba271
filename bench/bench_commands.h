// bench: the program behind `sparseloom bench`. What sparseloom itself costs, and how it compares; no product library
// carries any of it.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "sparseloom/base/status.h"

namespace sparseloom::bench {

// Each is a cli::AddCommand in its own file, bench_<name>.cpp; the table in main.cpp lists them.
std::function<Status()> add_engine(CLI::App& command);
std::function<Status()> add_estimator(CLI::App& command);
std::function<Status()> add_feedback(CLI::App& command);
std::function<Status()> add_planners(CLI::App& command);
std::function<Status()> add_policies(CLI::App& command);
std::function<Status()> add_providers(CLI::App& command);
std::function<Status()> add_hybrid(CLI::App& command);
std::function<Status()> add_residency(CLI::App& command);
std::function<Status()> add_server(CLI::App& command);
std::function<Status()> add_thresholds(CLI::App& command);
namespace kernels {
std::function<Status()> add_kernels(CLI::App& command);
std::function<Status()> add_model(CLI::App& command);
}  // namespace kernels

}  // namespace sparseloom::bench
