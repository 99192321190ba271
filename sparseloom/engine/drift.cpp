#include "sparseloom/engine/drift.h"

#include <algorithm>
#include <optional>

namespace sparseloom::engine {
namespace {

// One stage that was taken off its core for long says little about the next: beyond this, how long does not matter.
constexpr double kLongest = 8;

}  // namespace

void Drift::observe(soc::ProcessorId place, Seconds measured, Seconds estimated) {
  if (estimated <= Seconds(0)) return;
  Place& p = places_[place.index()];
  const std::uint64_t seen = p.stages.load(std::memory_order_relaxed) + 1;
  const double mean = p.mean.load(std::memory_order_relaxed);
  const double weight = 1.0 / static_cast<double>(std::min(seen, kMemory));
  p.mean.store(mean + weight * (std::min(measured / estimated, kLongest) - mean), std::memory_order_relaxed);
  p.stages.store(seen, std::memory_order_relaxed);
}

double Drift::slowdown(soc::ProcessorId place) const {
  if (places_[place.index()].known()) return places_[place.index()].mean.load(std::memory_order_relaxed);
  std::optional<double> most;
  for (std::size_t p = 0; p < places_.size(); ++p) {
    if (!places_[p].known() || !pools_.overlap(place, soc::ProcessorId(p))) continue;
    const double mean = places_[p].mean.load(std::memory_order_relaxed);
    most = std::max(most.value_or(mean), mean);
  }
  return most.value_or(1);
}

std::vector<double> Drift::slowdowns() const {
  std::vector<double> all;
  for (std::size_t p = 0; p < places_.size(); ++p) all.push_back(slowdown(soc::ProcessorId(p)));
  return all;
}

}  // namespace sparseloom::engine
