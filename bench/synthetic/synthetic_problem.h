#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sparseloom/plan/search/stagewise.h"

namespace sparseloom::bench {

/// Made-up tasks, to see how planning scales.
struct SyntheticOptions {
  std::size_t tasks = 8;
  std::size_t variants = 10;
  std::size_t stages = 12;
  std::size_t processors = 3;
};

/// What every task has: random stages of 0.5..2 ms on a processor of middling speed; processors 0.5..2 times as fast,
/// differing by stage by 0.7..1.4; variant 0 is dense, the others take 0.25..1 of its time, more where they lose less
/// accuracy, and 0.2..1 of its memory; transfers of 0..0.3 ms between processors. Bounds: 0.15..0.6 of the most that
/// accuracy can be lost, and 1.05..1.6 times the least latency with that. The same for a seed on every machine.
std::vector<plan::StagewiseTask> synthetic_tasks(std::uint64_t seed, const SyntheticOptions& options = {});

}  // namespace sparseloom::bench
