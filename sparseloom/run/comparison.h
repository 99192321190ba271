#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/run/player.h"

namespace sparseloom::run {

/// One system under comparison (design: Systems).
struct Contender {
  std::string name;
  std::shared_ptr<const plan::Plan> plan;
};

struct ComparisonOptions {
  std::size_t repeats = 5;  ///< times that every one of plan::episode_orders() is played
  Seconds saturated{2};     ///< time under saturation, per contender, spread over the repeats; 0: not measured
  /// Called before each contender's share of each repeat, with the share of the work that is done, 0..1. May be empty.
  std::function<void(double)> on_progress;
};

/// What one contender did.
struct Outcome {
  std::vector<Record> episodes;
  double throughput_qps = 0;  ///< requests completed per second under saturation; 0 if not measured
};

/// Full rounds only, so that every contender has served the same requests.
struct Comparison {
  std::vector<Outcome> outcomes;  ///< by contender
  std::size_t rounds = 0;         ///< fewer than the repeats if stopped; 0: nothing to compare
};

/// Plays the same requests under every contender's plan, on one engine, in one interleaved run: in each repeat each
/// contender in turn plays the episodes of all of plan::episode_orders(), then a slice of saturation. All plans are
/// resident throughout. Stops early when the player's stop flag is set; what the round under way has seen is dropped.
/// Errors: those of switching plans.
Result<Comparison> compare(Player& player, const std::vector<Contender>& contenders, const std::vector<plan::Slo>& slos,
                           const ComparisonOptions& options);

}  // namespace sparseloom::run
