// Policies for the tests of place that are learned, or made up, in a moment.
#pragma once

#include <random>

#include "sparseloom/base/uniform.h"
#include "sparseloom/place/learned/training.h"

namespace sparseloom::testing {

struct Chain {
  std::size_t groups = 4;
  double cpu = 1, gpu = 1;  ///< seconds of a whole group
  double handover = 0;      ///< seconds
  bool along = false;
};

/// Groups each of which reads the one before, on a CPU and a GPU with one memory.
inline place::CostTable chain(const Chain& wanted) {
  place::CostTable table;
  table.processors = {{"cpu", place::ProcessorKind::kCpu}, {"gpu", place::ProcessorKind::kGpu}};
  table.handover.synchronisation = wanted.handover;
  for (std::size_t g = 0; g < wanted.groups; ++g) {
    place::OperatorGroup& group = table.groups.emplace_back();
    group.name = "g" + std::to_string(g);
    group.along = wanted.along;
    group.returned = g + 1 == wanted.groups;
    group.inputs.push_back(g == 0 ? place::Input{.bytes = 1} : place::Input{.from = place::GroupId(g - 1)});
    for (const double whole : {wanted.cpu, wanted.gpu})
      group.seconds.push_back({0, whole / 4, whole / 2, whole * 0.75, whole});
  }
  return table;
}

/// Networks so small that a test may train them.
inline place::TrainingOptions small_training(place::CostModel model) {
  return {.model = model,
          .seed = 1,
          .steps = 1600,
          .hidden = {8},
          .rate = 1e-2,
          .target_rate = 0.05,
          .batch = 16,
          .memory = 1000,
          .warm_up = 100,
          .reward_unit = 1,
          .points = 16};
}

/// A policy of random weights for such a machine.
inline place::SacPolicy made_up_policy(const place::CostTable& table, std::uint64_t seed) {
  place::SacPolicy policy{.machine = place::machine_of(table),
                          .trained_on = place::digest_of(table),
                          .seed = seed,
                          .steps = 12,
                          .hidden = {3, 2},
                          .weights = {}};
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < place::weight_count(policy.hidden); ++i)
    policy.weights.push_back(static_cast<float>(uniform(random) - 0.5));
  return policy;
}

}  // namespace sparseloom::testing
