// run: the real engine. One pinned worker per processor, residency of compiled subgraphs, tracing. Has no policy of its
// own: the Dispatcher decides.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/run/residency.h"
#include "sparseloom/run/trace.h"
#include "sparseloom/sched/policy.h"
#include "sparseloom/sched/request.h"
#include "sparseloom/soc/soc.h"

namespace sparseloom::run {

/// What became of one request.
struct Completion {
  sched::Request request;
  Seconds finished{0};
  Status status;     ///< not ok: a stage failed; `output` is then meaningless
  zoo::Sigma sigma;  ///< the stitched variant that served it
  std::size_t plan_version = 0;
  std::span<const std::byte> output;  ///< the task's output tensor; valid during the callback only
};

/// Called once per submitted request, from a worker thread, in order of completion. Must be quick and must not call
/// drain(). It may call submit() (closed loop).
using OnComplete = std::function<void(const Completion&)>;

struct EngineOptions {
  std::string policy = "edf";
  /// Requests of one task that may be inside at once, i.e. how many sets of boundary buffers it has. More wait at the
  /// door.
  std::size_t slots_per_task = 4;
  TraceSink* trace = nullptr;  ///< not owned; nullptr: no trace
};

/// Serves requests under a plan. submit(), switch_plan() and drain() may be called from any thread.
class Engine {
 public:
  /// Starts one worker per processor, pinned to its cores, with everything the plan needs compiled and resident.
  /// `residency` must outlive the engine.
  static Result<std::unique_ptr<Engine>> start(const zoo::Zoo& zoo, const soc::Soc& soc, Residency& residency,
                                               std::shared_ptr<const plan::Plan> plan, EngineOptions options,
                                               OnComplete on_complete);
  ~Engine();  ///< drains

  /// Time since the engine's start: the clock of every Request and Completion.
  Seconds now() const;

  /// Takes a request; its input bytes (one span per model input) must stay valid until its completion. Never blocks on
  /// running inferences. Exactly one completion follows on success; on failure (engine stopped, unknown task, wrong
  /// size) none.
  Status submit(const sched::Request& request, const std::vector<std::span<const std::byte>>& inputs);

  /// Requests submitted from now on follow `plan`. What it needs is made resident first, on the calling thread, while
  /// the old plan serves on; then the switch itself is a pointer swap between two dispatches. Loses no request.
  Status switch_plan(std::shared_ptr<const plan::Plan> plan);

  /// Waits until everything submitted has completed.
  void drain();

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparseloom::run
