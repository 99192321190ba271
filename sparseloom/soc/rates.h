// How fast a processor is said to be: what a SoC file gives (docs/soc-format.md) and a roofline reads.
#pragma once

#include <array>
#include <vector>

#include "sparseloom/backend/graph.h"
#include "sparseloom/base/units.h"

namespace sparseloom::soc {

/// How many times as fast an operator runs as its dense self when this share of its weights is zero.
struct SpeedUp {
  double zeros = 0;  ///< 0..1
  double factor = 1;
};

/// Arithmetic in one number format.
struct Arithmetic {
  /// The format it really runs in: another one where the processor lacks this one.
  backend::Precision runs_as = backend::Precision::kFp32;
  double operations_per_second = 0;  ///< reached, not peak; a multiply-accumulate is two
};

struct Rates {
  std::array<Arithmetic, backend::kPrecisions.size()> arithmetic;
  double bytes_per_second = 0;  ///< to and from memory
  Seconds launch{0};            ///< per inference of a subgraph
  Seconds per_operator{0};      ///< per operator that is started by itself
  /// By format: operators with two zeros of every four weights run so many times as fast; 1: nothing is gained.
  std::array<double, backend::kPrecisions.size()> two_of_four{1, 1, 1};
  /// By format: what kernels for weights with zeros anywhere gain, zeros ascending; empty: there are none.
  std::array<std::vector<SpeedUp>, backend::kPrecisions.size()> unstructured;

  const Arithmetic& of(backend::Precision p) const { return arithmetic[static_cast<std::size_t>(p)]; }
  Arithmetic& of(backend::Precision p) { return arithmetic[static_cast<std::size_t>(p)]; }
  const std::vector<SpeedUp>& unstructured_of(backend::Precision p) const {
    return unstructured[static_cast<std::size_t>(p)];
  }
};

/// The factor at `zeros`: linear between points, 1 below the first and the last one's above the last. At least 1: the
/// sparse kernels are taken only where they are faster.
double speed_up(const std::vector<SpeedUp>& curve, double zeros);

}  // namespace sparseloom::soc
