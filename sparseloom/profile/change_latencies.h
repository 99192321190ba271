#pragma once

#include <functional>
#include <vector>

#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// Given what a latency was measured of, changes it.
using ChangeLatency = std::function<void(const soc::SubgraphKey&, Latency&)>;

/// `profile` with every measured latency as `change` leaves it. O(latencies).
Profile change_latencies(Profile profile, const ChangeLatency& change);

/// `profile` with every latency of a processor as many times as long as `slowdowns` (by processor) says.
Profile slowed(const Profile& profile, const std::vector<double>& slowdowns);

}  // namespace sparseloom::profile
