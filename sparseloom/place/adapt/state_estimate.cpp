#include "sparseloom/place/adapt/state_estimate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sparseloom::place {
namespace {

constexpr double kTelling = 0.02;       // of what all processors are busy for
constexpr double kTellingCopies = 0.5;  // of the copies, for bytes
// What is further off is as good as stopped, or was no measurement; it must stay a factor that times can be taken by.
constexpr double kLeastSeen = 1e-3, kMostSeen = 1e3;

}  // namespace

void set_slow_down(MachineState& state, Part part, double factor) {
  (part < state.slow_down.size() ? state.slow_down[part] : state.memory_slow_down) = factor;
}

bool differ(const MachineState& a, const MachineState& b, double by) {
  for (Part part = 0; part <= memory_of(a); ++part) {
    const double x = slow_down(a, part), y = slow_down(b, part);
    if (std::max(x, y) > (1 + by) * std::min(x, y)) return true;
  }
  return false;
}

Telltale::Telltale(const CostTable& table, const Placement& placement) : usual_(busy_of(table, placement)) {
  CostTable no_bytes = table;
  no_bytes.handover.seconds_per_byte = 0;
  fixed_ = busy_of(no_bytes, placement).copies;
}

bool Telltale::tells(Part part) const {
  const double least = kTelling * std::reduce(usual_.processors.begin(), usual_.processors.end());
  if (part < usual_.processors.size()) return usual_.processors[part] > 0 && usual_.processors[part] >= least;
  const double by_bytes = usual_.copies - fixed_;
  return by_bytes > 0 && by_bytes >= least && by_bytes >= kTellingCopies * usual_.copies;
}

std::optional<double> Telltale::slow_down(const Busy& measured, Part part) const {
  if (!tells(part)) return std::nullopt;
  const bool of_memory = part == usual_.processors.size();
  const double seconds = of_memory ? measured.copies : measured.processors[part];
  if (!(seconds > 0) || !std::isfinite(seconds)) return std::nullopt;
  const double factor = of_memory ? (seconds - fixed_) / (usual_.copies - fixed_) : seconds / usual_.processors[part];
  return std::clamp(factor, kLeastSeen, kMostSeen);
}

StateEstimate::StateEstimate(const CostTable& table, std::size_t window)
    : seen_(table.processors.size() + 1, std::vector<double>(std::max<std::size_t>(window, 1), 1.0)),
      next_(seen_.size()),
      last_seen_(seen_.size()),
      state_(usual_state(table)) {}

void StateEstimate::observe(const Telltale& telltale, const Busy& measured) {
  ++observed_;
  for (Part part = 0; part < parts(); ++part) {
    const auto factor = telltale.slow_down(measured, part);
    if (!factor) continue;
    last_seen_[part] = observed_;
    seen_[part][next_[part]] = *factor;
    next_[part] = (next_[part] + 1) % seen_[part].size();
    take_median(part);
  }
}

void StateEstimate::assume(Part part, double factor) {
  std::fill(seen_[part].begin(), seen_[part].end(), factor);
  set_slow_down(state_, part, factor);
}

void StateEstimate::take_median(Part part) {
  std::vector<double> sorted = seen_[part];
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  set_slow_down(state_, part, *middle);
}

}  // namespace sparseloom::place
