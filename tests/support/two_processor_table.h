// Cost tables small enough to judge placements by hand.
#pragma once

#include <utility>
#include <vector>

#include "sparseloom/place/cost_table.h"

namespace sparseloom::testing {

inline const place::Share kCpu{4, 0}, kGpu{0, 4}, kHalves{2, 2};
inline const place::Input kModelInput{.bytes = 5};

inline place::Input from(std::size_t group) { return {.from = place::GroupId(group)}; }

/// Whole it takes so many seconds on either processor, in quarters proportionally; it moves 8 bytes and writes 10.
inline place::OperatorGroup group(std::vector<place::Input> inputs, double on_cpu, double on_gpu) {
  place::OperatorGroup made;
  made.inputs = std::move(inputs);
  made.bytes = 8;
  made.result_bytes = 10;
  for (const double whole : {on_cpu, on_gpu}) made.seconds.push_back({0, whole / 4, whole / 2, whole * 0.75, whole});
  return made;
}

/// A CPU, and a GPU with memory of its own: 1 s to synchronise, 2 s to begin a transfer, 0.1 s per byte. The last group
/// is returned.
inline place::CostTable two_processor_table(std::vector<place::OperatorGroup> groups) {
  place::CostTable table;
  table.processors = {{"cpu", place::ProcessorKind::kCpu, 0}, {"gpu", place::ProcessorKind::kGpu, 1}};
  table.handover = {.synchronisation = 1, .latency = 2, .seconds_per_byte = 0.1};
  table.groups = std::move(groups);
  table.groups.back().returned = true;
  return table;
}

}  // namespace sparseloom::testing
