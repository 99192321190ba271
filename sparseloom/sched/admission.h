#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sparseloom/base/ids.h"
#include "sparseloom/base/units.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::sched {

/// The queue in front of the scheduler. Each task has a number of slots, one per request of it that may be in flight
/// at once; who finds none free waits here: earliest deadline first, of equal ones the first that came. A task can be
/// held: its requests then wait although slots are free. Fed by events alone; not thread-safe: the host serialises.
/// Arriving and leaving cost O(log waiting) and allocate only when a queue grows.
///
/// `Waiting` is what the host needs to know of a request once its turn has come.
template <typename Waiting>
class AdmissionQueue {
 public:
  /// Slots are numbered through: those of task t are t · slots_per_task and the slots_per_task - 1 that follow.
  AdmissionQueue(std::size_t tasks, std::size_t slots_per_task) : tasks_(tasks) {
    for (std::size_t t = 0; t < tasks; ++t) {
      for (std::size_t k = slots_per_task; k-- > 0;) tasks_[t].free.push_back(t * slots_per_task + k);
    }
  }

  /// A request arrives. Returns the slot that it takes and leaves `request` alone; none: it waits, and `request` has
  /// been moved from.
  std::optional<std::size_t> arrive(zoo::TaskId task, Seconds deadline, Waiting& request) {
    Task& t = tasks_[task.index()];
    if (!t.held && !t.free.empty()) return take_slot(t);
    t.waiting.push_back({deadline, arrivals_++, std::move(request)});
    std::push_heap(t.waiting.begin(), t.waiting.end(), later);
    return std::nullopt;
  }

  /// The request in `slot` leaves. Returns the one that takes the slot now; none: the slot is free.
  std::optional<Waiting> leave(zoo::TaskId task, std::size_t slot) {
    Task& t = tasks_[task.index()];
    if (!t.held && !t.waiting.empty()) return take_first(t);
    t.free.push_back(slot);
    return std::nullopt;
  }

  /// Requests of `task` wait until release().
  void hold(zoo::TaskId task) { tasks_[task.index()].held = true; }
  /// They are let in again: the host calls next() until there is none.
  void release(zoo::TaskId task) { tasks_[task.index()].held = false; }
  /// A request that waits although it need not, and the slot that it takes now.
  std::optional<std::pair<std::size_t, Waiting>> next(zoo::TaskId task) {
    Task& t = tasks_[task.index()];
    if (t.held || t.free.empty() || t.waiting.empty()) return std::nullopt;
    const std::size_t slot = take_slot(t);
    return std::pair(slot, take_first(t));
  }

  /// Takes the first waiting request of `task` (in no order) for which `wanted` is true out of the queue. O(waiting).
  template <typename Predicate>
  std::optional<Waiting> remove(zoo::TaskId task, Predicate wanted) {
    auto& waiting = tasks_[task.index()].waiting;
    const auto found = std::find_if(waiting.begin(), waiting.end(), [&](const Entry& e) { return wanted(e.request); });
    if (found == waiting.end()) return std::nullopt;
    Waiting request = std::move(found->request);
    if (found != waiting.end() - 1) *found = std::move(waiting.back());
    waiting.pop_back();
    std::make_heap(waiting.begin(), waiting.end(), later);
    return request;
  }

  std::size_t waiting(zoo::TaskId task) const { return tasks_[task.index()].waiting.size(); }

 private:
  struct Entry {
    Seconds deadline{0};
    std::uint64_t arrival = 0;
    Waiting request;
  };
  // The standard heap keeps its largest element in front.
  static bool later(const Entry& a, const Entry& b) {
    return std::pair(a.deadline, a.arrival) > std::pair(b.deadline, b.arrival);
  }
  struct Task {
    std::vector<std::size_t> free;
    std::vector<Entry> waiting;
    bool held = false;
  };

  std::size_t take_slot(Task& t) {
    const std::size_t slot = t.free.back();
    t.free.pop_back();
    return slot;
  }
  Waiting take_first(Task& t) {
    std::pop_heap(t.waiting.begin(), t.waiting.end(), later);
    Waiting request = std::move(t.waiting.back().request);
    t.waiting.pop_back();
    return request;
  }

  std::vector<Task> tasks_;
  std::uint64_t arrivals_ = 0;
};

}  // namespace sparseloom::sched
