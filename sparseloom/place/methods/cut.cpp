#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/boykov_kolmogorov_max_flow.hpp>
#include <cmath>

#include "sparseloom/place/methods/whole.h"

namespace sparseloom::place {
namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
struct Arc {
  double capacity = 0, residual = 0;
  Traits::edge_descriptor reverse;
};
struct Vertex {
  boost::default_color_type color = boost::white_color;
  double distance = 0;
  Traits::edge_descriptor predecessor;
};
using FlowGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, Vertex, Arc>;

// Whole groups on two processors at the least sum of costs (the additive model) as a minimum cut: what stays with the
// source runs on `near`, the rest on `far`; an arc is cut where its cost is paid.
class TwoProcessorCut {
 public:
  TwoProcessorCut(const CostTable& table, std::size_t near, std::size_t far)
      : table_(table), near_(near), far_(far), graph_(table.groups.size() + 2) {
    find_scale();
    std::vector<std::vector<std::size_t>> readers(table.groups.size());
    for (std::size_t g = 0; g < table.groups.size(); ++g) {
      for (const Input& input : table.groups[g].inputs)
        if (input.from) readers[input.from->index()].push_back(g);
    }
    for (std::size_t g = 0; g < table.groups.size(); ++g) add_group(g, readers[g]);
  }

  /// By group the processor.
  std::vector<std::size_t> solve() {
    boost::boykov_kolmogorov_max_flow(graph_, boost::get(&Arc::capacity, graph_), boost::get(&Arc::residual, graph_),
                                      boost::get(&Arc::reverse, graph_), boost::get(&Vertex::predecessor, graph_),
                                      boost::get(&Vertex::color, graph_), boost::get(&Vertex::distance, graph_),
                                      boost::get(boost::vertex_index, graph_), source(), sink());
    std::vector<std::size_t> processors;
    for (std::size_t g = 0; g < table_.groups.size(); ++g)
      processors.push_back(graph_[g].color == boost::black_color ? near_ : far_);
    return processors;
  }

 private:
  std::size_t source() const { return table_.groups.size(); }
  std::size_t sink() const { return table_.groups.size() + 1; }

  // Flows are sums and differences of costs: in whole numbers of a unit they are exact, and never wait for a residue
  // that rounding left.
  void find_scale() {
    double all = 0;
    for (const OperatorGroup& group : table_.groups) {
      for (const std::size_t p : {near_, far_})
        if (group.seconds[p][kQuarters] != kCannot) all += group.seconds[p][kQuarters];
      all += handover_seconds(table_, near_, far_, group.result_bytes) +
             handover_seconds(table_, far_, near_, group.result_bytes);
      for (const std::size_t p : {near_, far_}) all += seconds_to_host(table_, p, group.result_bytes);
      for (const Input& input : group.inputs)
        for (const std::size_t p : {near_, far_}) all += seconds_from_host(table_, p, input.bytes);
    }
    constexpr double kUnits = 1e15;  // sums of them are whole numbers that a double holds
    unit_ = all > 0 ? all / kUnits : 1;
    never_ = kUnits * 2;
  }

  double units(double seconds) const { return seconds == kCannot ? never_ : std::round(seconds / unit_); }

  void arc(std::size_t from, std::size_t to, double capacity) {
    if (capacity == 0) return;
    const auto forth = boost::add_edge(from, to, graph_).first;
    const auto back = boost::add_edge(to, from, graph_).first;
    graph_[forth].capacity = capacity;
    graph_[forth].reverse = back;
    graph_[back].reverse = forth;
  }

  void add_group(std::size_t g, const std::vector<std::size_t>& readers) {
    const OperatorGroup& group = table_.groups[g];
    double on_near = units(group.seconds[near_][kQuarters]), on_far = units(group.seconds[far_][kQuarters]);
    for (const Input& input : group.inputs) {
      if (input.from) continue;
      on_near += units(seconds_from_host(table_, near_, input.bytes));
      on_far += units(seconds_from_host(table_, far_, input.bytes));
    }
    if (group.returned) {
      on_near += units(seconds_to_host(table_, near_, group.result_bytes));
      on_far += units(seconds_to_host(table_, far_, group.result_bytes));
    }
    arc(g, sink(), on_near);
    arc(source(), g, on_far);
    if (readers.empty()) return;
    // What a reader on the host's side gets has been returned already, at the same cost.
    const auto host = [&](std::size_t p) { return table_.processors[p].memory_domain == 0; };
    const bool to_far_is_return = group.returned && host(far_) && !host(near_);
    const bool to_near_is_return = group.returned && host(near_) && !host(far_);
    if (!to_far_is_return) {
      const std::size_t once = boost::add_vertex(graph_);
      arc(g, once, units(handover_seconds(table_, near_, far_, group.result_bytes)));
      for (const std::size_t reader : readers) arc(once, reader, never_);
    }
    if (!to_near_is_return) {
      const std::size_t once = boost::add_vertex(graph_);
      arc(once, g, units(handover_seconds(table_, far_, near_, group.result_bytes)));
      for (const std::size_t reader : readers) arc(reader, once, never_);
    }
  }

  const CostTable& table_;
  std::size_t near_, far_;
  FlowGraph graph_;
  double unit_ = 1, never_ = 0;
};

}  // namespace

Result<Placed> place_by_cut(const CostTable& table, const PlacerOptions& options) {
  Placed best;
  double least = kCannot;
  for (std::size_t near = 0; near < table.processors.size(); ++near) {
    for (std::size_t far = near + 1; far < table.processors.size(); ++far) {
      Placement placement = whole_on(table, TwoProcessorCut(table, near, far).solve());
      const double sum = latency_of(table, placement, CostModel::kAdditive);
      if (sum >= least) continue;
      least = sum;
      best = judged(table, std::move(placement), options.model);
    }
  }
  if (best.placement.empty()) {
    return error(Code::kFailedPrecondition, "no two processors of this machine run the whole model in whole groups");
  }
  return best;
}

}  // namespace sparseloom::place
