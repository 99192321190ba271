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

#include "sparseloom/sched/policies.h"

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
  struct Found {
    Standing standing;
    std::size_t tree = 0;   // trees_.size(): among the fresh ones
    std::size_t entry = 0;  // in it
  };

  bool empty() const { return waiting_ == 0; }

  void push(const ReadyStage& stage) {
    fresh_.push_back({Rule::point(stage), stage.slot});
    ++waiting_;
    if (fresh_.size() >= kFresh) settle();
  }

  /// The stage that stands best, if it stands better than `limit`.
  std::optional<Found> best(const Moment& moment, const std::optional<Found>& limit = {}) {
    last_ = moment;
    Search search{moment, limit ? limit->standing : kWorst, {}, 0};
    search.tree = trees_.size();
    for (std::size_t k = 0; k < fresh_.size(); ++k) search.look(fresh_[k], k);
    for (search.tree = 0; search.tree < trees_.size(); ++search.tree) trees_[search.tree].look(search);
    return search.found;
  }

  SlotIndex take(const Found& found) {
    --waiting_;
    if (found.tree < trees_.size()) return trees_[found.tree].take(found.entry);
    const SlotIndex slot = fresh_[found.entry].slot;
    fresh_[found.entry] = fresh_.back();
    fresh_.pop_back();
    return slot;
  }

 private:
  static constexpr std::size_t kFresh = 64;
  static constexpr std::size_t kLeaf = 8;
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static constexpr Standing kWorst{kInfinity, kInfinity, kInfinity};
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

  struct Search {
    const Moment& moment;
    Standing limit;
    std::optional<Found> found;
    std::size_t tree;

    void look(const Entry& entry, std::size_t at) {
      if (Rule::least_score(entry.point) > limit.score) return;
      const Standing standing = Rule::standing(entry.point, moment);
      if (!(standing < limit)) return;
      limit = standing;
      found = {standing, tree, at};
    }
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

    void look(Search& search) const {
      if (live_ > 0 && Rule::best(boxes_[0].low, boxes_[0].high, search.moment) < search.limit) {
        look(search, 0, 0, entries_.size());
      }
    }

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

    void look(Search& search, std::size_t node, std::size_t begin, std::size_t end) const {
      if (end - begin <= kLeaf) {
        for (std::size_t k = begin; k < end; ++k) {
          if (entries_[k].slot != kTaken) search.look(entries_[k], k);
        }
        return;
      }
      const std::size_t half = middle(begin, end);
      const Standing left = bound(search, 2 * node + 1), right = bound(search, 2 * node + 2);
      const auto look_left = [&] {
        if (left < search.limit) look(search, 2 * node + 1, begin, half);
      };
      const auto look_right = [&] {
        if (right < search.limit) look(search, 2 * node + 2, half, end);
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
    std::optional<typename ScoreIndex<Rule>::Found> found;
    ScoreIndex<Rule>* of = nullptr;
    for (const QueueId queue : queues) {
      auto& index = indices_[queue.index()];
      if (index.empty()) continue;
      if (const auto better = index.best(moment, found)) found = better, of = &index;
    }
    if (!found) return std::nullopt;
    return of->take(*found);
  }

 private:
  std::vector<ScoreIndex<Rule>> indices_;
};

}  // namespace sparseloom::sched
