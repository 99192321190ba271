#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sparseloom/server.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::serve {

/// A request that has been taken and not answered.
struct InFlight {
  zoo::TaskId task;
  Slo bounds;                 ///< its own, else its task's
  std::vector<Input> inputs;  ///< in the model's order; keeps their data alive
  OnReply on_reply;
};

/// Requests by their tickets. Thread-safe.
class Requests {
 public:
  Ticket add(InFlight request);
  /// Takes it out; none: there is no such request.
  std::optional<InFlight> take(Ticket ticket);
  std::optional<zoo::TaskId> task_of(Ticket ticket) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, InFlight> requests_;
  std::uint64_t last_ = 0;
};

}  // namespace sparseloom::serve
