// sched: requests, workloads, and the online policies and book-keeping that both hosts (simulate and run) share.
// Deterministic: a policy keeps state fed by events alone. No clocks, locks, threads or I/O.
#pragma once

#include <optional>
#include <vector>

#include "sparseloom/base/ids.h"
#include "sparseloom/base/units.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::sched {

struct RequestTag;
using RequestId = StrongId<RequestTag>;

/// One query for one task. Times are since the run's start.
struct Request {
  RequestId id;  ///< position in the order of arrival
  zoo::TaskId task;
  Seconds arrival{0};
  Seconds deadline{0};     ///< arrival + latency bound
  std::size_t sample = 0;  ///< which sample of the task's data it carries
};

struct QueueTag;
/// Ready stages that the same processors may run stand in one queue.
using QueueId = StrongId<QueueTag>;

/// A stage of a request that can run now: its predecessor has finished.
struct ReadyStage {
  RequestId request;
  zoo::TaskId task;
  zoo::StageId stage;
  QueueId queue;
  Seconds arrival{0};
  Seconds deadline{0};
  Seconds ready_since{0};
  Seconds remaining{0};  ///< estimated time its stages still need, this one included
};

/// What a host must do next: run `stage` of `request` on `processor`.
struct Dispatch {
  RequestId request;
  zoo::TaskId task;
  zoo::StageId stage;
  zoo::VariantId variant;
  soc::ProcessorId processor;
  std::size_t plan_version = 0;  ///< the plan the request was admitted under
  friend bool operator==(const Dispatch&, const Dispatch&) = default;
};

}  // namespace sparseloom::sched
