#pragma once

#include <functional>

#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// Given where a latency was measured, changes it.
using ChangeLatency =
    std::function<void(zoo::TaskId, zoo::VariantId, zoo::StageId, soc::ProcessorId, soc::Backend, Latency&)>;

/// `profile` with every measured latency as `change` leaves it. O(latencies).
Profile change_latencies(Profile profile, const ChangeLatency& change);

}  // namespace sparseloom::profile
