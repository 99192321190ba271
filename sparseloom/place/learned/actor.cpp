#include "sparseloom/place/learned/actor.h"

#include "sparseloom/place/learned/policy.h"
#include "sparseloom/place/learned/soft_actor_critic.h"

namespace sparseloom::place {

double Actor::act(const Observation& observation, std::mt19937_64* random) {
  inputs_ = Eigen::Map<const Eigen::Matrix<float, kFeatures, 1>>(observation.data());
  noise_.setConstant(1, 1, random != nullptr ? static_cast<float>(normal(*random)) : 0.F);
  network_.forward(inputs_, pass_);
  return static_cast<double>(squash<float>(pass_.outputs(), noise_).actions(0, 0));
}

double Actor::play(Environment& environment, std::mt19937_64* random) {
  environment.reset();
  while (!environment.done())
    environment.step(environment.project(share_of_action(act(environment.observe(), random))));
  return environment.latency();
}

}  // namespace sparseloom::place
