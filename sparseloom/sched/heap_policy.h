#pragma once

#include <algorithm>
#include <vector>

#include "sparseloom/sched/policies.h"

namespace sparseloom::sched {

/// Base of the policies that rank ready stages by a key that never changes while a stage waits: one binary heap per
/// queue, smallest key first. `Rank` maps a ReadyStage to something ordered by <, in which the request's id makes all
/// different. push() costs O(log waiting), next() as much and a look at each queue; they allocate only when a heap
/// grows.
template <typename Rank>
class HeapPolicy final : public Policy {
 public:
  explicit HeapPolicy(const PolicySpec& spec) : Policy(spec.name, spec.knowledge), heaps_(spec.queues) {}

  void push(const ReadyStage& stage) override {
    auto& heap = heaps_[stage.queue.index()];
    heap.push_back({Rank{}(stage), stage.slot});
    std::push_heap(heap.begin(), heap.end(), runs_later);
  }

  std::optional<SlotIndex> next(std::span<const QueueId> queues, const Moment& /*moment*/) override {
    std::vector<Entry>* best = nullptr;
    for (const QueueId queue : queues) {
      auto& heap = heaps_[queue.index()];
      if (!heap.empty() && (best == nullptr || runs_later(best->front(), heap.front()))) best = &heap;
    }
    if (best == nullptr) return std::nullopt;
    std::pop_heap(best->begin(), best->end(), runs_later);
    const SlotIndex first = best->back().slot;
    best->pop_back();
    return first;
  }

 private:
  struct Entry {
    decltype(Rank{}(ReadyStage())) rank;
    SlotIndex slot;
  };
  // The standard heap keeps its largest element in front.
  static bool runs_later(const Entry& a, const Entry& b) { return b.rank < a.rank; }

  std::vector<std::vector<Entry>> heaps_;
};

}  // namespace sparseloom::sched
