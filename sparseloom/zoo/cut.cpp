#include "sparseloom/zoo/cut.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "sparseloom/zoo/cut_flow.h"
#include "sparseloom/zoo/cut_rules.h"

namespace sparseloom::zoo {
namespace {

using backend::EdgeId;
using backend::Graph;
using backend::Node;
using backend::NodeId;

// What a largest part `excess` above its share is worth in work at the boundaries: little at first, as work is known to
// ten per cent or so and imbalance costs throughput only; then more and more.
double imbalance(double excess) { return 0.1 * excess + 0.5 * excess * excess; }
constexpr int kWindows = 64;

struct Candidate {
  NodeSet inside;
  double work = 0;      // of the operators inside
  double boundary = 0;  // cost of its tensors, in fractions of the model's work
};

class CutChooser {
 public:
  CutChooser(const Graph& graph, const CutOptions& options) : graph_(graph), parts_(options.parts) {
    double default_total = 0;
    for (const Node& node : graph.nodes) {
      const double estimate = default_node_cost(graph, node);
      default_total += estimate;
      work_.push_back(node.constant ? 0.0 : options.cost ? options.cost(node) : estimate);
    }
    total_ = std::accumulate(work_.begin(), work_.end(), 0.0);
    crossing_ = crossing_costs(graph, default_total);
    find_relatives();
  }

  Result<std::vector<Cut>> choose() {
    if (parts_ < 1) return error(Code::kInvalidArgument, "parts: got 0; at least 1 is needed");
    if (parts_ == 1) return std::vector<Cut>{};
    add_cheapest();
    std::vector<std::size_t> chain;
    if (parts_ - 1 <= candidates_.size()) chain = best_chain();
    if (chain.empty()) {
      const std::size_t most = add_prefixes();
      if (parts_ - 1 > most)
        return error(Code::kInvalidArgument, "{} parts need {} cuts; the model has {}", parts_, parts_ - 1, most);
      chain = best_chain();
    }
    std::vector<Cut> cuts;
    for (const std::size_t c : chain) cuts.push_back({boundary_of(graph_, candidates_[c].inside)});
    return cuts;
  }

 private:
  static bool is_parameter(const Node& node) { return node.inputs.empty() && !node.constant; }

  // For every node the work of its ancestors and of its descendants, itself included: a downset that holds the node has
  // at least the first, one that does not has at most the total less the second.
  void find_relatives() {
    const std::size_t count = graph_.nodes.size();
    before_.assign(count, 0);
    after_.assign(count, 0);
    std::vector<std::vector<bool>> ancestors(count);
    for (std::size_t n = 0; n < count; ++n) {
      if (graph_.nodes[n].constant) continue;
      std::vector<bool>& mine = ancestors[n];
      mine.assign(count, false);
      mine[n] = true;
      for (const EdgeId input : graph_.nodes[n].inputs) {
        const std::vector<bool>& theirs = ancestors[graph_.edge(input).producer.index()];
        for (std::size_t k = 0; k < theirs.size(); ++k)
          if (theirs[k]) mine[k] = true;
      }
      for (std::size_t k = 0; k <= n; ++k) {
        if (!mine[k]) continue;
        before_[n] += work_[k];
        after_[k] += work_[n];
      }
    }
  }

  // Nodes that every downset with work between `low` and `high` must hold or leave out.
  std::vector<Side> sides(double low, double high) const {
    std::vector<Side> sides(graph_.nodes.size(), Side::kFree);
    for (std::size_t n = 0; n < sides.size(); ++n) {
      if (graph_.nodes[n].constant) continue;
      if (is_parameter(graph_.nodes[n]) || after_[n] > total_ - low) {
        sides[n] = Side::kBefore;
      } else if (before_[n] > high) {
        sides[n] = Side::kAfter;
      }
    }
    return sides;
  }

  // As sides(), but along the graph's own order: independent branches cannot drift apart.
  std::vector<Side> sides_in_order(double low, double high) const {
    std::vector<Side> sides(graph_.nodes.size(), Side::kFree);
    double done = 0;
    for (std::size_t n = 0; n < sides.size(); ++n) {
      if (graph_.nodes[n].constant) continue;
      done += work_[n];
      if (is_parameter(graph_.nodes[n]) || done < low) {
        sides[n] = Side::kBefore;
      } else if (done > high) {
        sides[n] = Side::kAfter;
      }
    }
    return sides;
  }

  void add(NodeSet inside) {
    Candidate candidate;
    std::size_t operators = 0, rest = 0;
    for (std::size_t n = 0; n < inside.size(); ++n) {
      if (graph_.nodes[n].constant || is_parameter(graph_.nodes[n])) continue;
      (inside[n] ? operators : rest) += 1;
      if (inside[n]) candidate.work += work_[n];
    }
    if (operators == 0 || rest == 0) return;
    for (const EdgeId edge : boundary_of(graph_, inside)) {
      if (crossing_[edge.index()] >= kNeverCrosses) return;
      candidate.boundary += static_cast<double>(crossing_[edge.index()]) / kCostScale;
    }
    const auto same = [&](const Candidate& other) { return other.inside == inside; };
    if (std::any_of(candidates_.begin(), candidates_.end(), same)) return;
    candidate.inside = std::move(inside);
    candidates_.push_back(std::move(candidate));
  }

