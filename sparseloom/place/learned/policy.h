#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/place/placers.h"
#include "sparseloom/place/state.h"

namespace sparseloom::place {

/// What soft actor-critic has learned: the actor's network, and what it was trained for. Plain data.
struct SacPolicy {
  std::string machine;  ///< machine_of() the table
  CostModel model = CostModel::kMakespan;
  std::string trained_on;      ///< digest_of() the table in its usual state: for people
  std::uint64_t seed = 0;      ///< of the training
  std::uint64_t steps = 0;     ///< of the training, up to this policy
  std::vector<int> hidden;     ///< neurons of the hidden layers
  std::vector<float> weights;  ///< as Mlp::parameters() has them
};

/// The processors by kind and memory domain, in order: "cpu:0 gpu:1". A policy is for machines of one.
std::string machine_of(const CostTable& table);
/// 16 hexadecimal digits that differ if groups or their times do.
std::string digest_of(const CostTable& table);

/// Of the widths of its layers: allowed are 1 to 4 hidden ones of 1 to 512 neurons.
bool is_allowed(const std::vector<int>& hidden);
/// Weights that a policy of such layers has.
std::size_t weight_count(const std::vector<int>& hidden);

/// An action -1..1 as a share of 0..1: 0.2 of the range for each of five quarters, so that an end is no harder to reach
/// than the middle.
double share_of_action(double action);
/// In the middle of those that mean so many quarters.
double action_of_quarters(std::uint8_t quarters);

/// Which placements are judged beside those of the policy's most likely actions, one for each accelerator.
struct RollOuts {
  std::size_t sampled = 8;  ///< for each accelerator, of actions drawn from the policy
  std::uint64_t seed = 1;   ///< for drawing them
  bool single = true;       ///< every processor alone
};

/// What a policy says to a table.
struct Decision {
  Placed placed;                    ///< the best of all roll-outs by the cost model
  double policy_latency = kCannot;  ///< seconds by the policy's most likely actions alone
  std::size_t roll_outs = 0;        ///< placements that were judged
};

/// Rolls the policy out over a table, whose times are those of the machine's state. Nothing is searched or solved.
/// kFailedPrecondition: the policy is for another machine; errors of find_pairs(); errors of Environment::create()
/// if they are those of every pair.
/// O(roll-outs · groups · weights).
Result<Decision> decide(const CostTable& table, const SacPolicy& policy, const RollOuts& roll_outs = {});

/// The same for a machine in another state than the table's. Errors too: those of check(state).
Result<Decision> decide(const CostTable& table, const MachineState& state, const SacPolicy& policy,
                        const RollOuts& roll_outs = {});

}  // namespace sparseloom::place
