#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "sparseloom/engine/engine.h"
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
  Code status = Code::kOk;      ///< otherwise a stage failed: not served

  bool served() const { return status == Code::kOk; }
  bool late() const { return !served() || finished > deadline; }
};

/// What a player plays against.
struct PlayerSetup {
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  Residency& residency;
  std::vector<TaskSamples> samples;         ///< by zoo::TaskId; each at least one
  EngineOptions engine;                     ///< the engine it starts
  const std::atomic<bool>* stop = nullptr;  ///< set from outside (Ctrl-C): stop sending, end, return what is there
  Seconds grace{5};                         ///< when stopped, requests that have not completed by then are dropped
};

/// Sends requests to an engine in real time and records what becomes of them. Requests of a task take its samples in
/// turn, on across calls, until seek(). Not thread-safe; sends from the calling thread, which sleeps in between.
/// All systems under comparison can use one player: switch its engine's plan between calls.
class Player {
 public:
  /// Starts the engine under `plan`. Errors: those of Engine::start, and kInvalidArgument for a task without samples.
  static Result<std::unique_ptr<Player>> start(PlayerSetup setup, std::shared_ptr<const plan::Plan> plan);
  ~Player();

  Engine& engine() { return *engine_; }
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

  /// How late the player sent a request, at worst, since start (its own error, not the engine's).
  Seconds worst_lateness() const { return worst_lateness_; }

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

  explicit Player(PlayerSetup setup);
  void begin(const std::vector<plan::Slo>& slos, sched::ClosedLoops loops, std::size_t expected);
  void send_all(Seconds start, const std::vector<Due>& due);
  void send(zoo::TaskId task, Seconds arrival, double priority, std::size_t loop);
  void on_complete(const Completion& completion);
  std::size_t log(Record record, const Status& status, sched::RequestId id);
  void keep(Record record, const Status& status);
  std::vector<Record> finish();
  bool sleep_until(Seconds time);

  PlayerSetup setup_;
  Seconds worst_lateness_{0};
  std::size_t dropped_ = 0;

  mutable std::mutex mutex_;  // guards what follows: completions come from worker threads
  std::condition_variable changed_;
  std::vector<std::size_t> next_sample_;  // by task
  std::vector<plan::Slo> slos_;
  sched::ClosedLoops loops_;
  std::size_t sent_ = 0;
  std::size_t first_request_ = 0;  // of this play
  std::vector<Sent> sent_as_;      // by request of this play
  std::vector<Record> records_;
  std::size_t failed_ = 0;
  Status first_failure_;

  std::unique_ptr<Engine> engine_;  // last: its destructor drains, and completions use the rest
};

}  // namespace sparseloom::engine
