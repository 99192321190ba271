#include <algorithm>
#include <memory>

#include "sparseloom/place/methods/whole.h"
#include "sparseloom/place/search/additive_labels.h"
#include "sparseloom/place/search/label_search.h"
#include "sparseloom/place/search/makespan_labels.h"

namespace sparseloom::place {
namespace {

constexpr std::size_t kFirstLabels = 16, kMoreLabels = 4;
constexpr double kSurely = 1e-12;           // rounding, of latencies that are sums in another order
constexpr double kForImproving = 0.1;       // of the work, each time
constexpr double kMostNumbers = 1e8;        // in labels behind all groups, one of each
constexpr std::size_t kMostToCut = 20'000;  // groups, times pairs of processors

/// A placement by the numbers of its shares, and the labels of its first groups.
class Played {
 public:
  Played(const LabelModel& labels, std::size_t groups) : labels_(labels), groups_(groups), behind_(groups + 1) {
    behind_[0].assign(labels.width(0), 0.0);
    for (std::size_t n = 1; n <= groups; ++n) behind_[n].resize(labels.width(n));
  }

  void play(std::vector<std::size_t> shares) {
    shares_ = std::move(shares);
    for (std::size_t g = 0; g < groups_; ++g) labels_.extend(behind_[g].data(), g, shares_[g], behind_[g + 1].data());
  }

  /// Whether the placement is better with `share` for the groups from `first` on that `changes`, before `end`. Then it
  /// has them. As soon as the labels are no better than they were, it is not. Counts what it writes.
  bool try_share(std::size_t first, std::size_t end, std::size_t share, const std::vector<bool>& changes,
                 double& work) {
    const double* from = behind_[first].data();
    for (std::size_t g = first; g < groups_; ++g) {
      const std::size_t width = labels_.width(g + 1);
      std::vector<double>& to = g % 2 == 0 ? even_ : odd_;
      to.resize(width);
      const bool changed = g < end && changes[g - first];
      labels_.extend(from, g, changed ? share : shares_[g], to.data());
      work -= static_cast<double>(width);
      if (g + 1 >= end && labels_.dominates(behind_[g + 1].data(), to.data(), g + 1)) return false;
      from = to.data();
    }
    if (labels_.total(from) >= labels_.total(behind_[groups_].data())) return false;
    for (std::size_t g = first; g < end; ++g)
      if (changes[g - first]) shares_[g] = share;
    for (std::size_t g = first; g < groups_; ++g)
      labels_.extend(behind_[g].data(), g, shares_[g], behind_[g + 1].data());
    return true;
  }

  const std::vector<std::size_t>& shares() const { return shares_; }

 private:
  const LabelModel& labels_;
  std::size_t groups_;
  std::vector<std::size_t> shares_;
  std::vector<std::vector<double>> behind_;  // by number of groups
  std::vector<double> even_, odd_;
};

class Exact {
 public:
  Exact(const CostTable& table, const PlacerOptions& options)
      : table_(table), options_(options), shares_(all_shares(table.processors.size())) {
    // Labels of a frontier that is too wide would fill the memory.
    if (frontier_size(table, options.model == CostModel::kAdditive) * widest_tensor() > kMostNumbers) return;
    if (options.model == CostModel::kMakespan) {
      labels_ = std::make_unique<MakespanLabels>(table, shares_);
    } else {
      labels_ = std::make_unique<AdditiveLabels>(table, shares_);
    }
  }

  Placed run() {
    start();
    if (labels_ == nullptr) {
      best_.lower_bound = std::min(least_work(), best_.latency);
      return std::move(best_);
    }
    improve();
    const LabelSearch search(table_, shares_, *labels_);
    double left = options_.work;
    std::size_t most = kFirstLabels;
    while (most > 1 && 2 * search.work(most) > left) most /= 2;
    best_.lower_bound = std::min(search.bound(), best_.latency);
    for (; !proven(); most *= kMoreLabels) {
      const double work = 2 * search.work(most);
      if (work > left) break;
      left -= work;
      const auto found = search.run(most, LabelSearch::Surplus::kDropped, best_.latency);
      if (!found.placement.empty()) {
        take(placement_of(found.placement));
        improve();
      }
      if (found.complete) {
        best_.lower_bound = best_.latency;
        break;
      }
      const auto bound = search.run(most, LabelSearch::Surplus::kMerged, best_.latency);
      best_.lower_bound = std::max(best_.lower_bound, std::min(bound.latency, best_.latency));
    }
    best_.optimal = proven();
    if (best_.optimal) best_.lower_bound = best_.latency;
    return std::move(best_);
  }

