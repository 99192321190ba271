#include "sparseloom/engine/drift.h"

#include <algorithm>

namespace sparseloom::engine {
namespace {

// One stage that was taken off its core for long says little about the next: beyond this, how long does not matter.
constexpr double kLongest = 8;

}  // namespace

void Drift::observe(soc::ProcessorId processor, Seconds measured, Seconds estimated) {
  if (estimated <= Seconds(0)) return;
  Processor& p = processors_[processor.index()];
  const std::uint64_t seen = p.stages.load(std::memory_order_relaxed) + 1;
  const double mean = p.mean.load(std::memory_order_relaxed);
  const double weight = 1.0 / static_cast<double>(std::min(seen, kMemory));
  p.mean.store(mean + weight * (std::min(measured / estimated, kLongest) - mean), std::memory_order_relaxed);
  p.stages.store(seen, std::memory_order_relaxed);
}

double Drift::slowdown(soc::ProcessorId processor) const {
  const Processor& p = processors_[processor.index()];
  return p.stages.load(std::memory_order_relaxed) < kMemory ? 1 : p.mean.load(std::memory_order_relaxed);
}

std::vector<double> Drift::slowdowns() const {
  std::vector<double> all;
  for (std::size_t p = 0; p < processors_.size(); ++p) all.push_back(slowdown(soc::ProcessorId(p)));
  return all;
}

}  // namespace sparseloom::engine
