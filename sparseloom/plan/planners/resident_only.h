#pragma once

#include <functional>

#include "sparseloom/profile/profile.h"

namespace sparseloom::plan {

/// Whether a subgraph is in memory; asked for the first member of each pool, whose subgraph all of them share.
using IsResident = std::function<bool(const soc::SubgraphKey&)>;

/// The profile as it is for who cannot wait: every subgraph that is not resident takes `loading` longer. With a time
/// that no bound allows, planners take what is resident wherever that keeps the bounds. O(subgraphs).
profile::Profile with_loading(const profile::Profile& profile, const soc::Soc& soc, const IsResident& resident,
                              Seconds loading = Seconds(60));

}  // namespace sparseloom::plan
