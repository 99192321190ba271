#pragma once

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// What a user of today's servers gets: the variant that `av` chooses, every model whole on all cores of the CPU,
/// shared by the operating system (TaskPlan::shared).
///
/// The profile has no model on more than one processor, so what is predicted are bounds. `latency` is that on the best
/// single CPU processor: more cores only help a request that is alone. The bottleneck is that of cores which share all
/// work perfectly, Σ_t 1 / Σ_p 1/L_t(p): no sharing serves more. kFailedPrecondition: the SoC has no CPU. Thread-safe.
class SharedPlanner : public Planner {
 public:
  std::string_view name() const override { return "shared"; }
  Result<Plan> plan(const Problem& problem) const override;
};

/// Of what a CPU offers, what runs a model on all of its cores: OpenVINO's own kernels in every precision (those for
/// sparse weights run on one core), whatever plans are confined to, and ONNX Runtime.
std::vector<backend::Provider> shared_providers(std::vector<backend::Provider> offered);

}  // namespace sparseloom::plan
