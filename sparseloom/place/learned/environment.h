#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "sparseloom/place/timeline.h"

namespace sparseloom::place {

/// What is observed of a step. A policy goes with one set of features; whoever changes what they mean changes the name.
inline constexpr std::string_view kFeatureSet = "sparoa-sac-1";
/// Windows that look ahead: the next 2, 4, 8 and 16 groups, and all that are left.
inline constexpr std::size_t kWindows = 5;
inline constexpr std::size_t kFeatures = 28 + kWindows * (kQuarters + 1);
using Observation = std::array<float, kFeatures>;

/// The two processors between which groups are divided, by place.
struct ProcessorPair {
  std::size_t cpu = 0;
  std::size_t other = 0;  ///< a GPU or another accelerator, or where there is none another CPU
};

/// The fastest CPU (best_of()) with every accelerator; without any, with every other CPU. kFailedPrecondition: there is
/// no CPU, or nothing beside it. O(groups · P).
Result<std::vector<ProcessorPair>> find_pairs(const CostTable& table);

/// What a reward takes off beside the latency.
struct RewardWeights {
  double switching = 0;  ///< μ: seconds per group that is divided between other processors than the one before
  double energy = 0;     ///< λ: seconds per joule
  /// Joules of a group under a share; must be there if `energy` is not 0.
  std::function<double(std::size_t group, const Share& share)> joules{};
};

/// Placing one model as reinforcement learning sees it (our reading of SparOA; docs/hybrid.md): an episode is one
/// inference, a step one group in the table's order, the action how many quarters of it the pair's other processor
/// runs. The state of the machine is in the table's times (in_state()). Not thread-safe.
class Environment {
 public:
  /// Keeps the table, which check() must accept. kFailedPrecondition names a group that the pair does not run.
  /// O(table).
  static Result<std::unique_ptr<Environment>> create(CostTable table, const ProcessorPair& pair, CostModel model,
                                                     RewardWeights weights = {});

  void reset();
  bool done() const { return timeline_.groups() == table_.groups.size(); }

  /// Of the next group, in numbers of about -6 to 6; docs/hybrid.md lists them. Seconds are in units of unit(). O(P²).
  Observation observe() const;

  /// The quarters nearest to a share of 0..1 that the pair can run, of two equally near the fewer.
  std::uint8_t project(double share) const;

  /// Places the next group so; the pair must be able to run that. Returns the reward, in seconds: less what it adds to
  /// the latency, less what the weights take off. Without weights the rewards of an episode add up to -latency().
  double step(std::uint8_t quarters);

  /// Of what is placed so far.
  double latency() const { return timeline_.latency(); }
  const Placement& placement() const { return placement_; }

  /// Seconds of the next group alone, if it is divided so that it ends soonest.
  double least_seconds() const { return known_[timeline_.groups()].least; }
  /// The mean of that over all groups.
  double unit() const { return unit_; }
  const CostTable& table() const { return table_; }

 private:
  struct Known {  // of a group, before anything is placed
    double least = 0;
    std::array<double, kQuarters + 1> seconds{};  // of the slower processor, by the other's quarters
    std::vector<float> features{};
  };

  Environment(CostTable table, const ProcessorPair& pair, CostModel model, RewardWeights weights);
  void know_group(std::size_t group, std::size_t readers);
  void look_ahead();

  CostTable table_;
  ProcessorPair pair_;
  RewardWeights weights_;
  double unit_ = 0;
  std::array<Share, kQuarters + 1> shares_;  // by quarters
  std::vector<Known> known_;                 // by group
  Timeline timeline_;
  Placement placement_;
};

/// One for each of find_pairs() that runs every group. kFailedPrecondition: errors of find_pairs(); if no pair does,
/// that of the first.
Result<std::vector<std::unique_ptr<Environment>>> environments_of(const CostTable& table, CostModel model,
                                                                  const RewardWeights& weights = {});

}  // namespace sparseloom::place
