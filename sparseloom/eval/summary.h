#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/eval/grid.h"

namespace sparseloom::eval {

/// Means of one system over the cells that were played on one machine.
struct Summary {
  std::string soc;
  bool modelled = false;
  std::string system;
  std::size_t cells = 0;
  double violation_rate = 0;
  engine::Violations violations;
  double throughput_qps = 0, completed_qps = 0, equal_qps = 0;
  std::optional<double> most_qps;     ///< certified upper bound of equal_qps, if every cell has one
  std::optional<double> goodput_qps;  ///< over the cells in which it was measured
  double resident_bytes = 0;
};

/// In the order in which machines and systems come in `rows`.
std::vector<Summary> summarize(const std::vector<Row>& rows);

/// True of the systems to compare with: those that serve original variants, without stitching.
bool is_baseline(std::string_view system);

/// Something the system under test is asked to reach on one machine, and whether it does.
struct Target {
  std::string soc;
  bool modelled = false;
  std::string what;  ///< "violations, 1 - sparseloom / sv-lo-np"
  double asked = 0;  ///< at least
  /// None: the baseline has nothing to compare with (no violations, no accuracy-compliant throughput), so there is no
  /// ratio; the target is then not reached.
  std::optional<double> measured;
  /// Of throughputs, `measured` if of every task only as many requests count as of the one that is served least.
  std::optional<double> equal_shares{};
  /// Certified upper bound of equal_shares over all plans that keep the accuracy bounds, by the profile; none: no
  /// planner among the systems certifies one.
  std::optional<double> limit{};
  bool reached() const { return measured && *measured >= asked; }
};

/// The headline results of SparseLoom (arXiv 2603.09642) as targets, and one for goodput, for `ours` against the
/// baselines that are among the rows; what needs a system or a measurement that is not there is left out. A cell is
/// lost if ours violates more than a baseline beyond both 95 % intervals; none may be.
std::vector<Target> targets(const std::vector<Row>& rows, const std::string& ours = "sparseloom");

/// Cells of `soc` in which `ours` is lost to some other system that plans without stitching, as "a3l7 to av-np".
std::vector<std::string> lost_cells(const std::vector<Row>& rows, const std::string& soc, const std::string& ours);

/// One line per row, a header first; numbers read back exactly.
std::string to_csv(const std::vector<Row>& rows);

}  // namespace sparseloom::eval
