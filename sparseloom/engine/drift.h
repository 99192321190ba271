#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "sparseloom/base/units.h"
#include "sparseloom/soc/soc.h"

namespace sparseloom::engine {

/// How much longer each place's stages take than estimated: frequency scaling, heat, a noisy neighbour, or just that
/// they share memory with each other. Each place's worker writes its own part, any thread reads; wait-free.
class Drift {
 public:
  explicit Drift(soc::Pools pools) : pools_(std::move(pools)), places_(pools_.places()) {}

  /// A stage that was estimated to take `estimated` took `measured`, from its dispatch to its end. By the worker of
  /// `place` alone. An estimate of no time says nothing.
  void observe(soc::ProcessorId place, Seconds measured, Seconds estimated);

  /// Mean of measured / estimated, the last kMemory stages counting most. While fewer than that have run: the largest
  /// of those that it shares processors with, which tell of the same cores; 1 if there is none.
  double slowdown(soc::ProcessorId place) const;
  /// By place.
  std::vector<double> slowdowns() const;

  /// Stages that a mean remembers. Long enough that a preempted stage is no drift, short enough to notice one within a
  /// fraction of a second.
  static constexpr std::uint64_t kMemory = 32;

 private:
  /// On a cache line of its own: workers write theirs all the time.
  struct alignas(64) Place {
    std::atomic<double> mean{1};
    std::atomic<std::uint64_t> stages{0};
    bool known() const { return stages.load(std::memory_order_relaxed) >= kMemory; }
  };
  soc::Pools pools_;
  std::vector<Place> places_;
};

}  // namespace sparseloom::engine