 private:
  // Numbers that a label has of one tensor at most.
  double widest_tensor() const { return static_cast<double>(table_.processors.size() + 2 * shares_.size() + 1); }

  // What no placement is faster than: of groups in a row each by its fastest share, and of processors side by side the
  // work of all groups shared out evenly.
  double least_work() const {
    const bool in_a_row = options_.model == CostModel::kAdditive;
    double sum = 0;
    for (const OperatorGroup& group : table_.groups) {
      double least = kCannot;
      for (const Share& share : shares_) {
        if (!can_run(group, share)) continue;
        double most = 0, all = 0;
        for (std::size_t p = 0; p < share.size(); ++p) {
          most = std::max(most, group.seconds[p][share[p]]);
          all += group.seconds[p][share[p]];
        }
        least = std::min(least, in_a_row ? most : all / static_cast<double>(table_.processors.size()));
      }
      sum += least;
    }
    return sum;
  }

  bool proven() const { return best_.lower_bound >= best_.latency * (1 - kSurely); }

  bool too_many_to_cut() const {
    const std::size_t count = table_.processors.size();
    return table_.groups.size() * count * (count - 1) / 2 > kMostToCut;
  }

  // The best of what the other methods find.
  void start() {
    for (const Placer& placer : placers()) {
      if (placer.name == "exact" || (placer.name == "cut" && too_many_to_cut())) continue;
      auto placed = placer.place(table_, options_);
      if (placed.ok()) take(std::move(placed->placement));
    }
  }

  void take(Placement placement) {
    const double latency = latency_of(table_, placement, options_.model);
    if (latency >= best_.latency) return;
    best_.latency = latency;
    best_.placement = std::move(placement);
  }

  Placement placement_of(const std::vector<std::size_t>& numbers) const {
    Placement placement;
    for (const std::size_t n : numbers) placement.push_back(shares_[n]);
    return placement;
  }

  std::vector<std::size_t> numbers_of(const Placement& placement) const {
    std::vector<std::size_t> numbers;
    for (const Share& share : placement)
      numbers.push_back(static_cast<std::size_t>(std::find(shares_.begin(), shares_.end(), share) - shares_.begin()));
    return numbers;
  }

  // Gives runs of groups another share as long as that helps: what is gained by it is handed over once at either end.
  void improve() {
    if (best_.placement.empty()) return;
    double work = kForImproving * options_.work;
    const std::size_t count = table_.groups.size();
    double all = 0;
    for (std::size_t n = 0; n <= count; ++n) all += static_cast<double>(labels_->width(n));
    if (all > work) return;
    Played played(*labels_, count);
    played.play(numbers_of(best_.placement));
    std::vector<bool> changes;
    for (bool better = true; better && work > 0;) {
      better = false;
      for (std::size_t length = 1; length <= count && work > 0; length *= 2) {
        for (std::size_t first = 0; first + length <= count && work > 0; first += (length + 1) / 2) {
          for (std::size_t share = 0; share < shares_.size(); ++share) {
            work -= static_cast<double>(length);
            if (can_change(played, first, length, share, changes) &&
                played.try_share(first, first + length, share, changes, work))
              better = true;
          }
        }
      }
    }
    take(placement_of(played.shares()));
  }

  bool can_change(const Played& played, std::size_t first, std::size_t length, std::size_t share,
                  std::vector<bool>& changes) const {
    changes.assign(length, false);
    bool any = false;
    for (std::size_t k = 0; k < length; ++k) {
      changes[k] = played.shares()[first + k] != share && can_run(table_.groups[first + k], shares_[share]);
      any = any || changes[k];
    }
    return any;
  }

  const CostTable& table_;
  const PlacerOptions& options_;
  std::vector<Share> shares_;
  std::unique_ptr<LabelModel> labels_;
  Placed best_;
};

}  // namespace

// Labels of partial placements, group by group. A pass that drops labels finds placements, one that merges them finds a
// bound (as restricted and relaxed decision diagrams do; Bergman, Cire, van Hoeve, Hooker 2016); with more and more
// labels until both meet, or the work is done.
Result<Placed> place_exactly(const CostTable& table, const PlacerOptions& options) {
  Placed placed = Exact(table, options).run();
  if (!placed.placement.empty()) return placed;
  return error(Code::kResourceExhausted, "no placement was found within {:g} of work", options.work);
}

}  // namespace sparseloom::place
