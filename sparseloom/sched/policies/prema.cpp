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
  std::optional<SlotIndex> peek(std::span<const QueueId> served, const Moment& moment) const override;

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

  // What a decision at `now` makes of the token of who is young.
  double aged(const Waiting& w, Seconds now) const {
    const Token& token = tokens_[w.slot];
    return token.met ? token.value + w.priority * (std::max(Seconds(0), now - w.last_run) / w.isolated) : token.value;
  }
  void age(Queue& queue, Seconds now);
  struct Found {
    std::size_t queue = 0;
    const Waiting* waiting = nullptr;  // nullptr: nobody waits
  };
  template <typename Value>
  Found find(std::span<const QueueId> served, const Value& value) const;
  SlotIndex take_young(Queue& queue, std::size_t at);

  std::vector<Queue> queues_;
  std::vector<Token> tokens_;  // by slot; outlives a stage, so that a request keeps its token between stages
};

/// Adds to the tokens of the young that have been met.
void Prema::age(Queue& queue, Seconds now) {
  std::size_t kept = 0;
  for (const Waiting& w : queue.young) {
    Token& token = tokens_[w.slot];
    token.value = aged(w, now);
    if (token.met && token.value >= kUpper) {
      queue.add_elder(w);
    } else {
      queue.young[kept++] = w;
    }
  }
  queue.young.resize(kept);
}

/// Whose turn it is; `value` is the token of who is young.
template <typename Value>
Prema::Found Prema::find(std::span<const QueueId> served, const Value& value) const {
  double largest = -1;
  for (const QueueId id : served) {
    const Queue& queue = queues_[id.index()];
    if (!queue.elders.empty()) largest = std::max(largest, kUpper);
    for (const Waiting& w : queue.young) {
      if (tokens_[w.slot].met) largest = std::max(largest, value(w));
    }
  }
  const double threshold = largest >= kUpper ? kUpper : largest >= kLower ? kLower : kLowest;
  Found found;
  const auto consider = [&](const Waiting& w, QueueId queue) {
    if (found.waiting == nullptr || *found.waiting < w) found = {queue.index(), &w};
  };
  for (const bool everyone : {false, true}) {  // if nobody has enough, all are candidates
    for (const QueueId id : served) {
      const Queue& queue = queues_[id.index()];
      if (!queue.elders.empty()) consider(queue.elders.front(), id);
      for (const Waiting& w : queue.young) {
        if (everyone || value(w) >= threshold) consider(w, id);
      }
    }
    if (found.waiting != nullptr) break;
  }
  return found;
}

SlotIndex Prema::take_young(Queue& queue, std::size_t at) {
  const SlotIndex slot = queue.young[at].slot;
  queue.young[at] = queue.young.back();
  queue.young.pop_back();
  return slot;
}

std::optional<SlotIndex> Prema::peek(std::span<const QueueId> served, const Moment& moment) const {
  const Found found = find(served, [&](const Waiting& w) { return aged(w, moment.now); });
  if (found.waiting == nullptr) return std::nullopt;
  return found.waiting->slot;
}

std::optional<SlotIndex> Prema::next(std::span<const QueueId> served, const Moment& moment) {
  for (const QueueId id : served) age(queues_[id.index()], moment.now);
  const Found found = find(served, [&](const Waiting& w) { return tokens_[w.slot].value; });
  if (found.waiting == nullptr) return std::nullopt;
  for (const QueueId id : served) {
    for (const Waiting& w : queues_[id.index()].young) tokens_[w.slot].met = true;
  }
  Queue& of = queues_[found.queue];
  if (!of.elders.empty() && found.waiting == of.elders.data()) {
    const SlotIndex slot = found.waiting->slot;
    std::pop_heap(of.elders.begin(), of.elders.end());
    of.elders.pop_back();
    return slot;
  }
  return take_young(of, static_cast<std::size_t>(found.waiting - of.young.data()));
}

}  // namespace

std::unique_ptr<Policy> make_prema(const PolicySpec& spec) { return std::make_unique<Prema>(spec); }

}  // namespace sparseloom::sched
