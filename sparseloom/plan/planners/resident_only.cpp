#include "sparseloom/plan/planners/resident_only.h"

#include "sparseloom/profile/change_latencies.h"

namespace sparseloom::plan {

profile::Profile with_loading(const profile::Profile& profile, const soc::Soc& soc, const IsResident& resident,
                              Seconds loading) {
  return profile::change_latencies(profile, [&](zoo::TaskId t, zoo::VariantId v, zoo::StageId i, soc::ProcessorId p,
                                                soc::Backend b, profile::Latency& latency) {
    const soc::ProcessorId first = soc.pools().pool(p).front();
    if (!resident(t, v, i, first, b)) latency.median += loading;
  });
}

}  // namespace sparseloom::plan
