// PREMA (HPCA'20, as the Sparse-DySta benchmark defines it): every waiting request gathers tokens, faster the more
// urgent it is and the longer it has waited; of those with enough, the least remaining time runs first.
//
// A decision adds priority · idle / isolated to every token, which nothing but a visit to each can do to the last
// digit. But only two thresholds matter, idle never shrinks a token, and a request of priority 1 or more that waits
// through a few dozen decisions has passed the upper one. So the young below it are visited at every decision, and the
// elders wait in a heap.
#include <algorithm>

#include "sparseloom/sched/policies/policies.h"

namespace sparseloom::sched {
namespace {

constexpr double kUpper = 9, kLower = 3, kLowest = 1;

class Prema final : public Policy {
 public:
  explicit Prema(const PolicySpec& spec) : Policy(spec.name, spec.knowledge), queues_(spec.queues) {}

  void push(const ReadyStage& stage) override {
    if (stage.slot >= tokens_.size()) tokens_.resize(stage.slot + std::size_t{1});
    Token& token = tokens_[stage.slot];
    const bool met = token.met && token.request == stage.request;
    if (!met) token = {stage.request, stage.priority, false};
    const Waiting waiting{stage.remaining, stage.request, stage.slot, stage.last_run, stage.priority, stage.isolated};
    Queue& queue = queues_[stage.queue.index()];
    if (met && token.value >= kUpper) {
      queue.add_elder(waiting);
    } else {
      queue.young.push_back(waiting);
    }
  }

  std::optional<SlotIndex> next(std::span<const QueueId> served, const Moment& moment) override;

 private:
  struct Token {
    RequestId request;
    double value = 0;
    bool met = false;  // a decision has seen the request
  };
  struct Waiting {
    Seconds remaining{0};
    RequestId request;
    SlotIndex slot = 0;
    Seconds last_run{0};
    double priority = 1;
    Seconds isolated{0};
    // The standard heap keeps its largest element in front.
    friend bool operator<(const Waiting& a, const Waiting& b) {
      return std::pair(b.remaining, b.request) < std::pair(a.remaining, a.request);
    }
  };
  struct Queue {
    std::vector<Waiting> young;   // met with less than kUpper, or not met yet; in no order
    std::vector<Waiting> elders;  // a heap; met, with at least kUpper
    void add_elder(const Waiting& waiting) {
      elders.push_back(waiting);
      std::push_heap(elders.begin(), elders.end());
    }
  };

  double age(Queue& queue, Seconds now);
  SlotIndex take_young(Queue& queue, std::size_t at);

  std::vector<Queue> queues_;
  std::vector<Token> tokens_;  // by slot; outlives a stage, so that a request keeps its token between stages
};

/// Adds to the tokens of the young that have been met, and returns the largest token among all that have.
double Prema::age(Queue& queue, Seconds now) {
  double largest = queue.elders.empty() ? -1 : kUpper;
  std::size_t kept = 0;
  for (const Waiting& w : queue.young) {
    Token& token = tokens_[w.slot];
    if (token.met) {
      token.value += w.priority * (std::max(Seconds(0), now - w.last_run) / w.isolated);
      largest = std::max(largest, token.value);
      if (token.value >= kUpper) {
        queue.add_elder(w);
        continue;
      }
    }
    queue.young[kept++] = w;
  }
  queue.young.resize(kept);
  return largest;
}

SlotIndex Prema::take_young(Queue& queue, std::size_t at) {
  const SlotIndex slot = queue.young[at].slot;
  queue.young[at] = queue.young.back();
  queue.young.pop_back();
  return slot;
}

std::optional<SlotIndex> Prema::next(std::span<const QueueId> served, const Moment& moment) {
  double largest = -1;
  bool any = false;
  for (const QueueId id : served) {
    Queue& queue = queues_[id.index()];
    any = any || !queue.young.empty() || !queue.elders.empty();
    largest = std::max(largest, age(queue, moment.now));
  }
  if (!any) return std::nullopt;
  const double threshold = largest >= kUpper ? kUpper : largest >= kLower ? kLower : kLowest;

  const Waiting* best = nullptr;
  Queue* of = nullptr;
  const auto consider = [&](const Waiting& w, Queue& queue) {
    if (best == nullptr || *best < w) best = &w, of = &queue;
  };
  for (const bool everyone : {false, true}) {  // if nobody has enough, all are candidates
    for (const QueueId id : served) {
      Queue& queue = queues_[id.index()];
      if (!queue.elders.empty()) consider(queue.elders.front(), queue);
      for (const Waiting& w : queue.young) {
        if (everyone || tokens_[w.slot].value >= threshold) consider(w, queue);
      }
    }
    if (best != nullptr) break;
  }
  for (const QueueId id : served) {
    for (const Waiting& w : queues_[id.index()].young) tokens_[w.slot].met = true;
  }
  if (!of->elders.empty() && best == of->elders.data()) {
    const SlotIndex slot = best->slot;
    std::pop_heap(of->elders.begin(), of->elders.end());
    of->elders.pop_back();
    return slot;
  }
  return take_young(*of, static_cast<std::size_t>(best - of->young.data()));
}

}  // namespace

std::unique_ptr<Policy> make_prema(const PolicySpec& spec) { return std::make_unique<Prema>(spec); }

}  // namespace sparseloom::sched
