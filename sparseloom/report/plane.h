#pragma once

#include <string>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/plan/slo.h"

namespace sparseloom::report {

/// A variant of a task, run alone at its fastest placement.
struct PlanePoint {
  std::string name;  ///< of an original variant; empty for a stitched one
  double latency_ms = 0;
  double accuracy = 0;  ///< 0..1, on the profile split
};

/// A task's variants in the plane of accuracy and latency, and the range that its 9 x 9 grid of SLO bounds spans.
struct Plane {
  std::string task;
  std::vector<PlanePoint> originals, stitched;
  plan::GridRange range;
};

/// One per task, with every variant whose accuracy was measured. No model is run. Errors: those of plan::grid_ranges.
Result<std::vector<Plane>> planes_of(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile);

/// How many of the 81 pairs of bounds some original variant keeps, and how many some variant at all.
struct BoundsKept {
  int by_originals = 0, by_any = 0;
};
BoundsKept bounds_kept(const Plane& plane);

/// A picture of all tasks, two panels abreast: original variants, the cloud of stitched ones with its Pareto front, and
/// the grid of bounds, shaded by who keeps them. An <svg> element that can stand in a page or in a file of its own, and
/// that brings its own background. `where` names zoo and machine.
std::string planes_svg(const std::vector<Plane>& planes, const std::string& where);

}  // namespace sparseloom::report
