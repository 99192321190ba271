// simulate: a discrete-event engine with a virtual clock that drives the same plans, Dispatcher and policies as the
// real engine. Deterministic; runs no models.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sparseloom/sched/dispatcher.h"

namespace sparseloom::simulate {

/// What a stage turns out to be when it runs.
struct StageRun {
  Seconds time{0};
  std::optional<double> sparsity;  ///< share of zeros that the sparsity monitor sees
};

/// A request with what only a simulator knows of it.
struct Query {
  sched::Request request;
  std::size_t sample = 0;                    ///< for the World: which of the task's samples it carries
  const sched::StageTimes* truth = nullptr;  ///< times that its stages really take; not owned, outlives the query
};

/// Says what happens when a stage runs. Calls come in the order of the virtual clock.
class World {
 public:
  virtual ~World() = default;
  /// A stage that starts `now`.
  virtual StageRun run(const Query& query, const sched::Dispatch& dispatch, Seconds now) = 0;
};

/// Hears what happened. Calls come in the order of the virtual clock's finish times, but for what starts at one moment.
class Observer {
 public:
  virtual ~Observer() = default;
  /// A stage has run. `waited`: its predecessor ended before it started, so the request was preempted.
  virtual void ran(const sched::Request& request, const sched::Dispatch& dispatch, Seconds start, Seconds end,
                   bool waited) = 0;
  /// A request has run its last stage; what that lets start at this moment has started. May call Simulation::admit().
  virtual void finished(const Query& query, Seconds at) = 0;
};

/// When a request that arrives while something runs is let in.
enum class Admission {
  /// On arrival, as the real engine does. Of a stage that ends and a request that arrives at one moment, the end is
  /// first.
  kStandard,
  /// As the public benchmark does, on one processor: nobody is let in before the stage ends that leaves the system
  /// empty; then the next request is, and the clock is set to its arrival, even if that moves it back.
  kBenchmark,
};

/// Runs one policy over one stream of requests. Not thread-safe. Memory follows the requests in flight.
class Simulation {
 public:
  /// World and observer must outlive it. kInvalidArgument: more than one processor with Admission::kBenchmark.
  static Result<Simulation> make(std::shared_ptr<const plan::Plan> plan, soc::Pools pools,
                                 std::unique_ptr<sched::Policy> policy, Admission admission, World& world,
                                 Observer& observer);

  /// The next request, in order of arrival: advances to its arrival and admits it.
  void arrive(const Query& query);
  /// All that happens up to `to` does. O(what happens).
  void advance(Seconds to);
  /// Lets a request in at `now`, which is what advance() has reached or what the observer is just told: for a host that
  /// keeps requests waiting outside, or answers the end of one with another.
  void admit(const Query& query, Seconds now);
  /// No more requests: runs until all have finished.
  void finish();
  /// The same by at most so many stages; returns whether any are left.
  bool finish_some(std::size_t stages);

  sched::Dispatcher& dispatcher() { return *dispatcher_; }

 private:
  struct Running {
    bool busy = false;
    Seconds start{0}, end{0};
    std::optional<double> sparsity;
    sched::Dispatch dispatch;
  };

  Simulation(Admission admission, World& world, Observer& observer)
      : admission_(admission), world_(world), observer_(observer) {}
  Running* first_to_end();  // nullptr: nothing runs
  bool is_last(const sched::Dispatch& dispatch) const;
  void end(Running& running);
  void start(Seconds now);

  Admission admission_;
  World& world_;
  Observer& observer_;
  std::unique_ptr<sched::Dispatcher> dispatcher_;
  std::shared_ptr<const plan::Plan> plan_;
  std::vector<Running> running_;      // by place
  std::vector<Query> inside_;         // by slot
  std::vector<Seconds> last_end_;     // by slot: of the request's last stage that ran
  std::vector<sched::Dispatch> out_;  // scratch
};

}  // namespace sparseloom::simulate
