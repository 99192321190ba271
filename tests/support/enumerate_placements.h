#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/place/cost_table.h"

namespace sparseloom::testing {

/// Calls `visit` with every placement of so many groups that is made of the shares `among`.
template <typename Visit>
void each_placement(std::size_t groups, const std::vector<place::Share>& among, const Visit& visit) {
  std::vector<std::size_t> digits(groups);
  for (;;) {
    place::Placement placement;
    for (const std::size_t d : digits) placement.push_back(among[d]);
    visit(placement);
    std::size_t at = 0;
    while (at < digits.size() && ++digits[at] == among.size()) digits[at++] = 0;
    if (at == digits.size()) return;
  }
}

}  // namespace sparseloom::testing
