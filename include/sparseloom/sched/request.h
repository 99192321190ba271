// sched: requests, workloads, and the online policies and book-keeping that both hosts (simulate and engine) share.
// Deterministic: a policy keeps state fed by events alone. No clocks, locks, threads or I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sparseloom/base/ids.h"
#include "sparseloom/base/units.h"
#include "sparseloom/sched/outlook.h"

namespace sparseloom::sched {

struct RequestTag;
using RequestId = StrongId<RequestTag>;

/// One query for one task. Times are since the run's start.
struct Request {
  RequestId id;  ///< position in the order of arrival; ids of requests in flight differ, they break ties
  zoo::TaskId task;
  Seconds arrival{0};
  Seconds deadline{0};  ///< arrival + latency bound
  double priority = 1;  ///< more than 0; a larger one is more urgent to the policies that look at it
};

struct QueueTag;
/// Ready stages that the same processors may run stand in one queue.
using QueueId = StrongId<QueueTag>;

/// Where a Dispatcher keeps a request: of those in flight no two have the same, and it is smaller than the most that
/// were in flight at once.
using SlotIndex = std::uint32_t;

/// A stage of a request that can run now: its predecessor has finished. Its times are as good as the policy's
/// Knowledge.
struct ReadyStage {
  SlotIndex slot = 0;
  QueueId queue;
  RequestId request;
  zoo::TaskId task;
  zoo::StageId stage;
  Seconds arrival{0};
  Seconds deadline{0};
  Seconds last_run{0};   ///< when the request's last stage finished; its admission before the first
  Seconds next{0};       ///< estimated time of this stage
  Seconds remaining{0};  ///< estimated time of this stage and all after it
  Seconds isolated{0};   ///< estimated time of all its stages, at its arrival
  double priority = 1;
};

/// What a host must do next: run `stage` of `request` on `processor`.
struct Dispatch {
  RequestId request;
  zoo::TaskId task;
  zoo::StageId stage;
  zoo::VariantId variant;
  soc::ProcessorId processor;
  std::size_t plan_version = 0;  ///< the plan the request was admitted under
  SlotIndex slot = 0;
  friend bool operator==(const Dispatch&, const Dispatch&) = default;
};

}  // namespace sparseloom::sched
