#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::sched {

/// The circumstances of a decision.
struct Moment {
  Seconds now{0};
  std::size_t in_flight = 0;  ///< requests admitted and not finished: those that wait and those that run
};

/// Decides which ready stage a free processor runs next. Owned by one Dispatcher, which calls it in event order; keeps
/// its own queues, so that a decision need not scan all that wait. Ties go to the request with the smallest id, unless
/// the policy says otherwise.
class Policy {
 public:
  Policy(std::string_view name, Knowledge knowledge) : name_(name), knowledge_(knowledge) {}
  virtual ~Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  std::string_view name() const { return name_; }
  /// What the times of its ready stages are to be made from.
  Knowledge knowledge() const { return knowledge_; }

  /// A stage became ready; it waits until next() returns its slot.
  virtual void push(const ReadyStage& stage) = 0;
  /// Takes out the stage that a processor which serves `queues` runs next, or nothing if all are empty.
  virtual std::optional<SlotIndex> next(std::span<const QueueId> queues, const Moment& moment) = 0;
  /// What next() would return. Changes nothing.
  virtual std::optional<SlotIndex> peek(std::span<const QueueId> queues, const Moment& moment) const = 0;

 private:
  std::string_view name_;
  Knowledge knowledge_;
};

/// The table of policies, in the order that reports list them.
std::vector<std::string_view> policy_names();
/// Those that need not know the future: what a real engine can use.
std::vector<std::string_view> causal_policy_names();
/// kInvalidArgument lists the names. `queues` is how many there are.
Result<std::unique_ptr<Policy>> make_policy(std::string_view name, std::size_t queues);

}  // namespace sparseloom::sched
