#pragma once

#include <functional>
#include <vector>

#include "sparseloom/place/learned/policy.h"

namespace sparseloom::place {

/// By default as in docs/hybrid.md.
struct TrainingOptions {
  CostModel model = CostModel::kMakespan;
  std::uint64_t seed = 1;
  std::size_t steps = 200'000;         ///< groups placed, about; then it ends
  std::vector<MachineState> states{};  ///< that it learns in; none: training_states()
  double switching = 0;                ///< μ (RewardWeights)

  std::vector<int> hidden{64, 64};
  double discount = 1, rate = 3e-3, target_rate = 0.02, target_entropy = -2, first_temperature = 0.2;
  std::size_t batch = 64, memory = 65'536;
  std::size_t steps_per_update = 4;
  std::size_t warm_up = 1'000;  ///< steps that explore before the first update
  double exploring = 0.3;       ///< share of the episodes that explore
  double reward_unit = 10;      ///< rewards are in so many mean groups (Environment::unit())
  std::size_t points = 100;     ///< of the learning curve
};

/// Where the training was at some time.
struct CurvePoint {
  std::size_t episodes = 0, steps = 0, updates = 0;
  std::vector<double> latencies;  ///< by state: seconds by the policy's most likely actions (Decision::policy_latency)
  double relative = 0;            ///< the mean over states of these over Training::single
  double temperature = 0;         ///< α
};

struct Training {
  SacPolicy policy;                  ///< the best by CurvePoint::relative
  std::vector<MachineState> states;  ///< that it learned in
  std::vector<double> single;        ///< by state: seconds of the best single processor; kCannot if none runs all
  std::vector<CurvePoint> curve;
  std::size_t best = 0;  ///< of the curve: the policy
};

/// Slow-downs of the fastest CPU and of the fastest other processor (best_of()) by 1, 1.5 and 2.5 each, the usual state
/// first. Errors: those of find_pairs().
Result<std::vector<MachineState>> training_states(const CostTable& table);

/// Trains a policy by soft actor-critic on the table in each of the states. The same seed, table and options give the
/// same policy on the same machine and build. `on_point` (may be empty) sees every point of the curve; when it returns
/// false, training ends with what it has. Memory: about 30 MB. Errors: those of check() of table and states, and of
/// environments_of(); kInvalidArgument for options that make no sense.
Result<Training> train_sac(const CostTable& table, const TrainingOptions& options,
                           const std::function<bool(const CurvePoint&)>& on_point = {});

}  // namespace sparseloom::place
