#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// All orders of four tasks.
constexpr std::size_t kMostOrders = 24;

/// The orders of the tasks 0..tasks-1 that episodes are played in: all of them, in lexicographic order, if they are no
/// more than `limit`; else `limit` shuffles that are the same on every machine.
std::vector<std::vector<zoo::TaskId>> episode_orders(std::size_t tasks, std::size_t limit = kMostOrders);

/// These as arrivals (design: Episode): one request per task, each B/P after its predecessor; B is the predecessor's
/// latency bound, P = `processors`, at least 1.
std::vector<ArrivalSequence> episodes(const std::vector<Slo>& slos, std::size_t processors,
                                      std::size_t limit = kMostOrders);

struct PredictOptions {
  /// How far measured response times scatter about predicted ones, as a share of the latency bound: a request predicted
  /// to take exactly its bound is late half of the time, one predicted to take (1 - scatter) of it 27 %, (1 - 3
  /// scatter) 5 % (logistic curve).
  double scatter = 0.05;
  /// Every stage takes this many times its profiled latency (memory contention, a hot machine).
  double slowdown = 1.0;
};

/// What requests under a plan are predicted to look like. Shares are of all requests.
struct Prediction {
  double violation_rate = 0;             ///< requests that finish after their bound, or whose accuracy is too low
  double expected_violation_rate = 0;    ///< the same, given the scatter of response times
  std::vector<double> expected_by_task;  ///< the same, of the task's requests; 0 without any
  double worst_ratio = 0;  ///< largest response time / latency bound: 1/worst_ratio is the slow-down that is left
  double mean_ratio = 0;
};

/// Plays arrivals by list scheduling: a processor runs one stage at a time, of the ready ones the one with the earliest
/// deadline (ties: earlier arrival), never preempted in one; with late binding it may be any of the placed one's pool,
/// and the one that is free first runs it. Reusable for many plans of one problem; const methods are thread-safe.
class ResponseModel {
 public:
  /// `arrivals`: each sequence is played from idle, in order of time.
  ResponseModel(const std::vector<Slo>& slos, soc::Pools pools, std::vector<ArrivalSequence> arrivals,
                const PredictOptions& options = {});

  /// One task's stages, as the model plays them: seconds and processor per stage.
  struct Stages {
    std::vector<double> seconds;
    std::vector<soc::ProcessorId> processor;
    bool late_binding = false;
    bool accurate = true;  ///< false: every request violates its accuracy bound
    /// With late binding, seconds by stage and processor; empty: what `seconds` says on every member of the pool.
    std::vector<std::vector<double>> on_processor{};
  };
  /// `tasks`: one per SLO. O(requests · requests inside at once · S · processors per pool).
  Prediction predict(const std::vector<const Stages*>& tasks) const;

 private:
  struct Scratch;
  void play(const ArrivalSequence& arrivals, const std::vector<const Stages*>& tasks, Scratch& scratch) const;

  std::vector<double> bounds_;
  soc::Pools pools_;
  PredictOptions options_;
  std::vector<ArrivalSequence> arrivals_;
};

/// What the problem's planner has to expect: its load's arrivals, or episodes.
std::vector<ArrivalSequence> arrivals_of(const Problem& problem);

/// By task: how long processors have nothing to do between two requests of it, on average over them, if a request
/// occupies them for `busy`. Zero without a load: an episode's requests follow each other.
std::vector<Seconds> idle_between(const Problem& problem, const std::vector<Seconds>& busy);

/// Prediction for a whole plan, of arrivals_of(problem); under a load, with caches that are cold after idling.
Prediction predict_responses(const Problem& problem, const Plan& plan, const PredictOptions& options = {});

}  // namespace sparseloom::plan
