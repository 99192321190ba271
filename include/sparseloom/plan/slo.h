// plan: service-level objectives and the planners that choose, for every task, a stitched variant and a placement. Pure
// functions: no I/O, no clocks.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/soc/soc.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::plan {

/// What one task is promised.
struct Slo {
  double accuracy = 0;  ///< least accuracy, 0..1; 0: none is asked for
  Seconds latency{0};   ///< greatest latency of a request
};

/// One bound pair per task, by zoo::TaskId.
struct SloConfig {
  std::string name;  ///< "C5", or "a3l7" for accuracy index 3 and latency index 7, or a file's name
  std::vector<Slo> slos;
};

/// Range of the original variants of one task, run alone at their best placement on processors,
/// gangs left out (the papers know none); from it the grid is made.
struct GridRange {
  double accuracy_min = 0, accuracy_max = 0;
  Seconds latency_min{0}, latency_max{0};
};

/// Ranges of every task from its original variants' profile (docs/planning.md). Where the variants are equally fast (a
/// single one, for instance), no latency bound between them would leave time to wait: the range then ends at twice
/// theirs. kFailedPrecondition names what is not profiled.
Result<std::vector<GridRange>> grid_ranges(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile);

/// Bounds for who has none of their own, by what the profile says: of every task the accuracy of its most accurate
/// original variant less 2 points (none if it is unknown), and twice the time that its fastest original variant that
/// keeps this takes alone, times how many tasks share a processor if those are more than one. Called "auto". Errors:
/// those of grid_ranges().
Result<SloConfig> proposed_slos(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile);

/// A place in the grid: accuracy index j and latency index k in 0..8; a larger one is stricter.
struct GridCell {
  int accuracy_index = 0, latency_index = 0;
  bool diagonal() const { return accuracy_index == latency_index && accuracy_index > 0; }  ///< one of C1..C8
  std::string name() const { return fmt::format("a{}l{}", accuracy_index, latency_index); }
  friend auto operator<=>(const GridCell&, const GridCell&) = default;
};

/// "C1".."C8" (the diagonal j = k), "a<j>l<k>". kInvalidArgument says what is allowed.
Result<GridCell> parse_grid_name(std::string_view name);

/// The names that `text` stands for, in order: "grid" (all 81 cells), "coarse" (indices 0, 2, 4, 6, 8 of both),
/// "diagonal" (C1..C8), or the one name that it is. kInvalidArgument says what is allowed.
Result<std::vector<std::string>> grid_names(std::string_view text);
/// Their cells.
Result<std::vector<GridCell>> grid_cells(std::string_view text);

/// Accuracy bound a_min + (j/9)(a_max - a_min), latency bound l_max - (k/9)(l_max - l_min). Called "C<j>" on the
/// diagonal, else as the cell.
SloConfig grid_config(const std::vector<GridRange>& ranges, GridCell cell);
/// The same by a name of the grid, which the configuration keeps. Errors: those of parse_grid_name().
Result<SloConfig> named_config(const std::vector<GridRange>& ranges, std::string_view name);

}  // namespace sparseloom::plan
