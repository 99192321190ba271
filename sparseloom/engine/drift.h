#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "sparseloom/base/units.h"
#include "sparseloom/soc/soc.h"

namespace sparseloom::engine {

/// How much longer each processor's stages take than estimated: frequency scaling, heat, a noisy neighbour, or just
/// that they share memory with each other. Each processor's worker writes its own part, any thread reads; wait-free.
class Drift {
 public:
  explicit Drift(std::size_t processors) : processors_(processors) {}

  /// A stage that was estimated to take `estimated` took `measured`, from its dispatch to its end. By the worker of
  /// `processor` alone. An estimate of no time says nothing.
  void observe(soc::ProcessorId processor, Seconds measured, Seconds estimated);

  /// Mean of measured / estimated, the last kMemory stages counting most; 1 while fewer than that have run.
  double slowdown(soc::ProcessorId processor) const;
  std::vector<double> slowdowns() const;

  /// Stages that a mean remembers. Long enough that a preempted stage is no drift, short enough to notice one within a
  /// fraction of a second.
  static constexpr std::uint64_t kMemory = 32;

 private:
  /// On a cache line of its own: workers write theirs all the time.
  struct alignas(64) Processor {
    std::atomic<double> mean{1};
    std::atomic<std::uint64_t> stages{0};
  };
  std::vector<Processor> processors_;
};

}  // namespace sparseloom::engine
