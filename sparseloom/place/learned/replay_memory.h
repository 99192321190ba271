#pragma once

#include "sparseloom/place/learned/environment.h"
#include "sparseloom/place/learned/soft_actor_critic.h"

namespace sparseloom::place {

/// The last transitions, so many; older ones are overwritten.
class ReplayMemory {
 public:
  explicit ReplayMemory(std::size_t most);

  /// `next` is null where the episode ended.
  void add(const Observation& observation, double action, double reward, const Observation* next);
  /// So many, each drawn evenly from all; there must be one. Into `batch`, which keeps its memory.
  void draw(std::size_t count, std::mt19937_64& random, Transitions<float>& batch) const;
  std::size_t size() const { return size_; }

 private:
  Transitions<float> all_;
  std::size_t most_, size_ = 0, at_ = 0;
};

}  // namespace sparseloom::place
