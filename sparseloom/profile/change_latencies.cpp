#include "sparseloom/profile/change_latencies.h"

namespace sparseloom::profile {

Profile change_latencies(Profile profile, const ChangeLatency& change) {
  for (std::size_t t = 0; t < profile.tasks.size(); ++t) {
    const TaskProfile& task = profile.tasks[t];
    for (std::size_t v = 0; v < task.variants(); ++v) {
      for (std::size_t i = 0; i < task.stages(); ++i) {
        for (std::size_t p = 0; p < task.places(); ++p) {
          for (const backend::Provider b : backend::kProviders) {
            const soc::SubgraphKey subgraph{zoo::TaskId(t), zoo::VariantId(v), zoo::StageId(i), soc::ProcessorId(p), b};
            Latency latency = profile.latency(subgraph);
            if (latency.count == 0) continue;
            change(subgraph, latency);
            profile.set_latency(subgraph, latency);
          }
        }
      }
    }
  }
  return profile;
}

Profile slowed(const Profile& profile, const std::vector<double>& slowdowns) {
  return change_latencies(profile, [&](const soc::SubgraphKey& subgraph, Latency& latency) {
    const double slowdown = slowdowns[subgraph.processor.index()];
    latency.median *= slowdown;
    latency.q1 *= slowdown;
    latency.q3 *= slowdown;
  });
}

}  // namespace sparseloom::profile
