#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "sparseloom/place/least_energy.h"
#include "sparseloom/place/placers.h"

namespace sparseloom::place {

/// What a batch is chosen for.
enum class Objective : std::uint8_t {
  kThroughput,  ///< the most inferences per second
  kEnergy       ///< the fewest joules per inference, modelled
};
inline constexpr std::array kObjectives{Objective::kThroughput, Objective::kEnergy};
/// "throughput", "energy".
std::string_view name_of(Objective objective);
/// kInvalidArgument lists the names.
Result<Objective> find_objective(std::string_view name);

struct BatchOptions {
  std::vector<std::size_t> batches{1, 2, 4, 8, 16, 32};  ///< that are tried, in any order
  Objective objective = Objective::kThroughput;
  double latency_bound = kCannot;  ///< seconds that a batch may take; what requests wait for others is not in it
  PlacerOptions placer{};
};

/// A batch as it was placed.
struct BatchPlaced {
  std::size_t batch = 1;
  Placed fastest;      ///< by `exact`
  bool keeps = false;  ///< fastest.latency keeps the bound; if not, whether none can is in its lower_bound
  std::optional<EnergyPlaced> frugal{};  ///< for Objective::kEnergy, if it keeps the bound

  const Placement& placement() const { return frugal ? frugal->placement : fastest.placement; }
  double latency() const { return frugal ? frugal->latency : fastest.latency; }
  double throughput() const { return static_cast<double>(batch) / latency(); }
};

struct BatchChoice {
  std::vector<BatchPlaced> batches;  ///< ascending
  std::size_t best = 0;              ///< index into it
  double value = 0;                  ///< of the best: inferences per second, or joules per inference
  double bound = 0;                  ///< no batch of those tried has more inferences per second, or less joules
  bool proven = false;               ///< value and bound are the same: no batch and placement is better

  const BatchPlaced& chosen() const { return batches[best]; }
};

/// What a model costs that serves so many requests at once.
using TableOfBatch = std::function<Result<CostTable>(std::size_t batch)>;

/// Batch-size optimisation, offline (our reading of what SparOA, arXiv 2511.19457, calls dynamic batching and
/// batch-size optimisation): of the batches that are tried, and of all their placements, the one with the most
/// inferences per second that keeps the bound on latency, or with the least energy per inference. Of equals the
/// smallest batch. Every batch is placed by `exact`, and for energy by place_for_energy(), so both their proofs and
/// their limits of work go into `bound`. kInvalidArgument: no batch, one of 0, a bound that is not above 0.
/// kFailedPrecondition: no batch keeps the bound, and what the fastest one takes; or the table has no energy. Errors of
/// `table_of`.
Result<BatchChoice> choose_batch(const TableOfBatch& table_of, const BatchOptions& options);

}  // namespace sparseloom::place
