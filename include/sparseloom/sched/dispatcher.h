#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "sparseloom/sched/policy.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::sched {

/// Events in, dispatches out. Keeps which processors are busy, which stage each request has reached, which plan it was
/// admitted under and what the sparsity monitor saw of it. A host calls it with events in the order of its clock and
/// carries out what it returns; it never blocks. Not thread-safe: the host serialises. Besides what its policy costs,
/// every call is O(processors) and, once its tables have grown to the load, allocates nothing. Breaking a precondition
/// is a bug of the host (std::out_of_range).
class Dispatcher {
 public:
  /// `policy` keeps queue_count(pools) queues: one of each processor, then one of each pool, which holds what late
  /// binding leaves open.
  Dispatcher(std::shared_ptr<const plan::Plan> plan, soc::Pools pools, std::unique_ptr<Policy> policy);
  static std::size_t queue_count(const soc::Pools& pools) { return pools.of.size() + pools.members.size(); }

  /// Requests admitted from now on follow `plan`; those inside keep the one they were admitted under, so none is lost.
  void switch_plan(std::shared_ptr<const plan::Plan> plan);
  /// Number of switches so far: the version of requests admitted now.
  std::size_t plan_version() const { return oldest_version_ + plans_.size() - 1; }
  /// Plans that are active or still have requests inside.
  std::size_t plans_in_use() const;

  /// A request arrives. Appends what can start now to `out` (at most one dispatch per idle processor). The plan must
  /// serve its task. `truth`: times that its stages will really take, for a policy that knows the future
  /// (Knowledge::kTruth); only a simulator has them. Not owned, outlives the request. Returns where the request is
  /// kept.
  SlotIndex arrive(const Request& request, Seconds now, std::vector<Dispatch>& out, const StageTimes* truth = nullptr);

  /// `finished` has run; `sparsity` is the share of zeros that the sparsity monitor saw in it, if it looked. Appends
  /// what can start now. Returns true if that was the request's last stage.
  bool finish(const Dispatch& finished, Seconds now, std::vector<Dispatch>& out, std::optional<double> sparsity = {});

  /// `failed` has run without a usable result: its request leaves, the processor is free again. Appends what can start
  /// now.
  void abandon(const Dispatch& failed, Seconds now, std::vector<Dispatch>& out);

  /// The request of a dispatch that has not been finished yet.
  const Request& request(const Dispatch& dispatch) const { return admitted_.at(dispatch.slot).request; }

  std::size_t in_flight() const { return admitted_.size() - free_.size(); }
  /// Stages that are ready and wait for a processor.
  std::size_t waiting() const { return waiting_; }
  /// Stages that were dispatched and have not been finished.
  std::size_t running() const { return static_cast<std::size_t>(std::count(busy_.begin(), busy_.end(), true)); }

 private:
  struct PlanInUse {
    std::shared_ptr<const plan::Plan> plan;
    std::vector<std::optional<Outlook>> outlooks;  // by task; none of one that is not served
    std::size_t requests = 0;
  };
  struct Admitted {
    Request request;
    std::size_t plan_version = 0;
    // Of its plan, which stays while the request is inside.
    const plan::TaskPlan* plan = nullptr;
    const Outlook* outlook = nullptr;
    const StageTimes* times = nullptr;
    zoo::StageId stage{};  // that waits or runs
    double gamma_sum = 0;
    std::size_t gamma_terms = 0;
    double gamma() const { return gamma_terms == 0 ? 1 : gamma_sum / static_cast<double>(gamma_terms); }
  };

  static PlanInUse in_use(std::shared_ptr<const plan::Plan> plan);
  SlotIndex free_slot();
  void make_ready(SlotIndex slot, Seconds last_run);
  QueueId queue_of(const plan::TaskPlan& plan, zoo::StageId stage) const;
  void start_idle(soc::ProcessorId first, Seconds now, std::vector<Dispatch>& out);
  void start(soc::ProcessorId processor, Seconds now, std::vector<Dispatch>& out);
  void leave(SlotIndex slot);
  void drop_old_plans();

  std::unique_ptr<Policy> policy_;
  soc::Pools pools_;
  std::vector<std::vector<QueueId>> serves_;  // by processor
  std::vector<bool> busy_;                    // by processor
  std::deque<PlanInUse> plans_;               // an old one without requests is empty
  std::size_t oldest_version_ = 0;            // of plans_.front()
  std::vector<Admitted> admitted_;            // by slot
  std::vector<SlotIndex> free_;               // slots without a request
  std::size_t waiting_ = 0;
};

}  // namespace sparseloom::sched
