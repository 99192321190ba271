#include "sparseloom/profile/change_latencies.h"

namespace sparseloom::profile {

Profile change_latencies(Profile profile, const ChangeLatency& change) {
  for (std::size_t t = 0; t < profile.tasks.size(); ++t) {
    TaskProfile& task = profile.tasks[t];
    for (std::size_t v = 0; v < task.variants(); ++v) {
      for (std::size_t i = 0; i < task.stages(); ++i) {
        for (std::size_t p = 0; p < task.processors(); ++p) {
          for (const soc::Backend b : soc::kBackends) {
            const zoo::VariantId variant(v);
            const zoo::StageId stage(i);
            const soc::ProcessorId processor(p);
            Latency latency = task.latency(variant, stage, processor, b);
            if (latency.count == 0) continue;
            change(zoo::TaskId(t), variant, stage, processor, b, latency);
            task.set_latency(variant, stage, processor, b, latency);
          }
        }
      }
    }
  }
  return profile;
}

}  // namespace sparseloom::profile
