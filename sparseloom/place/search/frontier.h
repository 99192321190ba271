// Private to place: what a partial placement has to remember.
#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/place/cost_table.h"

namespace sparseloom::place {

/// The groups of a table in order, and behind each the tensors that later groups still read.
class Frontiers {
 public:
  /// `keep_returned`: what the model returns is remembered to the end.
  Frontiers(const CostTable& table, bool keep_returned);

  /// Tensors, by the group that writes them, ascending, that are alive once the first `groups` have run.
  const std::vector<std::size_t>& after(std::size_t groups) const { return alive_[groups]; }
  /// Whether some reader of the group's tensor goes along.
  bool read_along(std::size_t group) const { return read_along_[group]; }

 private:
  std::vector<std::vector<std::size_t>> alive_;
  std::vector<bool> read_along_;
};

/// How many tensors are alive behind the groups, summed up: what Frontiers takes memory for. O(groups + inputs).
double frontier_size(const CostTable& table, bool keep_returned);

/// A label is what a partial placement, of the first groups, leaves to the rest, as numbers of which less is better.
/// Which numbers, and when one label is as good as another, the model says.
class LabelModel {
 public:
  virtual ~LabelModel() = default;
  /// Numbers in a label of the first `groups`.
  virtual std::size_t width(std::size_t groups) const = 0;
  /// The label after `from` (of the first `group` groups) with share number `share` of the next one.
  virtual void extend(const double* from, std::size_t group, std::size_t share, double* to) const = 0;
  /// No completion of the label takes less.
  virtual double bound(const double* label, std::size_t groups) const = 0;
  /// What the placement takes, if the label is of all groups.
  virtual double total(const double* label) const = 0;
  /// Whether every completion of `b` completes `a` at least as well, both of the first `groups`.
  virtual bool dominates(const double* a, const double* b, std::size_t groups) const = 0;
  /// Makes of `into` what every completion of itself and of `other` completes at least as well.
  virtual void merge(double* into, const double* other, std::size_t groups) const = 0;
  /// Labels whose ranks are close are merged rather than others.
  virtual double rank(const double* label) const = 0;
};

}  // namespace sparseloom::place
