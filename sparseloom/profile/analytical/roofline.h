#pragma once

#include <vector>

#include "sparseloom/backend/graph.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/soc/rates.h"

namespace sparseloom::profile {

/// What one inference of a graph takes on a processor of these rates, by the roofline model (Williams, Waterman,
/// Patterson 2009), operator by operator: launch + Σ max(operations / rate, bytes / bandwidth) + per_operator.
///
/// An operator without multiply-accumulates is part of the one before it if it alone reads that one's result and hands
/// on as many numbers: runtimes fuse biases, activations, quantizers and changes of shape, and do not write what lies
/// between. Every other operator reads its inputs from memory and writes its outputs; constants are read with it. Data
/// behind a quantizer takes one byte per number, all other the bytes of the floating-point format that the processor
/// runs the model in. Caches are not modelled.
///
/// Zeros: with `sparse` (the provider backend::Provider::kSparse) operators gain what rates.unstructured says, and a
/// non-zero weight takes 6 bytes (backend/sparse/matrix.h); without, weights in a 2:4 pattern gain rates.two_of_four,
/// and take half their bytes and two bits for each kept one. Removed channels and heads need no rule: shapes are
/// smaller.
///
/// `resident` is what the constants take so. count is 1 and quartiles are the median: nothing was measured. O(graph).
Latency roofline(const backend::Graph& graph, const soc::Rates& rates, backend::Provider provider);

/// Operators that run as one, and what the roofline model says of them.
struct RooflineGroup {
  std::vector<backend::NodeId> nodes;           ///< in order; the first may multiply, the others are fused with it
  double computing = 0;                         ///< seconds of arithmetic
  double read = 0, constants = 0, written = 0;  ///< bytes from memory of tensors and constants, and to it
};
/// The groups that roofline() sums up. Which operators are fused follows from the graph alone. O(graph).
std::vector<RooflineGroup> roofline_groups(const backend::Graph& graph, const soc::Rates& rates,
                                           backend::Provider provider);

}  // namespace sparseloom::profile
