#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "sparseloom/backend/graph.h"

namespace sparseloom::backend {

struct CompileOptions;

/// What one member computes at once: tensors of the model, or a range of one.
struct HybridStep {
  std::size_t member = 0;
  std::vector<EdgeId>
      inputs;  ///< what it is computed from: inputs of the model, or what other steps compute, all of it
  std::vector<EdgeId> outputs;       ///< one, if there is a range
  std::optional<AxisRange> range{};  ///< of it; none: all
  friend bool operator==(const HybridStep&, const HybridStep&) = default;
};

/// Who computes what, in an order in which every tensor is written before it is read. A member does its own steps in
/// this order; nothing else is ordered but by what steps read.
using HybridPlan = std::vector<HybridStep>;

/// What an inference kept busy.
struct HybridRun {
  std::size_t plan = 0;         ///< by which it ran
  std::vector<double> members;  ///< seconds that each has spent on its steps; waiting for others and copies apart
  double copies = 0;            ///< seconds of copies between the host's memory and devices', of all members
};

/// How several processors execute one model together: what Provider::kHybrid compiles.
struct HybridOptions {
  std::vector<CompileOptions> members;  ///< by member: how its steps are compiled
  /// The first is executed until `next` says otherwise. Steps that several have in common are compiled once.
  std::vector<HybridPlan> plans;
  /// Called behind every run that has not failed, on the thread that runs, one at a time; gives the plan of later runs.
  /// Must not throw. Empty: nothing is timed.
  std::function<std::size_t(const HybridRun&)> next{};
};

}  // namespace sparseloom::backend
