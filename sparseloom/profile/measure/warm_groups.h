#pragma once

#include <algorithm>
#include <chrono>
#include <span>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"

namespace sparseloom::profile {

/// Runs what `order` names, `together` at a time: each of a group once, then each once more, which is timed. Caches
/// then hold what the group leaves in them: with as many as serve all tasks of a zoo, what they hold in service. run(i)
/// -> Status, keep(i, Seconds).
template <typename Run, typename Keep>
Status time_in_warm_groups(std::span<const std::size_t> order, std::size_t together, const Run& run, const Keep& keep) {
  for (std::span<const std::size_t> rest = order; !rest.empty();) {
    const auto group = rest.first(std::min(together, rest.size()));
    rest = rest.subspan(group.size());
    for (const std::size_t i : group) SL_RETURN_IF_ERROR(run(i));
    for (const std::size_t i : group) {
      const auto start = std::chrono::steady_clock::now();
      SL_RETURN_IF_ERROR(run(i));
      keep(i, Seconds(std::chrono::steady_clock::now() - start));
    }
  }
  return {};
}

}  // namespace sparseloom::profile
