#include "sparseloom/place/state.h"

#include <cmath>

namespace sparseloom::place {
namespace {

bool is_slow_down(double factor) { return factor > 0 && std::isfinite(factor); }

}  // namespace

MachineState usual_state(const CostTable& table) {
  return {.slow_down = std::vector<double>(table.processors.size(), 1.0), .memory_slow_down = 1};
}

Status check(const MachineState& state, const CostTable& table) {
  if (state.slow_down.size() != table.processors.size()) {
    return error(Code::kInvalidArgument, "a state with slow-downs of {} processors; the machine has {}",
                 state.slow_down.size(), table.processors.size());
  }
  for (std::size_t p = 0; p < state.slow_down.size(); ++p) {
    if (!is_slow_down(state.slow_down[p])) {
      return error(Code::kInvalidArgument, "slow-down {} of processor '{}'; allowed: finite, above 0",
                   state.slow_down[p], table.processors[p].name);
    }
  }
  if (!is_slow_down(state.memory_slow_down)) {
    return error(Code::kInvalidArgument, "slow-down {} of memory; allowed: finite, above 0", state.memory_slow_down);
  }
  return {};
}

CostTable in_state(CostTable table, const MachineState& state) {
  for (OperatorGroup& group : table.groups) {
    for (std::size_t p = 0; p < group.seconds.size(); ++p) {
      for (double& seconds : group.seconds[p]) seconds *= state.slow_down[p];
    }
  }
  table.handover.seconds_per_byte *= state.memory_slow_down;
  return table;
}

}  // namespace sparseloom::place
