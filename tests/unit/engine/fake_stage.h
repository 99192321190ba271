// A fake world with samples to send and bounds to meet: what a Player plays on.
#pragma once

#include <gtest/gtest.h>

#include "fake_world.h"
#include "sparseloom/engine/engine_player.h"

namespace sparseloom::engine::testing {

struct Stage {
  explicit Stage(std::size_t tasks = 2, std::size_t samples = 5) : world(tasks), inputs(samples) {
    TaskSamples task;
    for (std::size_t s = 0; s < samples; ++s) {
      task.inputs.push_back(inputs[s]);
      task.labels.push_back(0);
    }
    setup.samples.assign(tasks, task);
    slos.assign(tasks, {0.5, from_ms(50)});
  }
  std::unique_ptr<EnginePlayer> start() {
    auto player = EnginePlayer::start(setup, world.plan_of(0));
    EXPECT_TRUE(player.ok());
    return std::move(player).value();
  }
  FakeWorld world;
  Inputs inputs;
  EnginePlayerSetup setup{
      .zoo = world.zoo, .soc = world.soc, .residency = world.residency, .samples = {}, .engine = {}};
  std::vector<plan::Slo> slos;
};

}  // namespace sparseloom::engine::testing
