#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "sparseloom/sched/policies/policies.h"

namespace sparseloom::sched {

/// Where a waiting stage stands: the least is run first. The ties make all different.
struct Standing {
  double score = 0;
  double first_tie = 0;
  double second_tie = 0;

  friend bool operator<(const Standing& a, const Standing& b) {
    if (a.score != b.score) return a.score < b.score;
    if (a.first_tie != b.first_tie) return a.first_tie < b.first_tie;
    return a.second_tie < b.second_tie;
  }
};

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr Standing kWorst{kInfinity, kInfinity, kInfinity};

/// Finds the waiting stage with the least standing under a rule whose standings change with time, without looking at
/// all that wait.
///
/// A rule describes a stage by a point of kAttributes numbers that stay the same while it waits, and says where a point
/// stands now, and how well any point within a box [low, high] can stand at best:
///
///     static constexpr std::size_t kAttributes;
///     static constexpr std::size_t kSplits;  // attributes that matter besides ties: the first of them
///     static std::array<double, kAttributes> point(const ReadyStage&);
///     static double least_score(const Point& point);  // whatever the moment; cheap, -infinity if nothing is known
///     static Standing standing(const Point& point, const Moment&);
///     static Standing best(const Point& low, const Point& high, const Moment&);
///
/// A bound made by the same operations in the same order, each with the end of the interval that makes it least, is
/// exact under rounding too, and then so is every decision: it is the one that a scan of all would make.
///
/// The points lie in trees whose nodes carry boxes (k-d trees), of sizes that grow geometrically (Bentley and Saxe,
/// 1980), and a few fresh ones in a list; a search leaves out every node whose box cannot beat the best so far.
/// n waiting: push costs O(log² n) amortised, take O(log n), best usually O(log² n), at worst O(n).
template <typename Rule>
class ScoreIndex {
 public:
  /// The best stage that a search has seen, over one index or several.
  struct Best {
    Standing standing = kWorst;
    const ScoreIndex* index = nullptr;  ///< where it lies; nullptr: none has been seen
    std::size_t tree = 0;               ///< trees_.size(): among the fresh ones
    std::size_t entry = 0;              ///< in it
  };

  bool empty() const { return waiting_ == 0; }

  void push(const ReadyStage& stage) {
    fresh_.push_back({Rule::point(stage), stage.slot});
    ++waiting_;
    if (fresh_.size() >= kFresh) settle();
  }

  /// Puts this index's best stage in the place of `best` if it stands better.
  void improve(Best& best, const Moment& moment) const {
    // From the back: who has just run often goes on, and is a hard one to beat for the others.
    for (std::size_t k = fresh_.size(); k-- > 0;) look(fresh_[k], trees_.size(), k, moment, best);
    for (std::size_t t = 0; t < trees_.size(); ++t) trees_[t].look({*this, t, moment, best});
  }

  /// What a search over this index has found.
  SlotIndex slot(const Best& best) const {
    return best.tree < trees_.size() ? trees_[best.tree].slot(best.entry) : fresh_[best.entry].slot;
  }

  /// Takes it out.
  SlotIndex take(const Best& best, const Moment& moment) {
    last_ = moment;
    --waiting_;
    if (best.tree < trees_.size()) return trees_[best.tree].take(best.entry);
    const SlotIndex slot = fresh_[best.entry].slot;
    fresh_[best.entry] = fresh_.back();
    fresh_.pop_back();
    return slot;
  }

 private:
  static constexpr std::size_t kFresh = 32;
  static constexpr std::size_t kLeaf = 8;
  static constexpr SlotIndex kTaken = std::numeric_limits<SlotIndex>::max();

  using Point = std::array<double, Rule::kAttributes>;
  struct Entry {
    Point point;
    SlotIndex slot;
  };

