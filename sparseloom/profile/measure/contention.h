#pragma once

#include <filesystem>
#include <functional>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/progress.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

struct ContentionOptions {
  int rounds = 15;                      ///< timed runs of every stage beside every neighbour
  int idle_rounds = 8;                  ///< and after every time of idling
  std::filesystem::path compile_cache;  ///< empty: compiled blobs are not kept
  Control control;
  /// The measuring thread's; empty: steady_clock and sleep_for.
  std::function<Seconds()> clock{};
  std::function<void(Seconds)> sleep{};
};

/// How much every stage is slowed by every stage of every task on a neighbouring processor, and how its run times
/// vary beside them. The dense variants stand for all, two processors of a pool for all of its
/// members, by the provider that the processor offers first. One processor runs a stage over and over while another
/// runs all stages in a seeded order that changes from round to round, so that what a stage finds in the caches is what
/// other stages left there; rounds without a neighbour are among them. Members of a pool that run the same subgraph
/// take turns in the runtime: that is no slow-down and not in it. Then, how much more a stage takes once its processor
/// has idled since it ran last, for up to 0.3 s, than at once again: what other programs leave of the caches. Blocks;
/// runs in threads of its own, pinned to the processors' cores. A machine of one processor: nothing slows anything.
/// O(pairs of pools · stages² · rounds) runs.
Result<Contention> measure_contention(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                                      zoo::PieceStore& pieces, const ContentionOptions& options);

}  // namespace sparseloom::profile
