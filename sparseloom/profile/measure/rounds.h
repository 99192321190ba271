// Private to profile: timing bound sessions on the processors of a pool.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/conditions.h"
#include "sparseloom/profile/measure/progress.h"

namespace sparseloom::profile {

struct RoundOptions {
  int rounds = 30;
  int least_rounds = 9;      ///< whatever the budget
  Seconds budget{12};        ///< after it no further round is begun
  std::size_t together = 1;  ///< sessions that are run once before they are timed (time_in_warm_groups())
  std::uint64_t seed = 0;
  MachineFiles files;
  Control control;                    ///< stops it; progress is for `after_round` to tell
  std::function<void()> after_round;  ///< may be empty
};

/// [session][member of the pool]; resident is left 0.
using TimedRounds = std::vector<std::vector<Latency>>;

/// Runs all sessions on every processor in rounds, in a seeded order that changes from round to round, so that a
/// disturbance spreads over all of them, and says how the processor's cores were meanwhile. The calling thread is
/// pinned to the processor under measurement and gets its cores back. kCancelled.
Result<TimedRounds> time_rounds(const std::vector<backend::Session*>& sessions, const soc::Soc& soc,
                                const std::vector<soc::ProcessorId>& pool, const RoundOptions& options);

}  // namespace sparseloom::profile
