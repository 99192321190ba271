#pragma once

#include <vector>

#include "sparseloom/place/energy.h"
#include "sparseloom/place/search/frontier.h"

namespace sparseloom::place {

/// Energy (energy.h) as labels: the joules so far without idling, the label of the cost model, which says what latency
/// comes of it, and for every tensor that is alive what copying it into each memory domain takes (0: it is there); if
/// readers go along, also the number of the share that it was written by.
class EnergyLabels final : public LabelModel {
 public:
  /// `latency`: the labels of the cost model, of the same table and shares. Placements that take more than
  /// `latency_bound` are none. The table must have energy. All of them must outlive it.
  EnergyLabels(const CostTable& table, const std::vector<Share>& shares, const LabelModel& latency,
               double latency_bound);

  std::size_t width(std::size_t groups) const override { return offsets_[groups].back(); }
  void extend(const double* from, std::size_t group, std::size_t share, double* to) const override;
  double bound(const double* label, std::size_t groups) const override;
  double total(const double* label) const override;
  bool dominates(const double* a, const double* b, std::size_t groups) const override;
  void merge(double* into, const double* other, std::size_t groups) const override;
  double rank(const double* label) const override { return label[0]; }

 private:
  std::size_t size_of(std::size_t tensor) const { return domains_ + (frontiers_.read_along(tensor) ? 1 : 0); }
  /// With idling for so long; kCannot if the bound is not kept.
  double energy(double joules, double latency) const;
  /// Of a group so divided: computing, traffic, and what it returns copied to the host.
  double joules_of(std::size_t group, const Share& share) const;
  double read(std::size_t group, std::size_t share, double* copies) const;
  void write(std::size_t group, std::size_t share, double* at) const;

  const CostTable& table_;
  const std::vector<Share>& shares_;
  const LabelModel& latency_;
  double latency_bound_, idle_;
  Frontiers frontiers_;
  std::size_t domains_;
  /// By number of groups and tensor alive; last: the width.
  std::vector<std::vector<std::size_t>> offsets_;
  std::vector<double> rest_;  // by number of groups: joules of the others at least, without idling
  mutable std::vector<double> scratch_;
};

}  // namespace sparseloom::place
