#pragma once

#include <algorithm>
#include <vector>

#include "sparseloom/sched/policies/policies.h"

namespace sparseloom::sched {

/// Base of the policies that rank ready stages by a key that never changes while a stage waits: one binary heap per
/// queue, smallest key first, and beside it the stage that came last, which often is the next. `Rank` maps a ReadyStage
/// to something ordered by <, in which the request's id makes all different. push() and next() cost O(log waiting), or
/// O(1) while one request goes on; next() looks at each queue; they allocate only when a heap grows.
template <typename Rank>
class HeapPolicy final : public Policy {
 public:
  explicit HeapPolicy(const PolicySpec& spec) : Policy(spec.name, spec.knowledge), queues_(spec.queues) {}

  void push(const ReadyStage& stage) override {
    Queue& queue = queues_[stage.queue.index()];
    if (queue.has_last) queue.add(queue.last);
    queue.last = {Rank{}(stage), stage.slot};
    queue.has_last = true;
  }

  std::optional<SlotIndex> next(std::span<const QueueId> queues, const Moment& /*moment*/) override {
    const std::optional<std::size_t> best = best_of(queues);
    if (!best) return std::nullopt;
    return queues_[*best].take();
  }

  std::optional<SlotIndex> peek(std::span<const QueueId> queues, const Moment& /*moment*/) const override {
    const std::optional<std::size_t> best = best_of(queues);
    if (!best) return std::nullopt;
    return queues_[*best].first().slot;
  }

 private:
  struct Entry {
    decltype(Rank{}(ReadyStage())) rank;
    SlotIndex slot = 0;
  };
  // The standard heap keeps its largest element in front.
  static bool runs_later(const Entry& a, const Entry& b) { return b.rank < a.rank; }

  struct Queue {
    std::vector<Entry> heap;
    Entry last;
    bool has_last = false;

    bool empty() const { return heap.empty() && !has_last; }
    bool last_is_first() const { return has_last && (heap.empty() || last.rank < heap.front().rank); }
    const Entry& first() const { return last_is_first() ? last : heap.front(); }

    void add(const Entry& entry) {
      heap.push_back(entry);
      std::push_heap(heap.begin(), heap.end(), runs_later);
    }

    SlotIndex take() {
      if (last_is_first()) {
        has_last = false;
        return last.slot;
      }
      std::pop_heap(heap.begin(), heap.end(), runs_later);
      const SlotIndex slot = heap.back().slot;
      heap.pop_back();
      return slot;
    }
  };

  // The queue whose first is the first of all.
  std::optional<std::size_t> best_of(std::span<const QueueId> queues) const {
    std::optional<std::size_t> best;
    for (const QueueId id : queues) {
      const Queue& queue = queues_[id.index()];
      if (!queue.empty() && (!best || queue.first().rank < queues_[*best].first().rank)) best = id.index();
    }
    return best;
  }

  std::vector<Queue> queues_;
};

}  // namespace sparseloom::sched
