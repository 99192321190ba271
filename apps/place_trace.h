// Placements on a machine that changes: `sparseloom place --trace`.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/place/adapt/state_trace.h"
#include "sparseloom/place/placers.h"

namespace sparseloom::apps {

struct TraceArguments {
  std::string file;  ///< empty: none
  std::optional<double> noise;
  std::optional<std::size_t> inferences;
  std::optional<double> place_ms;
};

void add_trace_options(CLI::App& command, TraceArguments& arguments);

/// Options that do not fit, before anything is read.
Status check_trace_options(const TraceArguments& arguments);

/// What --trace names, for a machine with these processors, in its own time; nothing without the option.
Result<std::optional<place::StateTrace>> read_trace(const TraceArguments& arguments,
                                                    const std::vector<place::PlacedProcessor>& processors);

/// Plays inferences through the trace, placed in each way that there is, on a virtual clock by the costs of `table`;
/// prints what came of it and returns the same. A policy in `options` is one of the ways.
Result<Json> compare_on_trace(const TraceArguments& arguments, place::StateTrace trace, const place::CostTable& table,
                              const place::PlacerOptions& options);

}  // namespace sparseloom::apps
