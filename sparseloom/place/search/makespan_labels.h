#pragma once

#include <array>
#include <vector>

#include "sparseloom/place/evaluate.h"
#include "sparseloom/place/search/frontier.h"

namespace sparseloom::place {

/// The makespan cost model (evaluate.h) as labels: when each processor is free, when the last output is with the host,
/// and for every tensor that is alive when it has arrived at each processor; if readers go along, also when each of two
/// processors has written its part, by the share that was written so (never, for the others).
class MakespanLabels final : public LabelModel {
 public:
  MakespanLabels(const CostTable& table, const std::vector<Share>& shares);

  std::size_t width(std::size_t groups) const override { return offsets_[groups].back(); }
  void extend(const double* from, std::size_t group, std::size_t share, double* to) const override;
  double bound(const double* label, std::size_t groups) const override;
  double total(const double* label) const override { return label[processors_]; }
  bool dominates(const double* a, const double* b, std::size_t groups) const override;
  void merge(double* into, const double* other, std::size_t groups) const override;
  double rank(const double* label) const override { return label[0] - label[processors_ - 1]; }

 private:
  /// What groups take at least if seconds on a processor are worth so much: least over shares of their worth.
  struct Worth {
    std::array<double, kMostProcessors> weights{};  ///< sum 1
    std::vector<double> rest;                       ///< by number of groups: the others together
  };

  std::size_t size_of(std::size_t tensor) const;
  double arrival(const double* tensor, std::size_t share, std::size_t at, bool along) const;
  void write(std::size_t group, std::size_t share, const std::array<double, kMostProcessors>& finish, double* at) const;
  void find_tails();
  void find_worths();
  Worth worth_of(const std::array<double, kMostProcessors>& weights) const;

  const CostTable& table_;
  const std::vector<Share>& shares_;
  Frontiers frontiers_;
  std::size_t processors_, splits_;
  std::vector<std::array<std::size_t, 2>> halves_;  // by split share: its two processors
  std::vector<std::vector<std::size_t>> offsets_;   // by number of groups and tensor alive; last: the width
  /// By group: from when what it reads has arrived to the end at least.
  std::vector<double> tail_;
  /// By number of groups and tensor alive: the longest tail of a reader that is still to run.
  std::vector<std::vector<double>> reader_tail_;
  std::vector<Worth> worths_;
};

}  // namespace sparseloom::place
