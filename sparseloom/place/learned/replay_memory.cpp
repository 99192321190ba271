#include "sparseloom/place/learned/replay_memory.h"

#include <algorithm>

namespace sparseloom::place {
namespace {

using Column = Eigen::Map<const Eigen::Matrix<float, kFeatures, 1>>;

void resize(Transitions<float>& transitions, std::size_t columns) {
  const auto count = static_cast<Eigen::Index>(columns);
  transitions.observations.resize(kFeatures, count);
  transitions.next_observations.resize(kFeatures, count);
  for (auto* row : {&transitions.actions, &transitions.rewards, &transitions.goes_on}) row->resize(1, count);
}

}  // namespace

ReplayMemory::ReplayMemory(std::size_t most) : most_(most) { resize(all_, most); }

void ReplayMemory::add(const Observation& observation, double action, double reward, const Observation* next) {
  const auto column = static_cast<Eigen::Index>(at_);
  all_.observations.col(column) = Column(observation.data());
  all_.next_observations.col(column) = Column(next != nullptr ? next->data() : observation.data());
  all_.actions(0, column) = static_cast<float>(action);
  all_.rewards(0, column) = static_cast<float>(reward);
  all_.goes_on(0, column) = next != nullptr ? 1 : 0;
  at_ = (at_ + 1) % most_;
  size_ = std::min(size_ + 1, most_);
}

void ReplayMemory::draw(std::size_t count, std::mt19937_64& random, Transitions<float>& batch) const {
  resize(batch, count);
  for (Eigen::Index to = 0; to < static_cast<Eigen::Index>(count); ++to) {
    const auto from = static_cast<Eigen::Index>(random() % size_);
    batch.observations.col(to) = all_.observations.col(from);
    batch.next_observations.col(to) = all_.next_observations.col(from);
    batch.actions(0, to) = all_.actions(0, from);
    batch.rewards(0, to) = all_.rewards(0, from);
    batch.goes_on(0, to) = all_.goes_on(0, from);
  }
}

}  // namespace sparseloom::place
