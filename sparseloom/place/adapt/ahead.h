#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "sparseloom/place/placers.h"
#include "sparseloom/place/state.h"

namespace sparseloom::place {

/// Places a model for a machine in a state: a search, or a policy that was learned.
using PlaceFor = std::function<Result<Placement>(const MachineState&)>;

/// By `exact` (placers.h) on what `table` is in the state. `table` must outlive it.
PlaceFor exactly_for(const CostTable& table, const PlacerOptions& options);

struct StateGrid {
  std::vector<double> slow_downs{1.25, 1.6, 2, 3, 4};  ///< of each part, besides 1
  std::size_t most_states = 200;
};

/// The usual state, then every state in which one part of the machine is slow, then those in which two are, and so on
/// as long as all of one kind fit into `most_states`. Memory is a part only if tensors are copied by bytes.
std::vector<MachineState> states_of(const CostTable& table, const StateGrid& grid);

/// Placements solved ahead for `states`, few enough that a host can keep all of them compiled: in each of the states
/// one of them takes at most (1 + `tolerance`) times what the best one found takes. `usual` is the first. Chosen
/// greedily, the one that serves most states first. O(states² · table), and what `place` takes. Errors of `place`.
Result<std::vector<Placement>> place_ahead(const CostTable& table, Placement usual,
                                           const std::vector<MachineState>& states, const PlaceFor& place,
                                           CostModel model, double tolerance = 0.01);

}  // namespace sparseloom::place
