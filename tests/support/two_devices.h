// A machine of two devices and a model of one operator group, small enough that the best placement is seen at once.
#pragma once

#include "sparseloom/place/cost_table.h"

namespace sparseloom::testing {

/// A group that a CPU and a GPU of one memory run whole in so many seconds, or, if it is `divisible`, in parts in their
/// shares of that. Handing over costs nothing.
inline place::CostTable two_devices(double on_cpu, double on_gpu, bool divisible = true) {
  place::CostTable table;
  table.processors = {{"cpu", place::ProcessorKind::kCpu, 0}, {"gpu", place::ProcessorKind::kGpu, 0}};
  place::OperatorGroup& group = table.groups.emplace_back();
  group.name = "matmul";
  group.kind = "MatMul";
  group.inputs.push_back({.from = {}, .bytes = 8});
  group.result_bytes = 8;
  group.returned = true;
  for (const double whole : {on_cpu, on_gpu}) {
    auto& seconds = group.seconds.emplace_back();
    seconds[place::kQuarters] = whole;
    for (std::size_t q = 1; q < place::kQuarters; ++q)
      seconds[q] = divisible ? whole * static_cast<double>(q) / place::kQuarters : place::kCannot;
  }
  return table;
}

}  // namespace sparseloom::testing
