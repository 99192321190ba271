#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "sparseloom/engine/engine.h"
#include "sparseloom/engine/loader_thread.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/plan/planners/resident_only.h"

namespace sparseloom::engine {

/// Makes the plan for an SLO configuration; called by one thread at a time.
using MakePlan = std::function<Result<std::shared_ptr<const plan::Plan>>(const plan::SloConfig&)>;

/// Makes a plan for an SLO configuration out of what is resident as far as that goes; called by one thread at a time.
using MakeBridge =
    std::function<Result<std::shared_ptr<const plan::Plan>>(const plan::SloConfig&, const plan::IsResident& resident)>;

struct SwitcherOptions {
  /// A plan stays at least this long: SLOs that change to and fro do not make answers flap. Changes meanwhile wait, and
  /// only the last of them counts.
  Seconds least_dwell{0};
  /// No room because requests inside still use what should be evicted: tried again after this time.
  Seconds retry_after{0.002};
  int most_tries = 500;
  /// After so many, tasks that find no room are held, so that what their old plan uses can be evicted.
  int tries_before_hold = 10;
  /// While a plan's subgraphs are being loaded, its SLOs are served by this one, task by task where it is resident.
  /// Empty: the old plan serves until then.
  MakeBridge bridge{};
  /// Told of every change that step() has given up, and why; on its thread, with no lock held. May be empty.
  std::function<void(const Status&)> on_failure{};
};

/// How one change of SLOs went. Times are the engine's.
struct SwitchRecord {
  std::string slo;
  Seconds asked{0};                ///< change() was called
  Seconds began{0};                ///< planning began: later than asked by the dwell, or by a switch under way
  std::optional<Seconds> bridged;  ///< requests let in from now on follow a plan of what was resident
  Seconds switched{0};             ///< requests let in from now on follow the new plan
  std::optional<Seconds> served;   ///< the first request completed under it
  std::size_t loaded = 0;          ///< subgraphs that had to be loaded; none: a hot switch
  std::size_t steps = 1;           ///< switches it took: more than one if the old and the new plan did not fit together
  std::size_t plan_version = 0;    ///< of the engine, from then on
  Status status;  ///< not ok: the old plan stays (in several steps: that of the tasks not switched yet)
};

/// Takes changes of SLOs and has the engine follow: plans, loads what is missing while the old plan, or a bridge,
/// serves on, switches. If the old and the new plan do not fit the memory budget together, tasks change over one by
/// one; those that even so find no room are held while what they have makes way. Thread-safe.
///
/// Who calls step() is the caller's choice: start() gives it a thread; a test calls it at the times it likes.
class PlanSwitcher {
 public:
  /// The engine, which serves `active`, and the residency must outlive this.
  PlanSwitcher(Engine& engine, Residency& residency, std::shared_ptr<const plan::Plan> active, MakePlan make_plan,
               SwitcherOptions options = {});
  ~PlanSwitcher();  ///< Ends the thread; a change that waits is dropped.
  PlanSwitcher(const PlanSwitcher&) = delete;
  PlanSwitcher& operator=(const PlanSwitcher&) = delete;

  /// From now on plans are to keep these SLOs. Never blocks. `plan` is switched to if it is given, else one is made.
  void change(plan::SloConfig slo, std::shared_ptr<const plan::Plan> plan = nullptr);
  /// The same, and unless the dwell lasts or a later change comes first, plans on the calling thread (after whoever
  /// plans already) and switches to what is resident: the plan, or a bridge to it. No other thread need wake up for
  /// that, nor end a load for an earlier change, which is overtaken. What has to be loaded is left to step(). Not ok:
  /// no plan was made, or it cannot be served; nothing has changed.
  Status change_here(plan::SloConfig slo);
  /// When step() has something to do; nothing if no change waits.
  std::optional<Seconds> due() const;
  /// Does what is due; true if the plan was switched, or it failed. One thread at a time. What has to be loaded is
  /// loaded by `loader`, or without one by the caller.
  bool step(LoaderThread* loader = nullptr);
  /// Starts a thread that calls step() when it is due, and one that loads.
  void start();

  /// To be told every completion (from OnComplete), to know when a new plan first served a request.
  void completed(const Completion& completion);

  /// What became of the latest changes (some ten thousand); of those that a later one overtook (kCancelled), only if
  /// they had been bridged.
  std::vector<SwitchRecord> records() const;
  /// A change waits or is being carried out.
  bool busy() const;
  /// Waits until none is, and returns how the last one went. Needs start().
  Status settle();

 private:
  struct Change {
    plan::SloConfig slo;
    Seconds asked{0};
    Seconds due{0};
    std::size_t number = 0;
    std::shared_ptr<const plan::Plan> plan;  // once it was tried
    Status failure;                          // why its plan was given up, while the one before is loaded again
    Seconds began{0};
    std::optional<Seconds> bridged;
    std::size_t loaded = 0, steps = 0;
    int tries = 0;
  };

  void loop();
  bool hot(const plan::Plan& plan) const;
  Change next_change(plan::SloConfig slo, Seconds asked, std::shared_ptr<const plan::Plan> plan);
  Seconds due_after_dwell(Seconds asked) const;
  bool overtaken(const Change& change) const;
  void set_aside(const Change& change);
  void record(const Change& change, Seconds now, Status status);
  Result<bool> switch_to_resident(Change& change);
  std::shared_ptr<plan::Plan> active_for(std::size_t tasks) const;
  Status bridge(Change& change);
  Status carry_out(Change& change, LoaderThread* loader);
  Status load(const plan::Plan& plan, Change& change, LoaderThread* loader);
  Status load_and_switch(std::shared_ptr<const plan::Plan> plan, Change& change, LoaderThread* loader);
  Status switch_to(std::shared_ptr<const plan::Plan> plan, Change& change);
  Status switch_by_task(Change& change, LoaderThread* loader);
  Status hold(const std::vector<std::size_t>& tasks, Change& change);
  bool go_back(Change& change, const Status& failure);
  bool may_be_tried_again(Change& change, const Status& status) const;

  Engine& engine_;
  Residency& residency_;
  const MakePlan make_plan_;
  const SwitcherOptions options_;

  std::mutex planning_;  // held while planning and switching, never while loading; taken before mutex_; guards active_
  std::shared_ptr<const plan::Plan> active_;
  std::shared_ptr<const plan::Plan> before_hold_;  // while tasks are held for another plan's sake; guarded by planning_

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::optional<Change> waiting_;
  std::size_t changes_ = 0;  // asked for: a change with a smaller number has been overtaken
  std::vector<SwitchRecord> records_;
  std::size_t unserved_ = 0;  // records from here on may still wait for their first completion
  std::optional<Seconds> last_switch_;
  bool stepping_ = false;
  std::size_t changing_here_ = 0;  // threads in change_here()
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sparseloom::engine
