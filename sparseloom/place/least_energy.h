#pragma once

#include <vector>

#include "sparseloom/place/placers.h"

namespace sparseloom::place {

/// A placement, and how little energy it is known to take.
struct EnergyPlaced {
  Placement placement;
  double latency = kCannot;  ///< seconds, by latency_of()
  double energy = kCannot;   ///< joules of a run, by energy_of()
  double lower_bound = 0;    ///< no placement that keeps the latency bound takes less
  bool optimal = false;      ///< proven: energy equals lower_bound
  double gap() const { return energy > 0 ? 1 - lower_bound / energy : 0; }
};

/// The placement of the least modelled energy (energy.h) among those that take no more than `latency_bound` seconds
/// (kCannot: any), with a proof or a proven gap, for both cost models: labels of energy and latency together, group by
/// group, as `exact` has them of latency alone; it counts its work likewise. It begins with `known` and each
/// processor alone: if anything keeps the bound, the placement of least latency does, so give that one.
/// kFailedPrecondition: the table has no energy. kResourceExhausted: nothing that keeps the bound was found, which is
/// no proof that there is nothing.
Result<EnergyPlaced> place_for_energy(const CostTable& table, const PlacerOptions& options, double latency_bound,
                                      const std::vector<Placement>& known = {});

}  // namespace sparseloom::place