  struct Box {
    Point low, high;
    Box() {
      low.fill(kInfinity);
      high.fill(-kInfinity);
    }
    void add(const Box& other) {
      for (std::size_t a = 0; a < low.size(); ++a) {
        low[a] = std::min(low[a], other.low[a]);
        high[a] = std::max(high[a], other.high[a]);
      }
    }
    void add(const Point& point) {
      for (std::size_t a = 0; a < low.size(); ++a) {
        low[a] = std::min(low[a], point[a]);
        high[a] = std::max(high[a], point[a]);
      }
    }
    bool empty() const { return low[0] > high[0]; }
  };

  void look(const Entry& entry, std::size_t tree, std::size_t at, const Moment& moment, Best& best) const {
    if (Rule::least_score(entry.point) > best.standing.score) return;
    const Standing standing = Rule::standing(entry.point, moment);
    if (!(standing < best.standing)) return;
    best.standing = standing;
    best.index = this;
    best.tree = tree;
    best.entry = at;
  }

  struct Search {
    const ScoreIndex& index;
    std::size_t tree;
    const Moment& moment;
    Best& best;
  };

  // Entries in the order of a balanced tree: a node is a range of them, halved down to leaves; node k's children are
  // 2k+1 and 2k+2.
  class Tree {
   public:
    Tree(std::vector<Entry> entries, const Moment& moment) : entries_(std::move(entries)), live_(entries_.size()) {
      std::size_t nodes = 1;
      for (std::size_t size = entries_.size(); size > kLeaf; size = (size + 1) / 2) nodes = 2 * nodes + 1;
      boxes_.resize(nodes);
      Box all;
      for (const Entry& entry : entries_) all.add(entry.point);
      build(0, 0, entries_.size(), all, moment);
    }

    std::size_t live() const { return live_; }

    void look(const Search& search) const {
      if (live_ > 0 && Rule::best(boxes_[0].low, boxes_[0].high, search.moment) < search.best.standing) {
        look(search, 0, 0, entries_.size());
      }
    }

    SlotIndex slot(std::size_t at) const { return entries_[at].slot; }

    SlotIndex take(std::size_t at) {
      const SlotIndex slot = std::exchange(entries_[at].slot, kTaken);
      --live_;
      shrink(0, 0, entries_.size(), at);
      return slot;
    }

    void move_live_to(std::vector<Entry>& out) const {
      for (const Entry& entry : entries_) {
        if (entry.slot != kTaken) out.push_back(entry);
      }
    }

   private:
    static std::size_t middle(std::size_t begin, std::size_t end) { return begin + (end - begin + 1) / 2; }

    void build(std::size_t node, std::size_t begin, std::size_t end, const Box& all, const Moment& moment) {
      Box& box = boxes_[node];
      for (std::size_t k = begin; k < end; ++k) box.add(entries_[k].point);
      if (end - begin <= kLeaf) return;
      const std::size_t split = attribute_to_split(box, all, moment), half = middle(begin, end);
      const auto at = [&](std::size_t k) { return entries_.begin() + static_cast<std::ptrdiff_t>(k); };
      std::nth_element(at(begin), at(half), at(end),
                       [&](const Entry& a, const Entry& b) { return a.point[split] < b.point[split]; });
      build(2 * node + 1, begin, half, all, moment);
      build(2 * node + 2, half, end, all, moment);
    }

    /// The attribute whose interval makes the bound loosest; if the bound cannot tell, the one in which `box` is the
    /// largest part of `all`, whatever their units.
    static std::size_t attribute_to_split(const Box& box, const Box& all, const Moment& moment) {
      std::size_t chosen = 0;
      std::pair most(-1.0, -1.0);
      const double bound = Rule::best(box.low, box.high, moment).score;
      for (std::size_t a = 0; a < Rule::kSplits; ++a) {
        const double whole = all.high[a] - all.low[a], part = box.high[a] - box.low[a];
        if (!(part > 0)) continue;
        Box half = box;
        half.low[a] = half.high[a] = box.low[a] + part / 2;
        const double gain = Rule::best(half.low, half.high, moment).score - bound;
        const std::pair looser(std::isfinite(gain) ? gain : 0.0, part / whole);
        if (looser > most) most = looser, chosen = a;
      }
      return chosen;
    }

