#include "sparseloom/place/least_energy.h"

#include <algorithm>
#include <memory>

#include "sparseloom/place/energy.h"
#include "sparseloom/place/methods/whole.h"
#include "sparseloom/place/search/additive_labels.h"
#include "sparseloom/place/search/energy_labels.h"
#include "sparseloom/place/search/label_search.h"
#include "sparseloom/place/search/makespan_labels.h"

namespace sparseloom::place {
namespace {

constexpr std::size_t kFewLabels = 16, kTimesLabels = 4;
constexpr double kAlmost = 1e-12;     // rounding, of energies that are sums in another order
constexpr double kMostTensors = 1e6;  // alive behind all groups together: labels of more would fill the memory

std::unique_ptr<LabelModel> latency_labels(const CostTable& table, const std::vector<Share>& shares, CostModel model) {
  if (model == CostModel::kMakespan) return std::make_unique<MakespanLabels>(table, shares);
  return std::make_unique<AdditiveLabels>(table, shares);
}

class LeastEnergy {
 public:
  LeastEnergy(const CostTable& table, const PlacerOptions& options, double latency_bound)
      : table_(table), options_(options), latency_bound_(latency_bound), shares_(all_shares(table.processors.size())) {}

  void start(const std::vector<Placement>& known) {
    for (const Placement& placement : known) take(placement);
    for (std::size_t p = 0; p < table_.processors.size(); ++p) take(whole_on(table_, p));
  }

  EnergyPlaced run() {
    best_.lower_bound = std::min(least_joules(), best_.energy);
    if (frontier_size(table_, true) > kMostTensors) return std::move(best_);
    const auto latency = latency_labels(table_, shares_, options_.model);
    const EnergyLabels labels(table_, shares_, *latency, latency_bound_);
    search(LabelSearch(table_, shares_, labels));
    best_.optimal = proven();
    if (best_.optimal) best_.lower_bound = best_.energy;
    return std::move(best_);
  }

 private:
  bool proven() const { return best_.lower_bound >= best_.energy * (1 - kAlmost); }

  // Joules of every group at least, without idling.
  double least_joules() const {
    double sum = 0;
    for (std::size_t g = 0; g < table_.groups.size(); ++g) {
      double least = kCannot;
      for (const Share& share : shares_)
        if (can_run(table_.groups[g], share)) least = std::min(least, group_joules(table_, g, share));
      sum += least;
    }
    return sum;
  }

  void take(Placement placement) {
    const double latency = latency_of(table_, placement, options_.model);
    if (latency == kCannot || !keeps(latency, latency_bound_)) return;
    const double energy = *energy_of(table_, placement, options_.model);
    if (energy >= best_.energy) return;
    best_.latency = latency;
    best_.energy = energy;
    best_.placement = std::move(placement);
  }

  // More and more labels, until a placement and the bound meet.
  void search(const LabelSearch& search) {
    raise(search.bound());
    double left = options_.work;
    std::size_t most = kFewLabels;
    while (most > 1 && 2 * search.work(most) > left) most /= 2;
    for (; !proven() && 2 * search.work(most) <= left; most *= kTimesLabels) {
      left -= 2 * search.work(most);
      const auto found = search.run(most, LabelSearch::Surplus::kDropped, best_.energy);
      if (!found.placement.empty()) take(placement_of(found.placement));
      if (found.complete) return raise(kCannot);
      raise(search.run(most, LabelSearch::Surplus::kMerged, best_.energy).latency);
    }
  }

  void raise(double bound) { best_.lower_bound = std::max(best_.lower_bound, std::min(bound, best_.energy)); }

  Placement placement_of(const std::vector<std::size_t>& numbers) const {
    Placement placement;
    for (const std::size_t n : numbers) placement.push_back(shares_[n]);
    return placement;
  }

  const CostTable& table_;
  const PlacerOptions& options_;
  double latency_bound_;
  std::vector<Share> shares_;
  EnergyPlaced best_;
};

}  // namespace

Result<EnergyPlaced> place_for_energy(const CostTable& table, const PlacerOptions& options, double latency_bound,
                                      const std::vector<Placement>& known) {
  if (!table.energy) return error(Code::kFailedPrecondition, "what the machine draws is not known");
  LeastEnergy least(table, options, latency_bound);
  least.start(known);
  EnergyPlaced placed = least.run();
  if (!placed.placement.empty()) return placed;
  return error(Code::kResourceExhausted, "no placement of at most {:g} s was found within {:g} of work", latency_bound,
               options.work);
}

}  // namespace sparseloom::place
