#pragma once

#include <algorithm>
#include <string_view>
#include <tuple>
#include <vector>

#include "sparseloom/sched/policy.h"

namespace sparseloom::sched {

/// Base of the policies that rank ready stages by a key that never changes while a stage waits: one binary heap per
/// queue, smallest key first. `Rank` maps a ReadyStage to something ordered by <; it must end in (arrival, request)
/// so that no two stages are equal. push() costs O(log waiting), next() as much and a look at each queue; they
/// allocate only when a heap grows.
template <typename Rank>
class HeapPolicy : public Policy {
 public:
  explicit HeapPolicy(std::size_t queues) : heaps_(queues) {}

  void push(const ReadyStage& stage) override {
    auto& heap = heaps_[stage.queue.index()];
    heap.push_back(stage);
    std::push_heap(heap.begin(), heap.end(), runs_later);
    ++waiting_;
  }

  std::optional<ReadyStage> next(std::span<const QueueId> queues, Seconds /*now*/) override {
    std::vector<ReadyStage>* best = nullptr;
    for (const QueueId queue : queues) {
      auto& heap = heaps_[queue.index()];
      if (!heap.empty() && (best == nullptr || runs_later(best->front(), heap.front()))) best = &heap;
    }
    if (best == nullptr) return std::nullopt;
    std::pop_heap(best->begin(), best->end(), runs_later);
    const ReadyStage first = best->back();
    best->pop_back();
    --waiting_;
    return first;
  }

  std::size_t waiting() const override { return waiting_; }

 private:
  // The standard heap keeps its largest element in front.
  static bool runs_later(const ReadyStage& a, const ReadyStage& b) { return Rank{}(b) < Rank{}(a); }

  std::vector<std::vector<ReadyStage>> heaps_;
  std::size_t waiting_ = 0;
};

}  // namespace sparseloom::sched
