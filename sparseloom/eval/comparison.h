#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sparseloom/eval/host.h"

namespace sparseloom::eval {

/// One system under comparison: its name, and what it plans.
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
  std::vector<engine::Record> episodes;  ///< Record::episode tells them apart
  std::vector<double> served_qps;        ///< by task: requests completed per second under saturation; 0 if not measured
  double throughput_qps() const;         ///< their sum
};

/// Full rounds only, so that every contender has served the same requests.
struct Comparison {
  std::vector<Outcome> outcomes;  ///< by contender
  std::size_t rounds = 0;         ///< fewer than the repeats if stopped; 0: nothing to compare
};

/// Plays the same requests under every contender's plan, on one host, in one interleaved run: in each repeat each
/// contender in turn, in another order every time, plays the episodes of all of plan::episode_orders(), then a slice of
/// saturation. All plans are resident throughout. Stops early when the host is stopped; what the round under way has
/// seen is dropped. Errors: those of adopting plans and of playing.
Result<Comparison> compare(Host& host, const std::vector<Contender>& contenders, const std::vector<plan::Slo>& slos,
                           const ComparisonOptions& options);

/// Requests completed per second and task when two of each of `tasks` tasks are in the system all the time, over
/// `duration`. Under the plan that the host has adopted, and whatever the SLOs: all requests have the same time to
/// their deadlines, so that edf serves them in the order of their arrival. Errors: those of playing.
Result<std::vector<double>> saturate(Host& host, std::size_t tasks, Seconds duration);

}  // namespace sparseloom::eval
