#pragma once

#include <functional>

#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// Given what a latency was measured of, changes it.
using ChangeLatency = std::function<void(const soc::SubgraphKey&, Latency&)>;

/// `profile` with every measured latency as `change` leaves it. O(latencies).
Profile change_latencies(Profile profile, const ChangeLatency& change);

}  // namespace sparseloom::profile
