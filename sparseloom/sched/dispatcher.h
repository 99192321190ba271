#pragma once

#include <deque>
#include <memory>
#include <memory_resource>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sparseloom/sched/policy.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::sched {

/// Events in, dispatches out. Keeps which processors are busy, which stage each request has reached and which plan it
/// was admitted under. A host calls it with events in the order of its clock and carries out what it returns; it never
/// blocks. Not thread-safe: the host serialises. Every call costs O(processors + log waiting) and, once its tables have
/// grown to the load, allocates nothing. Breaking a precondition is a bug of the host (std::out_of_range).
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

  /// A request arrives. Appends what can start now to `out` (at most one dispatch per idle processor). Its id must
  /// differ from those of the requests in flight and its task must be in the plan.
  void arrive(const Request& request, Seconds now, std::vector<Dispatch>& out);

  /// `finished` has run. Appends what can start now. Returns true if that was the request's last stage.
  bool finish(const Dispatch& finished, Seconds now, std::vector<Dispatch>& out);

  /// `failed` has run without a usable result: its request leaves, the processor is free again. Appends what can start
  /// now.
  void abandon(const Dispatch& failed, Seconds now, std::vector<Dispatch>& out);

  std::size_t in_flight() const { return requests_.size(); }
  /// Stages that are ready and wait for a processor.
  std::size_t waiting() const { return policy_->waiting(); }

 private:
  struct PlanInUse {
    std::shared_ptr<const plan::Plan> plan;
    std::size_t requests = 0;
  };
  struct Admitted {
    Request request;
    std::size_t plan_version = 0;
  };

  const plan::TaskPlan& task_plan(const Admitted& admitted) const;
  void make_ready(const Admitted& admitted, zoo::StageId stage, Seconds now);
  QueueId queue_of(const plan::TaskPlan& plan, zoo::StageId stage) const;
  void start_idle(soc::ProcessorId first, Seconds now, std::vector<Dispatch>& out);
  void start(soc::ProcessorId processor, Seconds now, std::vector<Dispatch>& out);
  void leave(RequestId request);

  std::unique_ptr<Policy> policy_;
  soc::Pools pools_;
  std::vector<std::vector<QueueId>> serves_;  // by processor
  std::vector<bool> busy_;                    // by processor
  std::deque<PlanInUse> plans_;
  std::size_t oldest_version_ = 0;  // of plans_.front()
  // The pool hands freed entries out again, so that a steady load allocates nothing.
  std::unique_ptr<std::pmr::unsynchronized_pool_resource> pool_;
  std::pmr::unordered_map<RequestId, Admitted> requests_;
};

}  // namespace sparseloom::sched
