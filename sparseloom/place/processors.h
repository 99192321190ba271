#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "sparseloom/place/cost_table.h"

namespace sparseloom::place {

/// The processors of these kinds, in the table's order.
std::vector<std::size_t> of_kinds(const CostTable& table, std::initializer_list<ProcessorKind> kinds);

/// Of those the one that runs most groups whole, of equal ones the one that takes the least for them; nullopt if
/// `processors` is empty. O(groups · processors).
std::optional<std::size_t> best_of(const CostTable& table, const std::vector<std::size_t>& processors);

}  // namespace sparseloom::place
