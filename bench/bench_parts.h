#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

/// A part of `sparseloom bench`: its subcommand, and what runs if that was given.
struct BenchPart {
  CLI::App* command;
  std::function<Status()> run;
};

/// bench_feedback.cpp: a thread that spins on the last processor's cores slows it down in mid-run; how many requests
/// are late with and without planning anew, taking turns.
BenchPart add_bench_feedback(CLI::App& bench);
/// bench_planners.cpp: what planning costs, and how near to the least bottleneck it is proven to come.
BenchPart add_bench_planners(CLI::App& bench);
/// bench_residency.cpp: preloading within a memory budget, and plan switches while requests are served.
BenchPart add_bench_residency(CLI::App& bench);

/// bench_estimator.cpp: what estimating accuracies takes beside running models.
BenchPart add_bench_estimator(CLI::App& bench);

}  // namespace sparseloom::apps
