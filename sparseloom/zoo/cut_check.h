#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/zoo/chain.h"

namespace sparseloom::zoo {

/// How far two runs of a model lie apart, over all outputs and inputs tried.
struct Difference {
  double max_abs = 0;  ///< max |a - b|
  double max_rel = 0;  ///< max |a - b| / max |a|, per output
  bool bit_identical = true;

  void merge(const Difference& other);
};

/// Compares one tensor's two values. A NaN on one side alone counts as an infinite difference.
Difference compare(const TensorSpec& spec, std::span<const std::byte> a, std::span<const std::byte> b);

/// Made-up inputs of a model, the same for the same seed. Floats are standard normal, uniform in [0,1) or normal with
/// deviation 0.5, turn by turn with the seed; integers that index a table (an embedding) stay within it; bytes
/// are uniform; other integers and booleans are masks: ones, and zeros at the end.
std::vector<HostBuffer> seeded_inputs(const backend::Graph& graph, std::uint64_t seed);

struct ChainCheck {
  Difference difference;  ///< between the whole model and the chain
  /// Least distance, as max_rel, that an output of the whole model moves between unlike inputs. A check against a bound
  /// that is not well below it says little.
  double sensitivity = 0;
  /// How many of the inputs made some output of the whole model NaN or infinite: there agreement says nothing.
  std::uint64_t not_finite = 0;
};

/// Runs both on `seeds` seeded inputs and compares every output.
Result<ChainCheck> check_chain(const backend::Graph& graph, Chain& whole, Chain& chain, std::uint64_t seeds);

/// What max_rel must not exceed. 1e-4, as pieces may be fused otherwise and sum in another order; where tensors are f16
/// or bf16 themselves, some roundings of those more, as a boundary rounds what the whole model may keep wide: 0.004,
/// 0.03; in a quantized model, where a value on the edge between two levels may round either way, at least 0.008. An
/// opaque model may be any of these: 0.03.
double difference_bound(const backend::Graph& graph);
/// The same where all is computed in this type: 1e-4, 0.004, 0.03.
double difference_bound(ElementType computed_in);

}  // namespace sparseloom::zoo
