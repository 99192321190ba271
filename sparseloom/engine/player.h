#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/plan/slo.h"
#include "sparseloom/sched/closed_loops.h"
#include "sparseloom/sched/workload.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::engine {

/// What the requests of one task carry: every sample's input bytes (not owned) and label.
struct TaskSamples {
  std::vector<std::vector<std::span<const std::byte>>> inputs;  ///< [sample][model input]
  std::vector<std::int32_t> labels;                             ///< [sample]
};

/// A view of `data`, which must outlive it.
TaskSamples samples_of(const zoo::Dataset& data, std::size_t model_inputs);

/// What became of one request, for reports.
struct Record {
  zoo::TaskId task;
  std::size_t sample = 0;
  Seconds arrival{0};  ///< when it was due, also if the player was late
  Seconds deadline{0};
  Seconds finished{0};
  std::size_t plan_version = 0;
  std::size_t episode = 0;      ///< for whoever plays several: which one; requests of one depend on each other
  std::int32_t predicted = -1;  ///< class of the largest output; -1 if not served
  bool accurate = true;         ///< the variant that serves it keeps its accuracy bound; true if none ever did
  Code status = Code::kOk;      ///< otherwise a stage failed: not served

  bool served() const { return status == Code::kOk; }
  bool late() const { return !served() || finished > deadline; }
  bool violates() const { return late() || !accurate; }
};

/// Sends the requests of workloads to whatever serves them, in real time, and records what becomes of them. Requests of
/// a task take its samples in turn, on across calls, until seek(). Not thread-safe; sends from the calling thread,
/// which sleeps in between. Whoever derives from it serves: an EnginePlayer, a ServerPlayer. Its destructor has to see
/// to it that completed() is not called any more.
class Player {
 public:
  virtual ~Player() = default;
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  /// The next request of every task takes this sample (modulo how many the task has), so that each system under
  /// comparison can be given the same ones.
  void seek(std::size_t sample);
  /// The stop flag is set.
  bool stopped() const;

  /// Plays a workload from now: open-loop arrivals at their times, closed loops from their offset on. Returns all
  /// records in order of completion once everything has completed.
  std::vector<Record> play(const sched::Workload& workload, const std::vector<plan::Slo>& slos);

  /// Requests that were dropped when it was stopped; their records say kCancelled.
  std::size_t dropped() const { return dropped_; }

  /// Not ok if requests failed since start: how many, and why the first did (its code).
  Status failures() const;

  /// How late the player sent a request, at worst, since start (its own error, not that of what serves it).
  Seconds worst_lateness() const { return worst_lateness_; }

 protected:
  /// `samples`: by zoo::TaskId, of each task at least one. `stop`, which may be null, is set from outside (Ctrl-C):
  /// stop sending, end, return what is there; requests that have not completed `grace` later are dropped.
  Player(std::vector<TaskSamples> samples, const std::atomic<bool>* stop, Seconds grace);

  /// How a request ended that submit() took; once for each, from any thread, also out of submit().
  struct Outcome {
    Seconds finished{0};
    Status status;
    std::size_t plan_version = 0;
    std::int32_t predicted = -1;
    bool accurate = true;
  };
  void completed(const sched::Request& request, const Outcome& outcome);

  const std::vector<TaskSamples>& samples() const { return samples_; }
  plan::Slo slo(zoo::TaskId task) const;

 private:
  static constexpr std::size_t kOpenLoop = ~std::size_t{0};
  struct Sent {
    std::size_t loop = kOpenLoop;
    std::size_t sample = 0;
  };
  struct Due {
    Seconds at{0};  // since the start of the play
    zoo::TaskId task;
    double priority = 1;
    std::size_t loop = kOpenLoop;
  };

  /// The clock of requests and outcomes: time since epoch().
  virtual Seconds now() const = 0;
  virtual std::chrono::steady_clock::time_point epoch() const = 0;
  /// Takes a request with a sample of its task; completed() follows if it is ok, and only then.
  virtual Status submit(const sched::Request& request, std::size_t sample) = 0;
  /// Takes no more requests and completes what there is, cancelling what takes longer than `grace`: returns how many
  /// requests that were.
  virtual std::size_t end(Seconds grace) = 0;

  void begin(const std::vector<plan::Slo>& slos, sched::ClosedLoops loops, std::size_t expected);
  void send_all(Seconds start, const std::vector<Due>& due);
  void send(zoo::TaskId task, Seconds arrival, double priority, std::size_t loop);
  std::size_t log(Record record, const Status& status, sched::RequestId id);
  void keep(Record record, const Status& status);
  bool over() const { return in_flight_ == 0 && loops_.over(); }
  std::vector<Record> finish();
  bool sleep_until(Seconds time);

  const std::vector<TaskSamples> samples_;
  const std::atomic<bool>* const stop_;
  const Seconds grace_;
  Seconds worst_lateness_{0};
  std::size_t dropped_ = 0;

  mutable std::mutex mutex_;  // guards what follows: outcomes come from other threads
  std::condition_variable changed_;
  std::vector<std::size_t> next_sample_;  // by task
  std::vector<plan::Slo> slos_;
  sched::ClosedLoops loops_;
  std::size_t sent_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t first_request_ = 0;  // of this play
  std::vector<Sent> sent_as_;      // by request of this play
  std::vector<Record> records_;
  std::size_t failed_ = 0;
  Status first_failure_;
};

}  // namespace sparseloom::engine
