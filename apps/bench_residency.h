#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

struct ResidencyBenchOptions {
  std::string zoo, json;
  std::string planner = "sparseloom";
  std::string preload = "knapsack";
  double budget = 0.5;             ///< share of what full preloading takes
  std::uint64_t budget_bytes = 0;  ///< instead of the share, if not 0
  std::size_t requests = 10'000;
  std::size_t changes = 200;
  std::size_t switches = 1'000;
  double load = 0.7;
};

/// Adds the subcommand; `options` must outlive the parsing.
CLI::App* add_bench_residency(CLI::App& bench, ResidencyBenchOptions& options);

/// sparseloom bench residency: what subgraphs take, what preloading within a budget attains, and how the engine fares
/// when SLOs change under a budget and without one.
Status bench_residency(const ResidencyBenchOptions& options);

}  // namespace sparseloom::apps
