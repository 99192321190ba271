#pragma once

#include <vector>

#include "sparseloom/place/evaluate.h"

namespace sparseloom::place {

/// One inference under a placement that is made group by group, in the table's order: the cost models of evaluate.h
/// step by step. Not thread-safe.
class Timeline {
 public:
  /// The table must outlive it.
  Timeline(const CostTable& table, CostModel model);

  /// As it was before any group.
  void clear();

  /// Groups that have been added.
  std::size_t groups() const { return groups_; }

  /// Adds the next group, which must be able to run so. O(inputs · P²).
  void add(const Share& share);

  /// Seconds at which the last of its shares would end if the next group ran so. O(inputs · P²).
  double end_of(const Share& share) const;

  /// Seconds from when on a processor has nothing to do.
  double free_at(std::size_t processor) const;

  /// Quarters of a group that has been added.
  std::uint8_t quarters(std::size_t group, std::size_t processor) const { return shares_[at(group, processor)]; }

  /// Seconds until all that was added has ended. Behind the last group: with its outputs in the host's memory, so that
  /// this is latency_of().
  double latency() const;

 private:
  std::size_t at(std::size_t group, std::size_t processor) const { return group * processors_ + processor; }
  bool is_along(const OperatorGroup& group, const Share& share, std::size_t from) const;
  double arrival(const OperatorGroup& group, const Share& share, const Input& input, std::size_t to) const;
  double start_of(const Share& share, std::size_t processor) const;
  double waiting(const OperatorGroup& group, const Share& share, std::size_t input) const;
  double waiting(const OperatorGroup& group, const Share& share) const;
  double returning(std::size_t group) const;
  void mark_arrived(const OperatorGroup& group, const Share& share);

  const CostTable& table_;
  CostModel model_;
  std::size_t processors_;
  std::size_t groups_ = 0;
  double end_ = 0;                    // makespan: of outputs, with the host; additive: the sum
  std::vector<std::uint8_t> shares_;  // by group that was added and processor
  std::vector<double> finish_;        // the same; makespan only
  std::vector<double> free_;          // makespan: by processor
  std::vector<bool> arrived_;         // additive: by group and processor: all of what the group writes
};

}  // namespace sparseloom::place
