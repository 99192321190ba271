#include "sparseloom/plan/resident_only.h"

namespace sparseloom::plan {

profile::Profile with_loading(const profile::Profile& profile, const soc::Soc& soc, const IsResident& resident,
                              Seconds loading) {
  const soc::Pools pools = soc::find_pools(soc);
  profile::Profile result = profile;
  for (std::size_t t = 0; t < result.tasks.size(); ++t) {
    profile::TaskProfile& task = result.tasks[t];
    for (std::size_t v = 0; v < task.variants(); ++v) {
      for (std::size_t i = 0; i < task.stages(); ++i) {
        for (std::size_t p = 0; p < task.processors(); ++p) {
          const soc::ProcessorId first = pools.members[pools.of[p]].front();
          for (const soc::Backend b : soc.processors[p].backends) {
            if (resident(zoo::TaskId(t), zoo::VariantId(v), zoo::StageId(i), first, b)) continue;
            profile::Latency latency = task.latency(zoo::VariantId(v), zoo::StageId(i), soc::ProcessorId(p), b);
            if (latency.count == 0) continue;
            latency.median += loading;
            task.set_latency(zoo::VariantId(v), zoo::StageId(i), soc::ProcessorId(p), b, latency);
          }
        }
      }
    }
  }
  return result;
}

}  // namespace sparseloom::plan