    void look(const Search& search, std::size_t node, std::size_t begin, std::size_t end) const {
      if (end - begin <= kLeaf) {
        for (std::size_t k = begin; k < end; ++k) {
          if (entries_[k].slot != kTaken) search.index.look(entries_[k], search.tree, k, search.moment, search.best);
        }
        return;
      }
      const std::size_t half = middle(begin, end);
      const Standing left = bound(search, 2 * node + 1), right = bound(search, 2 * node + 2);
      const auto look_left = [&] {
        if (left < search.best.standing) look(search, 2 * node + 1, begin, half);
      };
      const auto look_right = [&] {
        if (right < search.best.standing) look(search, 2 * node + 2, half, end);
      };
      if (right < left) {
        look_right();
        look_left();
      } else {
        look_left();
        look_right();
      }
    }

    Standing bound(const Search& search, std::size_t node) const {
      const Box& box = boxes_[node];
      return box.empty() ? kWorst : Rule::best(box.low, box.high, search.moment);
    }

    void shrink(std::size_t node, std::size_t begin, std::size_t end, std::size_t taken) {
      Box box;
      if (end - begin <= kLeaf) {
        for (std::size_t k = begin; k < end; ++k) {
          if (entries_[k].slot != kTaken) box.add(entries_[k].point);
        }
      } else {
        const std::size_t half = middle(begin, end);
        if (taken < half) {
          shrink(2 * node + 1, begin, half, taken);
        } else {
          shrink(2 * node + 2, half, end, taken);
        }
        box.add(boxes_[2 * node + 1]);
        box.add(boxes_[2 * node + 2]);
      }
      boxes_[node] = box;
    }

    std::vector<Entry> entries_;
    std::vector<Box> boxes_;  // by node
    std::size_t live_;
  };

  /// Makes one tree of the fresh entries and of all trees that are not larger than what is gathered so far.
  void settle() {
    std::vector<Entry> gathered;
    gathered.swap(fresh_);
    while (!trees_.empty() && trees_.back().live() <= gathered.size()) {
      trees_.back().move_live_to(gathered);
      trees_.pop_back();
    }
    trees_.emplace_back(std::move(gathered), last_);
    fresh_.reserve(kFresh);
  }

  Moment last_{Seconds(0), 1};  // of the last search: what trees are made for
  std::vector<Entry> fresh_;
  std::vector<Tree> trees_;  // largest first
  std::size_t waiting_ = 0;
};

/// Base of the policies whose rule fits a ScoreIndex: one of them per queue.
template <typename Rule>
class ScorePolicy final : public Policy {
 public:
  explicit ScorePolicy(const PolicySpec& spec) : Policy(spec.name, spec.knowledge), indices_(spec.queues) {}

  void push(const ReadyStage& stage) override { indices_[stage.queue.index()].push(stage); }

  std::optional<SlotIndex> next(std::span<const QueueId> queues, const Moment& moment) override {
    const Found found = find(queues, moment);
    if (found.best.index == nullptr) return std::nullopt;
    return indices_[found.queue].take(found.best, moment);
  }

  std::optional<SlotIndex> peek(std::span<const QueueId> queues, const Moment& moment) const override {
    const Found found = find(queues, moment);
    if (found.best.index == nullptr) return std::nullopt;
    return indices_[found.queue].slot(found.best);
  }

 private:
  struct Found {
    typename ScoreIndex<Rule>::Best best;
    std::size_t queue = 0;
  };
  Found find(std::span<const QueueId> queues, const Moment& moment) const {
    Found found;
    for (const QueueId queue : queues) {
      const ScoreIndex<Rule>& index = indices_[queue.index()];
      if (index.empty()) continue;
      index.improve(found.best, moment);
      if (found.best.index == &index) found.queue = queue.index();
    }
    return found;
  }

  std::vector<ScoreIndex<Rule>> indices_;
};

}  // namespace sparseloom::sched