  // The cheapest cut in each of many windows of work done, narrow and wide.
  void add_cheapest() {
    for (const double half_width : {0.5 / kWindows, 0.04}) {
      for (int i = 1; i < kWindows; ++i) {
        const double middle = static_cast<double>(i) / kWindows;
        const double low = std::max(0.0, middle - half_width) * total_;
        const double high = std::min(1.0, middle + half_width) * total_;
        for (const auto& window : {sides(low, high), sides_in_order(low, high)}) {
          if (auto inside = cheapest_downset(graph_, crossing_, window)) add(std::move(*inside));
        }
      }
    }
  }

  // Every prefix of the graph's order: the finest chain there is. Returns how many there are.
  std::size_t add_prefixes() {
    NodeSet inside(graph_.nodes.size(), false);
    for (std::size_t n = 0; n < inside.size(); ++n) inside[n] = is_parameter(graph_.nodes[n]);
    const auto crossable = [&] {
      for (const EdgeId edge : boundary_of(graph_, inside))
        if (crossing_[edge.index()] >= kNeverCrosses) return false;
      return true;
    };
    std::size_t operators = 0, cuts = 0;
    for (const Node& node : graph_.nodes) operators += !node.constant && !is_parameter(node) ? 1 : 0;
    for (std::size_t n = 0; n < inside.size(); ++n) {
      if (graph_.nodes[n].constant || is_parameter(graph_.nodes[n])) continue;
      inside[n] = true;
      if (--operators == 0) break;
      if (!crossable()) continue;
      ++cuts;
      add(inside);
    }
    return cuts;
  }

  static bool within(const NodeSet& a, const NodeSet& b) {
    for (std::size_t n = 0; n < a.size(); ++n)
      if (a[n] && !b[n]) return false;
    return true;
  }

  // For each bound on the largest part the cheapest chain of nested cuts; of those the best compromise.
  std::vector<std::size_t> best_chain() {
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.work < b.work; });
    nested_.assign(candidates_.size(), std::vector<bool>(candidates_.size(), false));
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      for (std::size_t j = 0; j < candidates_.size(); ++j) {
        nested_[i][j] = i != j && candidates_[i].work <= candidates_[j].work &&
                        within(candidates_[i].inside, candidates_[j].inside);
      }
    }
    std::vector<std::size_t> best;
    double best_score = std::numeric_limits<double>::infinity();
    const double share = total_ / static_cast<double>(parts_);
    for (double excess = 0; excess <= static_cast<double>(parts_) - 1 + 1e-9; excess += excess < 0.5 ? 0.02 : 0.25) {
      double boundary = 0;
      auto chain = cheapest_chain((1 + excess) * share, boundary);
      const double score = boundary + imbalance(excess);
      if (chain.empty() || score >= best_score) continue;
      best = std::move(chain);
      best_score = score;
    }
    return best;
  }

  // Dynamic programming over (number of cuts so far, last cut). Empty if no chain keeps every part within `largest`.
  std::vector<std::size_t> cheapest_chain(double largest, double& boundary) const {
    constexpr double kNone = std::numeric_limits<double>::infinity();
    const std::size_t count = candidates_.size(), cuts = parts_ - 1;
    largest += 1e-9 * total_;
    std::vector<std::vector<double>> cost(cuts, std::vector<double>(count, kNone));
    std::vector<std::vector<std::size_t>> from(cuts, std::vector<std::size_t>(count, 0));
    for (std::size_t j = 0; j < count; ++j)
      if (candidates_[j].work <= largest) cost[0][j] = candidates_[j].boundary;
    for (std::size_t k = 1; k < cuts; ++k) {
      for (std::size_t j = 0; j < count; ++j) {
        for (std::size_t i = 0; i < count; ++i) {
          if (cost[k - 1][i] == kNone || !nested_[i][j] || candidates_[j].work - candidates_[i].work > largest)
            continue;
          const double through = cost[k - 1][i] + candidates_[j].boundary;
          if (through >= cost[k][j]) continue;
          cost[k][j] = through;
          from[k][j] = i;
        }
      }
    }
    std::size_t last = count;
    for (std::size_t j = 0; j < count; ++j) {
      if (cost[cuts - 1][j] == kNone || total_ - candidates_[j].work > largest) continue;
      if (last == count || cost[cuts - 1][j] < cost[cuts - 1][last]) last = j;
    }
    if (last == count) return {};
    boundary = cost[cuts - 1][last];
    std::vector<std::size_t> chain(cuts);
    for (std::size_t k = cuts; k-- > 0; last = from[k][last]) chain[k] = last;
    return chain;
  }

  const Graph& graph_;
  std::size_t parts_;
  std::vector<double> work_;  // per node
  double total_ = 0;
  CrossingCosts crossing_;
  std::vector<double> before_, after_;
  std::vector<Candidate> candidates_;
  std::vector<std::vector<bool>> nested_;
};

}  // namespace

Result<std::vector<Cut>> choose_cuts(const Graph& graph, const CutOptions& options) {
  return CutChooser(graph, options).choose();
}

}  // namespace sparseloom::zoo
