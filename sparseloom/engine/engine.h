// engine: the real host. One pinned worker per processor, residency of compiled subgraphs, tracing. Has no policy of
// its own: the Dispatcher decides.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/engine/drift.h"
#include "sparseloom/engine/residency.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/sched/policy.h"
#include "sparseloom/sched/request.h"
#include "sparseloom/sched/trace.h"
#include "sparseloom/soc/soc.h"

namespace sparseloom::engine {

/// What became of one request. What it points at is valid during the callback only.
struct Completion {
  sched::Request request;
  Seconds finished{0};
  /// Not ok: a stage failed (the message says which and where), or kCancelled. There are no outputs then.
  Status status;
  std::size_t plan_version = 0;
  const plan::TaskPlan* plan = nullptr;  ///< that it was let in under; null if it never was
  std::span<const TensorSpec> tensors;   ///< what the model's outputs are, in the model's order
  std::span<const HostBuffer> outputs;   ///< and their data

  /// The model's first output; empty if there is none.
  std::span<const std::byte> output() const {
    return outputs.empty() ? std::span<const std::byte>() : outputs.front().span();
  }
};

/// Called once per submitted request, from a worker thread or the one that cancels, one call at a time, in order of
/// completion. Must be quick (the worker serves no stage meanwhile) and must not call drain() or stop(). It may call
/// submit() (closed loop). Must not throw.
using OnComplete = std::function<void(const Completion&)>;

struct EngineOptions {
  std::string policy = "edf";
  /// Requests of one task that may be in flight at once, i.e. how many sets of boundary buffers it has (1..65536). More
  /// wait in the admission queue, earliest deadline first within their task; the policy sees a request when it is let
  /// in, but its deadline counts from its arrival.
  std::size_t slots_per_task = 4;
  /// For so long an idle worker looks for its next stage before it sleeps. Being woken up takes tens of microseconds,
  /// on a virtual machine whose host is busy hundreds (`sparseloom bench engine` prints it); a worker that looks keeps
  /// its core busy meanwhile.
  Seconds spin{200e-6};
  /// Tasks that the zoo may grow to (extend()); 0: it stays as it is.
  std::size_t task_capacity = 0;
  /// Time since the engine's start: never falls, and any thread may call it. Empty: the steady clock. A test that gives
  /// one of its own decides when everything happens.
  std::function<Seconds()> clock{};
  sched::TraceSink* trace = nullptr;  ///< not owned; nullptr: no trace
  Drift* drift = nullptr;             ///< not owned; hears how long every stage takes, against its plan's estimate
  /// kFailing stages in a row have failed at a place, the last one of them so. Called by its worker once until one
  /// succeeds there; must be quick, and call nothing of the engine.
  std::function<void(soc::ProcessorId, const Status&)> on_failing{};
  static constexpr int kFailing = 3;
};

/// Serves requests under a plan. Every member may be called from any thread.
///
/// There is no dispatcher thread: whoever has an event (a worker that finished a stage, or the caller of submit())
/// calls the Dispatcher under one mutex and hands each idle worker its next stage. Boundary tensors live in buffers
/// that belong to a task's slot, whatever the plan; consumer and producer are bound to the same buffer, so nothing is
/// copied between stages. Once warm, a request costs no allocation on the engine's side.
class Engine {
 public:
  /// Starts one worker per processor, pinned to its cores, with everything the plan needs compiled and resident. A task
  /// whose part of the plan is empty is not served: its requests wait until a plan serves it.
  /// `zoo`, `soc`, `residency` and the trace must outlive the engine. kInvalidArgument (policy, slots, a plan that does
  /// not fit the zoo or the processors), kUnavailable (pinning refused), and what residency reports.
  static Result<std::unique_ptr<Engine>> start(const zoo::Zoo& zoo, const soc::Soc& soc, Residency& residency,
                                               std::shared_ptr<const plan::Plan> plan, EngineOptions options,
                                               OnComplete on_complete);
  ~Engine();  ///< Refuses new requests, drains, joins the workers. What waits for a plan is cancelled.

  /// Time since the engine's start: the clock of every Request and Completion.
  Seconds now() const;
  /// The start, on the steady clock.
  std::chrono::steady_clock::time_point epoch() const;

  /// Takes a request; its input bytes (one span per model input, each exactly that input's size) must stay valid until
  /// its completion. `request.id` is the caller's own: the engine hands it back and never interprets it. Never blocks
  /// on running inferences. Exactly one completion follows on success; on failure (kFailedPrecondition: engine stopped;
  /// kInvalidArgument: unknown task, wrong number or size of inputs) none.
  Status submit(const sched::Request& request, const std::vector<std::span<const std::byte>>& inputs);

  /// Cancels the request of `task` that was submitted with this id: one that waits completes now, one in flight as soon
  /// as the stage that it is in has run, both with kCancelled; one in its last stage completes as if nothing had
  /// happened. False: there is none, or it is completing.
  bool cancel(zoo::TaskId task, sched::RequestId id);

  /// From now on tasks are those of `zoo`, which has the old ones unchanged and further ones behind them, not served
  /// until a plan does. It must outlive the engine. kResourceExhausted: more than options.task_capacity.
  Status extend(const zoo::Zoo& zoo);

  /// Makes everything `plan` needs resident and ready to run, on the calling thread, while the active plan serves on.
  /// It stays ready until it is evicted from the residency.
  Status prepare(const plan::Plan& plan);

  /// Requests that are let in from now on follow `plan`. What it needs is prepared first; then the switch itself is a
  /// pointer swap between two dispatches. Concurrent switches take effect in the order in which their plans are ready:
  /// one that is resident does not wait for one that loads. Requests inside finish under the plan they entered with, so
  /// none is lost; what no plan in use needs and the residency has evicted is freed. On failure the active plan stays.
  Status switch_plan(std::shared_ptr<const plan::Plan> plan);
  /// The plan that requests which are let in now follow.
  std::shared_ptr<const plan::Plan> plan() const;
  /// Number of switches so far.
  std::size_t plan_version() const;
  /// Stages that have been handed to a worker and not been reported finished.
  std::size_t running() const;

  /// By processor: time that it has run stages since the start, alone or as a member of a gang.
  std::vector<Seconds> busy() const;

  /// Waits until everything submitted has completed.
  void drain();
  /// Waits until no request is in flight under any plan but the active one, and frees what only those used and the
  /// residency has evicted.
  void drain_old_plans();
  /// Takes no more requests and waits until everything submitted has completed; what has not after `grace` is
  /// cancelled. Returns how many requests that were.
  std::size_t stop(Seconds grace);

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparseloom::engine
