#pragma once

#include <algorithm>
#include <string_view>
#include <tuple>
#include <vector>

#include "sparseloom/sched/policy.h"

namespace sparseloom::sched {

/// Base of the policies that rank ready stages by a key that never changes while a stage waits: one binary heap per
/// processor, smallest key first. `Rank` maps a ReadyStage to something ordered by <; it must end in (arrival, request)
/// so that no two stages are equal. push() and next() cost O(log waiting) and allocate only when a heap grows.
template <typename Rank>
class HeapPolicy : public Policy {
 public:
  explicit HeapPolicy(std::size_t processors) : heaps_(processors) {}

  void push(const ReadyStage& stage) override {
    auto& heap = heaps_[stage.processor.index()];
    heap.push_back(stage);
    std::push_heap(heap.begin(), heap.end(), runs_later);
    ++waiting_;
  }

  std::optional<ReadyStage> next(soc::ProcessorId processor, Seconds /*now*/) override {
    auto& heap = heaps_[processor.index()];
    if (heap.empty()) return std::nullopt;
    std::pop_heap(heap.begin(), heap.end(), runs_later);
    const ReadyStage first = heap.back();
    heap.pop_back();
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
