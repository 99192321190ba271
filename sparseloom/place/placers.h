#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sparseloom/place/cost_table.h"
#include "sparseloom/place/evaluate.h"
#include "sparseloom/place/thresholds.h"

namespace sparseloom::place {

struct SacPolicy;

struct PlacerOptions {
  CostModel model = CostModel::kMakespan;
  /// How much `exact` may do, in numbers written (about 1e8 a second). It counts instead of looking at a clock, so that
  /// its answers are the same everywhere.
  double work = 1e8;
  /// What `sparoa-threshold` goes by; somebody who can run a model has predicted them (profile::ThresholdPredictor).
  std::optional<Thresholds> thresholds{};
  /// What `sparoa-sac` goes by (learned/policy.h).
  std::shared_ptr<const SacPolicy> sac_policy{};
};

/// A placement, and how good it is known to be.
struct Placed {
  Placement placement;
  double latency = kCannot;                ///< seconds, by latency_of()
  double lower_bound = 0;                  ///< no placement takes less; 0 if the method looks for none
  bool optimal = false;                    ///< proven: latency equals lower_bound
  std::optional<Thresholds> thresholds{};  ///< of methods that go by them
  double gap() const { return latency > 0 ? 1 - lower_bound / latency : 0; }
};

/// A method by which groups are placed.
struct Placer {
  std::string_view name;
  std::string_view what;  ///< in a line, for people
  /// kFailedPrecondition where the machine has not the processors that it takes, or these cannot run the model.
  std::function<Result<Placed>(const CostTable&, const PlacerOptions&)> place;
};

/// All methods, `exact` first. Each wants a table that check() accepts. Deterministic.
const std::vector<Placer>& placers();
/// By name. kInvalidArgument lists the names.
Result<const Placer*> find_placer(std::string_view name);

/// The methods, a file each in methods/.
Result<Placed> place_exactly(const CostTable& table, const PlacerOptions& options);
Result<Placed> place_by_cut(const CostTable& table, const PlacerOptions& options);
Result<Placed> place_by_threshold(const CostTable& table, const PlacerOptions& options);
Result<Placed> place_by_sparoa_threshold(const CostTable& table, const PlacerOptions& options);
Result<Placed> place_by_sac(const CostTable& table, const PlacerOptions& options);
Result<Placed> place_greedily(const CostTable& table, const PlacerOptions& options);
Result<Placed> place_by_codl(const CostTable& table, const PlacerOptions& options);
Result<Placed> place_on_cpu(const CostTable& table, const PlacerOptions& options);
Result<Placed> place_on_gpu(const CostTable& table, const PlacerOptions& options);

}  // namespace sparseloom::place
