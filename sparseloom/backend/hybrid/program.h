// What members execute: plans whose steps are compiled.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

/// Where a range of a tensor lies in its memory.
struct Piece {
  std::size_t begin = 0, end = 0;  ///< bytes
  bool overlaps(const Piece& other) const { return begin < other.end && other.begin < end; }
  friend auto operator<=>(const Piece&, const Piece&) = default;
};

/// Nothing if it does not lie in one piece that sessions may bind.
std::optional<Piece> piece_of(const TensorSpec& spec, const std::optional<AxisRange>& range);

/// A step that is compiled.
struct CompiledStep {
  struct Port {
    EdgeId tensor;
    Piece piece;
  };
  std::size_t member = 0;
  std::shared_ptr<Executable> executable;
  std::vector<Port> inputs, outputs;
  /// The device whose memory its tensors lie in; empty: the host's.
  std::string memory() const { return std::string(executable->device_memory()); }
};

/// A step in a plan, and what it waits for.
struct PlannedStep {
  std::size_t step = 0;                ///< index into HybridProgram::steps
  std::uint32_t position = 0;          ///< among its member's in the plan, from 1
  std::vector<std::uint32_t> waits{};  ///< by member: how many of its steps must be done; 0: none
  /// By input and output, of a device with memory of its own: whether it is copied from the host's memory before the
  /// step, or to it behind it. Not where a step before has left it there, or where only steps of the same device read
  /// it.
  std::vector<bool> inputs_copied{}, outputs_copied{};
};

struct HybridProgram {
  Graph graph;
  std::vector<TensorSpec> inputs, outputs;
  std::vector<CompiledStep> steps;  ///< of all plans
  std::vector<std::vector<PlannedStep>> plans;
  std::size_t members = 0;
  std::function<std::size_t(const HybridRun&)> next;
};

/// Compiles the steps of plans that check_plan() accepts. Errors name the step.
Result<std::shared_ptr<const HybridProgram>> compile_program(const Executor& executor, const Model& model,
                                                             const HybridOptions& options,
                                                             const std::filesystem::path& file);

}  // namespace sparseloom::backend
