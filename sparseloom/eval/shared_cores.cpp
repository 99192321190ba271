#include "sparseloom/eval/shared_cores.h"

#include <utility>

#include "sparseloom/plan/planners/shared_planner.h"

namespace sparseloom::eval {

Result<soc::Soc> shared_cores(const soc::Soc& soc, std::size_t tasks) {
  soc::Processor all;
  for (const soc::Processor& p : soc.processors) {
    if (p.device != "CPU") continue;
    std::vector<CpuIndex> cores = std::move(all.cores);
    cores.insert(cores.end(), p.cores.begin(), p.cores.end());
    all = p;
    all.cores = std::move(cores);
  }
  if (all.device.empty()) {
    return error(Code::kFailedPrecondition, "soc '{}': no processor is of the device 'CPU'", soc.name);
  }
  all.providers = plan::shared_providers(std::move(all.providers));
  soc::Soc shared = soc;
  shared.processors = {};
  for (std::size_t t = 0; t < tasks; ++t) {
    all.name = all.kind = fmt::format("all cores, for task {}", t);
    shared.processors.push_back(all);
  }
  return shared;
}

plan::Plan on_shared_cores(plan::Plan plan) {
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    plan::TaskPlan& task = plan.tasks[t];
    task.shared = false;
    task.placement.assign(task.placement.size(), soc::ProcessorId(t));
  }
  return plan;
}

Result<std::unique_ptr<SharedCores>> SharedCores::start(const engine::EnginePlayerSetup& setup,
                                                        const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                                        const std::filesystem::path& compile_cache,
                                                        const plan::Plan& plan) {
  std::unique_ptr<SharedCores> made(new SharedCores());
  SL_ASSIGN_OR_RETURN(made->soc_, shared_cores(setup.soc, setup.zoo.tasks.size()));
  engine::EngineOptions engine = setup.engine;
  engine.trace = nullptr;  // their processors are others
  engine.drift = nullptr;
  made->residency_ = std::make_unique<engine::Residency>(runtime, made->soc_, pieces, compile_cache);
  SL_ASSIGN_OR_RETURN(made->player_,
                      engine::EnginePlayer::start({.zoo = setup.zoo,
                                                   .soc = made->soc_,
                                                   .residency = *made->residency_,
                                                   .samples = setup.samples,
                                                   .engine = std::move(engine),
                                                   .stop = setup.stop},
                                                  std::make_shared<const plan::Plan>(on_shared_cores(plan))));
  return made;
}

}  // namespace sparseloom::eval
