#pragma once

#include <string>
#include <vector>

#include "sparseloom/eval/placements.h"

namespace sparseloom::report {

/// How methods of placing operators compare, for a terminal: a line per method.
std::string placements_text(const std::vector<eval::PlacementRow>& rows);
/// A line per row, with a header.
std::string placements_csv(const std::vector<eval::PlacementRow>& rows);
/// Means, a chart per machine of every method over the best processor alone, and all rows, as a page that needs no
/// other file. `settings`: one sentence.
std::string placements_html(const std::vector<eval::PlacementRow>& rows, const std::string& settings);

}  // namespace sparseloom::report
