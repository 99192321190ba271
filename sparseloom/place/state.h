#pragma once

#include <vector>

#include "sparseloom/place/cost_table.h"

namespace sparseloom::place {

/// How a machine is at the moment, beside the one that a cost table was made on: heat, a lower clock, other work.
struct MachineState {
  std::vector<double> slow_down;  ///< by processor, of the time of its groups; 1: as in the table
  double memory_slow_down = 1;    ///< of the seconds per byte between memory domains
};

/// The state that the table was made in.
MachineState usual_state(const CostTable& table);

/// kInvalidArgument: as many slow-downs as the table has processors are allowed, each finite and above 0.
Status check(const MachineState& state, const CostTable& table);

/// What the table would be in this state, which must be one that check() accepts. O(table).
CostTable in_state(CostTable table, const MachineState& state);

}  // namespace sparseloom::place
