#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/plan/planner.h"
#include "sparseloom/server.h"

namespace sparseloom::serve {

/// What a request needs to know of its task.
struct Admitted {
  zoo::TaskId task;
  Slo bounds;
  std::vector<Input> inputs;  ///< in the model's order
};

/// The tasks of a server: names, bounds, who is loaded, who has requests in flight, and what became of them.
/// Thread-safe.
class Tasks {
 public:
  explicit Tasks(const soc::Soc& soc) : soc_(soc) {}

  /// Tasks of `zoo` that are new, with these bounds.
  void add(const zoo::Zoo& zoo, const std::vector<Slo>& slos, bool loaded);

  /// Looks a request over and counts it in. Errors: unknown task; and, counted as refused: unloaded task, wrong
  /// inputs, bounds that nothing can be held to.
  Result<Admitted> admit(std::string_view task, std::vector<Input> inputs, const InferOptions& options);
  /// It has completed; `plan` is null if it never got in. The reply but for its outputs.
  Reply complete(zoo::TaskId task, const Slo& bounds, const Status& status, Seconds latency,
                 const plan::TaskPlan* plan);

  Result<zoo::TaskId> find(std::string_view task) const;
  std::vector<bool> loaded() const;
  std::vector<Slo> slos() const;
  /// kInvalidArgument: bounds that nothing can be held to, or an accuracy bound on a task of unknown accuracy.
  Status set_slo(zoo::TaskId task, const Slo& slo);
  /// Whether requests for it are taken.
  void set_loaded(zoo::TaskId task, bool loaded);
  /// Waits until the task has no request in flight.
  void drain(zoo::TaskId task);
  /// How a plan serves each task; an empty part serves none.
  void planned(const plan::Plan& plan);

  std::vector<TaskInfo> infos() const;
  std::vector<TaskMetrics> metrics() const;

 private:
  struct Task {
    TaskInfo info;
    TaskMetrics metrics;
    std::size_t in_flight = 0;
    double slowdown_sum = 0;
    // How the last request was served, to be shared by replies that were served alike.
    plan::TaskPlan last_plan;
    std::shared_ptr<const Placement> last_placement;
  };

  // Called with mutex_ held.
  Result<std::vector<Input>> in_order(const Task& task, std::vector<Input> inputs) const;
  std::shared_ptr<const Placement> placement(Task& task, const plan::TaskPlan& plan) const;

  const soc::Soc& soc_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable drained_;
  std::vector<Task> tasks_;  // by zoo::TaskId
  std::map<std::string, zoo::TaskId, std::less<>> by_name_;
};

}  // namespace sparseloom::serve
