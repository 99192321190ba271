#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/place/search/frontier.h"

namespace sparseloom::place {

/// One pass over the groups in order: every label is extended by every share of the next group, labels that another one
/// dominates or whose bound reaches the incumbent's latency are dropped, and at most so many go on.
class LabelSearch {
 public:
  LabelSearch(const CostTable& table, const std::vector<Share>& shares, const LabelModel& model);

  /// What is done with labels that are too many.
  enum class Surplus {
    kDropped,  ///< what is left is a placement, and none better is overlooked only if none was dropped
    kMerged    ///< (LabelModel::merge): what is left is a bound on every placement
  };
  struct Pass {
    bool complete = true;                  ///< no label was too many
    double latency = kCannot;              ///< of the best label of all groups; kCannot if the incumbent was not beaten
    std::vector<std::size_t> placement{};  ///< by group: number of its share; if none was merged
  };
  Pass run(std::size_t most_labels, Surplus surplus, double incumbent) const;

  /// No placement takes less: what is known before any pass.
  double bound() const;
  /// Numbers that a pass writes at most.
  double work(std::size_t most_labels) const { return static_cast<double>(most_labels) * work_per_label_; }

 private:
  struct Layer;
  void extend(const Layer& from, std::size_t group, double incumbent, Layer& to) const;
  void keep(Layer& layer, std::size_t groups, std::size_t most, Surplus surplus, Pass& pass) const;

  const CostTable& table_;
  const LabelModel& model_;
  std::vector<std::vector<std::size_t>> shares_of_;  // by group: those that can run
  double work_per_label_ = 0;
};

}  // namespace sparseloom::place
