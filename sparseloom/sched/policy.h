#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::sched {

/// Decides which ready stage a free processor runs next. Owned by one Dispatcher, which calls it in event order; keeps
/// its own queues, so that a decision need not scan all that wait. Ties are broken by arrival, then request id.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual std::string_view name() const = 0;
  /// A stage became ready; the policy keeps it until it returns it from next().
  virtual void push(const ReadyStage& stage) = 0;
  /// Takes out the stage that a processor which serves `queues` runs next at time `now`, or nothing if all are empty.
  virtual std::optional<ReadyStage> next(std::span<const QueueId> queues, Seconds now) = 0;
  /// Number of stages that wait, over all queues.
  virtual std::size_t waiting() const = 0;
};

/// The table of policies: fcfs, edf.
std::vector<std::string_view> policy_names();
/// kInvalidArgument lists the names. `queues` is how many there are.
Result<std::unique_ptr<Policy>> make_policy(std::string_view name, std::size_t queues);

}  // namespace sparseloom::sched
