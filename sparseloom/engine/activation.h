#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "sparseloom/engine/residency.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/zoo/boundaries.h"

namespace sparseloom::engine {

/// Sessions of one compiled subgraph, one per slot of its task, bound to that slot's buffers.
struct SlotSessions {
  std::shared_ptr<backend::Executable> executable;
  zoo::StageEnds ends;
  std::vector<std::unique_ptr<backend::Session>> by_slot;
};

/// A plan with everything it needs resident and bound.
struct ActivePlan {
  std::shared_ptr<const plan::Plan> plan;
  const zoo::Zoo* zoo = nullptr;                                         ///< whose tasks it serves; not owned
  std::vector<std::vector<std::shared_ptr<const SlotSessions>>> stages;  ///< [task][stage]
};

/// Owns every slot's buffers and the sessions bound to them. Buffers belong to (task, slot), not to a plan: cut tensors
/// have the same shape in all variants, so any stitched variant passes through the same buffers, and a session once
/// bound serves every plan that contains its subgraph. Thread-safe.
class Activator final : public Residency::Keeper {
 public:
  /// The referenced objects must outlive this. `task_capacity`: tasks that the zoo may grow to.
  Activator(const zoo::Zoo& zoo, const soc::Soc& soc, Residency& residency, std::size_t task_capacity,
            std::size_t slots_per_task);
  ~Activator() override;
  Activator(const Activator&) = delete;
  Activator& operator=(const Activator&) = delete;

  /// From now on plans are for `zoo`, which has the old tasks unchanged and further ones behind them.
  void extend(const zoo::Zoo& zoo);

  /// Loads, binds and checks what is missing; plans that are resident do not wait for others that load.
  /// kInvalidArgument: the plan does not fit zoo or soc; kFailedPrecondition: a piece's tensors do not fit its
  /// neighbour's (both are named); kResourceExhausted: it does not fit the residency's budget (the least that it would
  /// fit is named); and what residency and provider report.
  Result<std::shared_ptr<const ActivePlan>> activate(std::shared_ptr<const plan::Plan> plan);

  /// Frees the sessions that nobody uses and whose subgraph has been evicted.
  void prune();
  /// Frees the sessions of one subgraph if nobody uses them.
  void let_go(const SubgraphKey& key) override;

  /// Buffers of the model's inputs and outputs in one slot. Valid after the task was first activated.
  HostBuffer& input(zoo::TaskId task, std::size_t slot, std::size_t index);
  std::span<const HostBuffer> outputs(zoo::TaskId task, std::size_t slot) const;
  std::span<const TensorSpec> output_tensors(zoo::TaskId task) const;
  /// Share of zeros in what a stage has written into one slot's buffers in host memory. Nobody may be writing there.
  double sparsity(zoo::TaskId task, std::size_t slot, zoo::StageId stage) const;

 private:
  using Loaded = std::vector<std::pair<SubgraphKey, std::shared_ptr<backend::Executable>>>;
  static Status check_fits(const zoo::Zoo& zoo, const soc::Soc& soc, const plan::Plan& plan);
  static Status check_task(const zoo::Task& task, const soc::Soc& soc, const plan::TaskPlan& chosen);
  const zoo::Zoo& zoo() const;
  Result<Loaded> load(const plan::Plan& plan);
  static zoo::StageEnds ends_of(const Loaded& loaded, std::size_t k);
  using Bound = std::pair<SubgraphKey, zoo::StageEnds>;
  Result<std::shared_ptr<const SlotSessions>> sessions(const Bound& wanted,
                                                       std::shared_ptr<backend::Executable> executable);
  Result<std::shared_ptr<const SlotSessions>> bind(const Bound& wanted,
                                                   std::shared_ptr<backend::Executable> executable);

  const soc::Soc& soc_;
  Residency& residency_;
  std::size_t slots_per_task_;
  mutable std::mutex mutex_;  // guards what follows while it is made
  const zoo::Zoo* zoo_;
  std::vector<std::vector<zoo::Boundaries>> boundaries_;  // [task][slot]; as many tasks as there may be
  std::map<Bound, std::shared_ptr<const SlotSessions>> sessions_;
};

}  // namespace sparseloom::engine
