#include "sparseloom/engine/engine_player.h"

#include "sparseloom/plan/costs.h"

namespace sparseloom::engine {

EnginePlayer::EnginePlayer(EnginePlayerSetup& setup) : Player(std::move(setup.samples), setup.stop, setup.grace) {}

Result<std::unique_ptr<EnginePlayer>> EnginePlayer::start(EnginePlayerSetup setup,
                                                          std::shared_ptr<const plan::Plan> plan) {
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    if (t < setup.samples.size() && !setup.samples[t].inputs.empty()) continue;
    return error(Code::kInvalidArgument, "task '{}': no samples to send", setup.zoo.tasks[t].name);
  }
  std::unique_ptr<EnginePlayer> player(new EnginePlayer(setup));
  const auto on_complete = [p = player.get()](const Completion& completion) { p->on_complete(completion); };
  SL_ASSIGN_OR_RETURN(player->engine_, Engine::start(setup.zoo, setup.soc, setup.residency, std::move(plan),
                                                     std::move(setup.engine), on_complete));
  return player;
}

Status EnginePlayer::submit(const sched::Request& request, std::size_t sample) {
  return engine_->submit(request, samples()[request.task.index()].inputs[sample]);
}

void EnginePlayer::on_complete(const Completion& completion) {
  const sched::Request& request = completion.request;
  Outcome outcome{
      .finished = completion.finished, .status = completion.status, .plan_version = completion.plan_version};
  if (completion.status.ok()) outcome.predicted = zoo::top1(completion.output());
  if (completion.plan != nullptr) outcome.accurate = plan::accurate(*completion.plan, slo(request.task));
  completed(request, outcome);
}

}  // namespace sparseloom::engine
