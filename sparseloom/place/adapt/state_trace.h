#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/units.h"
#include "sparseloom/place/state.h"

namespace sparseloom::place {

/// How the state of a machine changes in time.
struct StateTrace {
  struct Change {
    Seconds at{0};
    MachineState state;  ///< from then on
  };
  std::vector<Change> changes;  ///< the first at 0, each later than the one before
  Seconds end{0};               ///< later than all
};

/// Reads a trace for a machine with these processors (format: docs/hybrid.md). A name is a processor's, else `cpu` or
/// `gpu` for all processors of that kind, or `memory`. kMalformed gives `where`, the line, what arrived, what is
/// allowed: an unknown word or name, a time or a factor that is no number or out of range, times that do not rise, a
/// name given twice in a line, a line behind the end, no end, more than 100,000 lines.
Result<StateTrace> parse_state_trace(std::string_view text, const std::vector<PlacedProcessor>& processors,
                                     const std::string& where);

/// The same changes, `factor` times as slow. It must be above 0.
StateTrace stretched(StateTrace trace, double factor);

}  // namespace sparseloom::place
