#pragma once

#include <cstdint>
#include <random>

#include "sparseloom/simulate/benchmark.h"

namespace sparseloom::simulate {

/// Requests made up over a benchmark's traces, as the public benchmark makes them: model, sample and priority (1, 3 or
/// 9) equally likely; the latency bound is a multiple of what the model takes alone on average.
struct GeneratorOptions {
  enum class Kind {
    kPoisson,   ///< exponential gaps
    kPeriodic,  ///< equal gaps
    kBursty,    ///< Poisson at four times the rate for a quarter of the time: bursts of 25 requests on average
  };
  Kind kind = Kind::kPoisson;
  std::uint64_t requests = 1000;
  double load = 0.85;  ///< work that arrives per second over what the processors do in it, by average times
  double slo_multiplier = 10;
  std::uint64_t seed = 1;
  std::size_t processors = 1;
};

/// The same options give the same requests on every machine.
class Generator final : public RequestSource {
 public:
  /// `benchmark` must outlive it. Numbers must be positive (asserted by the command line).
  Generator(const Benchmark& benchmark, const GeneratorOptions& options);
  Result<std::optional<Query>> next() override;

 private:
  double uniform();
  std::size_t below(std::size_t count);
  double gap();

  const Benchmark& benchmark_;
  const GeneratorOptions options_;
  std::mt19937_64 bits_;
  std::vector<double> isolated_;  // by model: average seconds alone, over all patterns of the architecture
  double mean_gap_ = 0;
  double burst_left_ = 0, arrival_ = 0;
  std::uint64_t made_ = 0;
};

}  // namespace sparseloom::simulate
