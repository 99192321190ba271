#pragma once

#include <memory>

#include "sparseloom/engine/engine.h"
#include "sparseloom/engine/player.h"

namespace sparseloom::engine {

/// What a player of an engine plays against.
struct EnginePlayerSetup {
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  Residency& residency;
  std::vector<TaskSamples> samples;         ///< by zoo::TaskId; each at least one
  EngineOptions engine;                     ///< the engine it starts
  const std::atomic<bool>* stop = nullptr;  ///< see Player
  Seconds grace{5};
};

/// Plays workloads on an engine of its own. All systems under comparison can use one: switch its engine's plan between
/// calls of play().
class EnginePlayer final : public Player {
 public:
  /// Starts the engine under `plan`. Errors: those of Engine::start, and kInvalidArgument for a task without samples.
  static Result<std::unique_ptr<EnginePlayer>> start(EnginePlayerSetup setup, std::shared_ptr<const plan::Plan> plan);

  Engine& engine() { return *engine_; }

 private:
  explicit EnginePlayer(EnginePlayerSetup& setup);
  Seconds now() const override { return engine_->now(); }
  std::chrono::steady_clock::time_point epoch() const override { return engine_->epoch(); }
  Status submit(const sched::Request& request, std::size_t sample) override;
  std::size_t end(Seconds grace) override { return engine_->stop(grace); }
  void on_complete(const Completion& completion);

  std::unique_ptr<Engine> engine_;  // its destructor drains
};

}  // namespace sparseloom::engine
