#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sparseloom/sched/policy.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::sched {

/// Events in, dispatches out. Keeps which processors are busy, which stage each request has reached and which plan it
/// was admitted under. A host calls it with events in the order of its clock and carries out what it returns; it never
/// blocks. Not thread-safe: the host serialises. Every call costs O(log waiting).
class Dispatcher {
 public:
  Dispatcher(std::shared_ptr<const plan::Plan> plan, std::size_t processors, std::unique_ptr<Policy> policy);

  /// Requests admitted from now on follow `plan`; those inside keep the one they were admitted under, so none is lost.
  void switch_plan(std::shared_ptr<const plan::Plan> plan);
  std::size_t plan_version() const { return plans_ - 1; }

  /// A request arrives. Appends what can start now to `out` (at most one dispatch per idle processor).
  void arrive(const Request& request, Seconds now, std::vector<Dispatch>& out);

  /// `finished` has run. Appends what can start now. Returns true if that was the request's last stage.
  bool finish(const Dispatch& finished, Seconds now, std::vector<Dispatch>& out);

  std::size_t in_flight() const { return in_flight_; }

 private:
  // Book-keeping is an implementation detail (dispatcher.cpp).
  std::size_t plans_ = 1;
  std::size_t in_flight_ = 0;
};

}  // namespace sparseloom::sched
