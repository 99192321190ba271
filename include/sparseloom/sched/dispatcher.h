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
///
/// A stage that is placed on a gang needs all of its members at once. The most urgent stage, if it is a gang's, has a
/// reservation: it starts at the latest predicted end of what its members run, or as soon as they are done. Until then
/// a member may start its own most urgent stage if that ends in time: now + plan::kReservationSlack · its
/// estimate <= the reservation's start (EASY backfilling, Lifka 1995). While no gang's stage waits, what starts is what
/// would without this rule.
class Dispatcher {
 public:
  /// `policy` keeps queue_count(pools) queues: one of each place, then one of each pool, which holds what late binding
  /// leaves open.
  Dispatcher(std::shared_ptr<const plan::Plan> plan, soc::Pools pools, std::unique_ptr<Policy> policy);
  static std::size_t queue_count(const soc::Pools& pools) { return pools.places() + pools.members.size(); }

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
  std::size_t running() const { return running_; }

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
    Seconds next() const { return gamma() * times->next[stage.index()]; }
  };
  struct Reservation {
    soc::ProcessorId gang;
    Seconds start{0};
  };

  static PlanInUse in_use(std::shared_ptr<const plan::Plan> plan);
  SlotIndex free_slot();
  void make_ready(SlotIndex slot, Seconds last_run);
  QueueId queue_of(const plan::TaskPlan& plan, zoo::StageId stage) const;
  void start_idle(std::optional<soc::ProcessorId> first, soc::ProcessorId second, Seconds now,
                  std::vector<Dispatch>& out);
  void start_own(soc::ProcessorId processor, Seconds now, std::vector<Dispatch>& out);
  void start_with_gangs(std::optional<soc::ProcessorId> first, soc::ProcessorId second, Seconds now,
                        std::vector<Dispatch>& out);
  bool start_beside(soc::ProcessorId processor, const std::optional<Reservation>& reserved, Seconds now,
                    std::vector<Dispatch>& out);
  void offer(soc::ProcessorId processor);
  void run(SlotIndex slot, soc::ProcessorId place, Seconds now, std::vector<Dispatch>& out);
  void set_free(soc::ProcessorId place);
  bool is_free(soc::ProcessorId place) const;
  bool on_gang(const Admitted& admitted) const;
  Reservation first_gang_for(const Admitted& admitted, Seconds now) const;
  Moment moment(Seconds now) const { return {now, in_flight()}; }
  void leave(SlotIndex slot);
  void drop_old_plans();

  std::unique_ptr<Policy> policy_;
  soc::Pools pools_;
  std::vector<std::vector<QueueId>> serves_;       // by place
  std::vector<std::vector<soc::ProcessorId>> in_;  // by processor: the gangs that it is a member of
  std::vector<QueueId> all_queues_;
  std::vector<QueueId> offered_, wanted_;  // scratch
  std::vector<bool> busy_;                 // by processor
  std::vector<Seconds> ends_;              // by processor: predicted, of what it runs
  std::size_t running_ = 0;
  std::size_t gangs_waiting_ = 0;   // stages placed on gangs, of those that wait
  std::deque<PlanInUse> plans_;     // an old one without requests is empty
  std::size_t oldest_version_ = 0;  // of plans_.front()
  std::vector<Admitted> admitted_;  // by slot
  std::vector<SlotIndex> free_;     // slots without a request
  std::size_t waiting_ = 0;
};

}  // namespace sparseloom::sched
