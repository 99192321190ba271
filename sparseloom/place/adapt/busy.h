#pragma once

#include <vector>

#include "sparseloom/place/cost_table.h"

namespace sparseloom::place {

/// What one inference keeps busy, as a table says or as a host has measured it.
struct Busy {
  std::vector<double> processors;  ///< seconds of its shares by processor, waiting apart; 0: it had nothing to do
  double copies = 0;               ///< seconds of copies between memory domains, summed up; 0: none, or nobody looked
};

/// What the table says of the placement, which must be one that its processors can run: each tensor is copied once to
/// every processor that reads it. O(inputs · P²).
Busy busy_of(const CostTable& table, const Placement& placement);

}  // namespace sparseloom::place
