#include "sparseloom/zoo/cut_flow.h"

#include <algorithm>
#include <limits>

namespace sparseloom::zoo {
namespace {

using backend::Edge;
using backend::EdgeId;
using backend::Graph;

constexpr std::int64_t kInfinite = kNeverCrosses;

class FlowNetwork {
 public:
  explicit FlowNetwork(std::size_t vertices) : arcs_of_(vertices) {}

  void add_arc(std::size_t from, std::size_t to, std::int64_t capacity, std::int64_t backward = 0) {
    arcs_of_[from].push_back(arcs_.size());
    arcs_.push_back({to, capacity});
    arcs_of_[to].push_back(arcs_.size());
    arcs_.push_back({from, backward});
  }

  // Value of the maximum flow, or kInfinite if it is at least that.
  std::int64_t maximise(std::size_t source, std::size_t sink) {
    std::int64_t total = 0;
    while (total < kInfinite && level(source, sink)) {
      next_.assign(arcs_of_.size(), 0);
      while (const std::int64_t more = augment(source, sink)) {
        total += more;
        if (total >= kInfinite) break;
      }
    }
    return std::min(total, kInfinite);
  }

  // After maximise(): whether a vertex stands on the source's side of the smallest minimum cut.
  bool before_cut(std::size_t vertex) const { return levels_[vertex] >= 0; }

 private:
  struct Arc {
    std::size_t to;
    std::int64_t capacity;
  };

  bool level(std::size_t source, std::size_t sink) {
    levels_.assign(arcs_of_.size(), -1);
    levels_[source] = 0;
    std::vector<std::size_t> queue{source};
    for (std::size_t head = 0; head < queue.size(); ++head) {
      for (const std::size_t a : arcs_of_[queue[head]]) {
        const Arc& arc = arcs_[a];
        if (arc.capacity == 0 || levels_[arc.to] >= 0) continue;
        levels_[arc.to] = levels_[queue[head]] + 1;
        queue.push_back(arc.to);
      }
    }
    return levels_[sink] >= 0;
  }

  // One augmenting path along levels, found without recursion (graphs are thousands of nodes deep).
  std::int64_t augment(std::size_t source, std::size_t sink) {
    std::vector<std::size_t> path;
    std::size_t at = source;
    while (at != sink) {
      if (next_[at] < arcs_of_[at].size()) {
        const std::size_t a = arcs_of_[at][next_[at]];
        if (arcs_[a].capacity > 0 && levels_[arcs_[a].to] == levels_[at] + 1) {
          path.push_back(a);
          at = arcs_[a].to;
        } else {
          ++next_[at];
        }
      } else {
        if (path.empty()) return 0;
        at = arcs_[path.back() ^ 1].to;
        path.pop_back();
        ++next_[at];
      }
    }
    std::int64_t flow = std::numeric_limits<std::int64_t>::max();
    for (const std::size_t a : path) flow = std::min(flow, arcs_[a].capacity);
    for (const std::size_t a : path) {
      arcs_[a].capacity -= flow;
      arcs_[a ^ 1].capacity += flow;
    }
    return flow;
  }

  std::vector<Arc> arcs_;  // arc a and its reverse a^1
  std::vector<std::vector<std::size_t>> arcs_of_;
  std::vector<std::size_t> next_;
  std::vector<int> levels_;
};

bool is_output(const Graph& graph, EdgeId edge) {
  return std::find(graph.outputs.begin(), graph.outputs.end(), edge) != graph.outputs.end();
}

}  // namespace

std::optional<NodeSet> cheapest_downset(const Graph& graph, const CrossingCosts& costs, std::span<const Side> sides) {
  // Vertices: the nodes, the edges (each carries its cost once, however many consumers it has), source and sink.
  const std::size_t nodes = graph.nodes.size();
  const std::size_t source = nodes + graph.edges.size();
  const std::size_t sink = source + 1;
  FlowNetwork network(sink + 1);
  for (std::size_t n = 0; n < nodes; ++n) {
    if (graph.nodes[n].constant) continue;
    if (sides[n] == Side::kBefore) network.add_arc(source, n, kInfinite);
    if (sides[n] == Side::kAfter) network.add_arc(n, sink, kInfinite);
  }
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    const Edge& edge = graph.edges[e];
    const std::size_t producer = edge.producer.index();
    if (graph.node(edge.producer).constant) continue;
    network.add_arc(producer, nodes + e, costs[e]);
    for (const backend::NodeId consumer : edge.consumers) {
      network.add_arc(nodes + e, consumer.index(), kInfinite);
      network.add_arc(consumer.index(), producer, kInfinite);  // a consumer inside brings its producer inside
    }
    if (is_output(graph, EdgeId(e))) network.add_arc(nodes + e, sink, kInfinite);
  }
  if (network.maximise(source, sink) >= kInfinite) return std::nullopt;
  NodeSet inside(nodes, false);
  for (std::size_t n = 0; n < nodes; ++n) inside[n] = !graph.nodes[n].constant && network.before_cut(n);
  return inside;
}

std::vector<EdgeId> boundary_of(const Graph& graph, const NodeSet& inside) {
  std::vector<EdgeId> leaving;
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    const Edge& edge = graph.edges[e];
    if (!inside[edge.producer.index()]) continue;
    const bool crosses = std::any_of(edge.consumers.begin(), edge.consumers.end(),
                                     [&](backend::NodeId consumer) { return !inside[consumer.index()]; });
    if (crosses || is_output(graph, EdgeId(e))) leaving.emplace_back(e);
  }
  return leaving;
}

}  // namespace sparseloom::zoo
