#pragma once

#include "sparseloom/engine/engine_player.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::eval {

/// The machine as today's servers use it: every one of `tasks` tasks has a processor of its own, and each of these is
/// all CPU cores of `soc`; the operating system shares the cores among them. Only the openvino provider, with as many
/// threads as there are cores. kFailedPrecondition: `soc` has no CPU.
Result<soc::Soc> shared_cores(const soc::Soc& soc, std::size_t tasks);

/// A plan of planner `shared` (TaskPlan::shared) as a machine of shared_cores() serves it: task t whole on processor t.
plan::Plan on_shared_cores(plan::Plan plan);

/// An engine for such plans, beside the main one; its workers sleep while nothing is played. Everything that `setup`
/// refers to but its SoC and its residency is used; all must outlive it.
class SharedCores {
 public:
  /// `plan` by planner `shared` is what it starts with. Errors: those of shared_cores() and
  /// engine::EnginePlayer::start().
  static Result<std::unique_ptr<SharedCores>> start(const engine::EnginePlayerSetup& setup,
                                                    const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                                    const std::filesystem::path& compile_cache, const plan::Plan& plan);
  engine::EnginePlayer& player() { return *player_; }

 private:
  SharedCores() = default;
  soc::Soc soc_;
  std::unique_ptr<engine::Residency> residency_;
  std::unique_ptr<engine::EnginePlayer> player_;
};

}  // namespace sparseloom::eval
