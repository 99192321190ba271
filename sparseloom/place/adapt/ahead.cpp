#include "sparseloom/place/adapt/ahead.h"

#include <algorithm>

#include "sparseloom/place/adapt/state_estimate.h"
#include "sparseloom/place/evaluate.h"

namespace sparseloom::place {
namespace {

// Parts of the machine whose slow-down makes a difference.
std::size_t parts_of(const CostTable& table) {
  const auto apart = [&](const PlacedProcessor& p) { return p.memory_domain != table.processors[0].memory_domain; };
  const bool copies = std::any_of(table.processors.begin(), table.processors.end(), apart);
  return table.processors.size() + (copies && table.handover.seconds_per_byte > 0 ? 1 : 0);
}

// Adds `state` with each slow-down of each of `more` parts from `first` on; false if there are too many.
bool add_states(const MachineState& state, Part first, std::size_t parts, std::size_t more, const StateGrid& grid,
                std::vector<MachineState>& states) {
  if (more == 0) {
    if (states.size() == grid.most_states) return false;
    states.push_back(state);
    return true;
  }
  for (Part part = first; part + more <= parts; ++part) {
    for (const double factor : grid.slow_downs) {
      MachineState slower = state;
      set_slow_down(slower, part, factor);
      if (!add_states(slower, part + 1, parts, more - 1, grid, states)) return false;
    }
  }
  return true;
}

// Which placements serve which states, and how many of those that are not served yet.
class Cover {
 public:
  Cover(const CostTable& table, const std::vector<Placement>& placements, const std::vector<MachineState>& states,
        CostModel model, double tolerance)
      : serves_(placements.size(), std::vector<bool>(states.size())), served_(states.size()) {
    std::vector<double> latencies(placements.size());
    for (std::size_t s = 0; s < states.size(); ++s) {
      const CostTable now = in_state(table, states[s]);
      for (std::size_t i = 0; i < placements.size(); ++i) latencies[i] = latency_of(now, placements[i], model);
      const double most = (1 + tolerance) * *std::min_element(latencies.begin(), latencies.end());
      for (std::size_t i = 0; i < placements.size(); ++i) serves_[i][s] = latencies[i] <= most;
    }
  }

  /// Which placements are taken: the first, and then whichever serves most.
  std::vector<std::size_t> choose() {
    std::vector<std::size_t> chosen{0};
    take(0);
    while (std::find(served_.begin(), served_.end(), false) != served_.end()) {
      std::size_t best = 0;
      for (std::size_t i = 1; i < serves_.size(); ++i)
        if (would_serve(i) > would_serve(best)) best = i;
      chosen.push_back(best);
      take(best);
    }
    return chosen;
  }

 private:
  void take(std::size_t i) {
    for (std::size_t s = 0; s < served_.size(); ++s) served_[s] = served_[s] || serves_[i][s];
  }
  std::size_t would_serve(std::size_t i) const {
    std::size_t count = 0;
    for (std::size_t s = 0; s < served_.size(); ++s) count += serves_[i][s] && !served_[s] ? 1 : 0;
    return count;
  }

  std::vector<std::vector<bool>> serves_;  // by placement and state
  std::vector<bool> served_;               // by state
};

}  // namespace

PlaceFor exactly_for(const CostTable& table, const PlacerOptions& options) {
  return [&table, options](const MachineState& state) -> Result<Placement> {
    SL_ASSIGN_OR_RETURN(Placed placed, place_exactly(in_state(table, state), options));
    return std::move(placed.placement);
  };
}

std::vector<MachineState> states_of(const CostTable& table, const StateGrid& grid) {
  const MachineState usual = usual_state(table);
  std::vector<MachineState> states{usual};
  const std::size_t parts = parts_of(table);
  for (std::size_t slow = 1; slow <= parts; ++slow) {
    const std::size_t before = states.size();
    if (add_states(usual, 0, parts, slow, grid, states)) continue;
    states.resize(before);
    break;
  }
  return states;
}

Result<std::vector<Placement>> place_ahead(const CostTable& table, Placement usual,
                                           const std::vector<MachineState>& states, const PlaceFor& place,
                                           CostModel model, double tolerance) {
  std::vector<Placement> all{std::move(usual)};
  for (const MachineState& state : states) {
    SL_ASSIGN_OR_RETURN(Placement placement, place(state));
    if (std::find(all.begin(), all.end(), placement) == all.end()) all.push_back(std::move(placement));
  }
  std::vector<Placement> chosen;
  for (const std::size_t i : Cover(table, all, states, model, tolerance).choose()) chosen.push_back(all[i]);
  return chosen;
}

}  // namespace sparseloom::place
