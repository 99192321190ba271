#include "sparseloom/plan/planners/shared_planner.h"

#include <algorithm>
#include <utility>

#include "sparseloom/plan/planners/baseline.h"

namespace sparseloom::plan {

namespace {

constexpr std::string_view kCpu = "CPU";
constexpr auto kOnnxRuntime = backend::Provider::kOnnxRuntime;

bool needs_onnxruntime(const zoo::Zoo& zoo) {
  return std::any_of(zoo.tasks.begin(), zoo.tasks.end(), [](const zoo::Task& task) {
    return std::any_of(task.variants.begin(), task.variants.end(),
                       [](const zoo::Variant& v) { return v.onnx_only || v.provider == kOnnxRuntime; });
  });
}

Result<std::vector<soc::ProcessorId>> cpu_processors(const soc::Soc& soc) {
  std::vector<soc::ProcessorId> all;
  for (std::size_t p = 0; p < soc.processors.size(); ++p) {
    if (soc.processors[p].device == kCpu) all.emplace_back(p);
  }
  if (!all.empty()) return all;
  return error(Code::kFailedPrecondition, "soc '{}': no processor is of the device '{}', whose cores 'shared' shares",
               soc.name, kCpu);
}

}  // namespace

std::vector<backend::Provider> shared_providers(std::vector<backend::Provider> offered) {
  std::erase_if(offered, [](backend::Provider b) {
    const backend::ProviderInfo& provider = backend::info(b);
    const bool openvinos_own = provider.runtime == "openvino" && provider.sparse_layers == backend::SparseLayers::kNone;
    return !openvinos_own && b != kOnnxRuntime;
  });
  constexpr auto kOpenVino = backend::Provider::kOpenVino;
  if (std::find(offered.begin(), offered.end(), kOpenVino) == offered.end()) offered.insert(offered.begin(), kOpenVino);
  return offered;
}

Result<Plan> SharedPlanner::plan(const Problem& given) const {
  SL_RETURN_IF_ERROR(check_slos(given));
  // The sparse kernels run on one core: what is served by all of them is the runtime's own, whatever others may use. A
  // variant that only the other runtime runs needs that. What other devices do is not shared.
  const bool both = needs_onnxruntime(given.zoo);
  soc::Soc runtime_only = given.soc;
  runtime_only.processors = {};
  for (soc::Processor p : given.soc.processors) {
    if (p.device == kCpu) {
      if (!both) std::erase(p.providers, kOnnxRuntime);
      p.providers = shared_providers(std::move(p.providers));
    } else {
      p.providers.clear();
    }
    runtime_only.processors.push_back(std::move(p));
  }
  const Problem problem{given.zoo, runtime_only, given.profile, given.slo, given.memory_budget, given.load};
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> costs, read_costs(problem.zoo, problem.soc, problem.profile));
  SL_ASSIGN_OR_RETURN(const std::vector<soc::ProcessorId> cpus, cpu_processors(problem.soc));
  SL_ASSIGN_OR_RETURN(std::vector<zoo::Sigma> sigmas, choose_originals(problem, costs, choose_fastest_feasible));
  Plan plan;
  plan.planner = name();
  for (std::size_t t = 0; t < costs.size(); ++t) {
    Placement best;
    double requests_per_second = 0;  // of this task alone, by all processors together
    for (const soc::ProcessorId p : cpus) {
      Placement whole(costs[t].stages(), p);
      requests_per_second += 1 / costs[t].latency(sigmas[t], whole);
      if (best.empty() || costs[t].latency(sigmas[t], whole) < costs[t].latency(sigmas[t], best)) {
        best = std::move(whole);
      }
    }
    SL_ASSIGN_OR_RETURN(TaskPlan task,
                        make_task_plan(problem, costs[t], zoo::TaskId(t), std::move(sigmas[t]), std::move(best)));
    task.shared = true;
    plan.tasks.push_back(std::move(task));
    plan.bottleneck += Seconds(1 / requests_per_second);
  }
  plan.gap = 1;  // it looks for no bound
  SL_RETURN_IF_ERROR(check_memory(problem, costs, plan));
  return plan;
}

}  // namespace sparseloom::plan
