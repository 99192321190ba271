#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

struct PredictOptions {
  /// How far measured response times vary about predicted ones, as a share of the latency bound: a request predicted
  /// to take exactly its bound is late half of the time, one predicted to take (1 - variability) of it 27 %, (1 - 3
  /// variability) 5 % (logistic curve).
  double variability = 0.05;
  /// Every stage takes this many times its profiled latency (memory contention, a hot machine).
  double slowdown = 1.0;
};

/// What requests under a plan are predicted to look like. Shares are of all requests.
struct Prediction {
  double violation_rate = 0;             ///< requests that finish after their bound, or whose accuracy is too low
  double expected_violation_rate = 0;    ///< the same, given the variability of response times
  std::vector<double> expected_by_task;  ///< the same, of the task's requests; 0 without any
  double worst_ratio = 0;  ///< largest response time / latency bound: 1/worst_ratio is the slow-down that is left
  double mean_ratio = 0;
};

/// What a plan is judged by.
struct ExpectedArrivals {
  std::vector<ArrivalSequence> together{};  ///< each is played from idle, in order of time
  std::vector<double> alone{};              ///< by task: how many meet no other, beside those; may be empty
};

/// Plays arrivals by list scheduling: a processor runs one stage at a time, of the ready ones the one with the earliest
/// deadline (ties: earlier arrival), never preempted in one; if it is pooled it may be any of the placed one's pool,
/// and the one that is free first runs it. A gang's stage starts when all members are free; if it is the most urgent,
/// that time is reserved as the Dispatcher does it (kReservationSlack). Reusable for many plans of one problem; const
/// methods are thread-safe.
class ResponseModel {
 public:
  ResponseModel(const std::vector<Slo>& slos, soc::Pools pools, ExpectedArrivals arrivals,
                const PredictOptions& options = {});

  /// One task's stages, as the model plays them: seconds and processor per stage.
  struct Stages {
    std::vector<double> seconds;
    std::vector<soc::ProcessorId> processor;
    bool pooled = false;
    bool accurate = true;  ///< false: every request violates its accuracy bound
    /// If pooled, seconds by stage and processor; empty: what `seconds` says on every member of the pool.
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
  ExpectedArrivals arrivals_;
};

/// What the problem's planner has to expect: episodes, or its load. Of a load as many arrivals as can be played for
/// thousands of plans, of those that may meet others: if few do, much of it is looked at until there are enough. Two
/// meet if they are less than four times the largest latency bound apart.
ExpectedArrivals arrivals_of(const Problem& problem);

/// Times by task and pool.
using TimesByPool = std::vector<std::vector<Seconds>>;

/// What plans have to allow for. On a real machine stages take 5 % more than profiled, because processors that work at
/// the same time share memory, and response times vary. A modelled one does what its model says; but of a load only
/// some arrivals are looked at, so that slack is worth something there too.
PredictOptions margins_of(const Problem& problem);

/// How long the pool's processors have nothing to do between two requests of the task, on average over them, if a
/// request occupies them for `busy`. Zero without a load: an episode's requests follow each other.
TimesByPool idle_between(const Problem& problem, const soc::Pools& pools, const TimesByPool& busy);

/// Prediction for a whole plan, of arrivals_of(problem); under a load, with caches that are cold after idling.
Prediction predict_responses(const Problem& problem, const Plan& plan, const PredictOptions& options = {});

}  // namespace sparseloom::plan
