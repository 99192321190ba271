#pragma once

#include <random>

#include "sparseloom/place/learned/environment.h"
#include "sparseloom/place/learned/mlp.h"

namespace sparseloom::place {

/// Acts in environments by an actor's network, which must outlive it. Not thread-safe.
class Actor {
 public:
  explicit Actor(const Mlp<float>& network) : network_(network) {}

  /// -1..1: the most likely action, or one drawn from the policy.
  double act(const Observation& observation, std::mt19937_64* random = nullptr);
  /// An episode from its start. Returns its latency.
  double play(Environment& environment, std::mt19937_64* random = nullptr);

 private:
  const Mlp<float>& network_;
  Mlp<float>::Pass pass_;
  Mlp<float>::Matrix inputs_, noise_;
};

}  // namespace sparseloom::place
