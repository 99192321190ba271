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

// Of the last `count`.
double median_of_last(const std::vector<double>& values, std::size_t count) {
  std::vector<double> last(values.end() - static_cast<std::ptrdiff_t>(count), values.end());
  const auto middle = last.begin() + static_cast<std::ptrdiff_t>((count - 1) / 2);
  std::nth_element(last.begin(), middle, last.end());
  return *middle;
}

bool apart(double a, double b, double by) { return std::max(a, b) > (1 + by) * std::min(a, b); }

}  // namespace

void set_slow_down(MachineState& state, Part part, double factor) {
  (part < state.slow_down.size() ? state.slow_down[part] : state.memory_slow_down) = factor;
}

bool differ(const MachineState& a, const MachineState& b, double by) {
  for (Part part = 0; part <= memory_of(a); ++part) {
    if (apart(slow_down(a, part), slow_down(b, part), by)) return true;
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
    : window_(std::clamp<std::size_t>(window, 1, kLongest)),
      seen_(table.processors.size() + 1, std::vector<double>(window_, 1.0)),
      last_seen_(seen_.size()),
      state_(usual_state(table)) {}

void StateEstimate::observe(const Telltale& telltale, const Busy& measured) {
  ++observed_;
  for (Part part = 0; part < parts(); ++part) {
    const auto factor = telltale.slow_down(measured, part);
    if (!factor) continue;
    last_seen_[part] = observed_;
    std::vector<double>& seen = seen_[part];
    if (seen.size() == kLongest) seen.erase(seen.begin());
    seen.push_back(*factor);
    const double now = median_of_last(seen, std::min(window_, seen.size()));
    // Those that made the median change are of the new state; one among them may be of no state.
    if (apart(now, median_of_last(seen, seen.size()), kChange))
      seen.erase(seen.begin(), seen.end() - static_cast<std::ptrdiff_t>(window_ / 2 + 1));
    set_slow_down(state_, part, median_of_last(seen, seen.size()));
  }
}

void StateEstimate::assume(Part part, double factor) {
  seen_[part].assign(window_, factor);
  set_slow_down(state_, part, factor);
}

}  // namespace sparseloom::place
