#include "sparseloom/plan/planners/resident_only.h"

#include "sparseloom/profile/change_latencies.h"

namespace sparseloom::plan {

profile::Profile with_loading(const profile::Profile& profile, const soc::Soc& soc, const IsResident& resident,
                              Seconds loading) {
  return profile::change_latencies(profile, [&](soc::SubgraphKey subgraph, profile::Latency& latency) {
    subgraph.processor = soc.pools().pool(subgraph.processor).front();
    if (!resident(subgraph)) latency.median += loading;
  });
}

}  // namespace sparseloom::plan
