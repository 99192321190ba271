#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "sparseloom/zoo/cut.h"
#include "sparseloom/zoo/cut_rules.h"

namespace sparseloom::zoo {
namespace {

using backend::Edge;
using backend::EdgeId;
using backend::Graph;
using backend::Node;
using backend::NodeId;

bool is_constant(const Graph& graph, EdgeId edge) { return graph.node(graph.edge(edge).producer).constant; }

// Operators that compression adds to a graph; leaving them out, tensors of two variants correspond one to one.
bool added_by_compression(const Node& node) { return node.op == "FakeQuantize" || node.op == "Convert"; }

class NameIndex {
 public:
  explicit NameIndex(const Graph& graph) {
    for (std::size_t e = 0; e < graph.edges.size(); ++e)
      if (!is_constant(graph, EdgeId(e))) index_.emplace(graph.edges[e].spec.name, EdgeId(e));
    for (std::size_t e = 0; e < graph.edges.size(); ++e) {  // an operator's name comes before a tensor's
      if (is_constant(graph, EdgeId(e))) continue;
      for (const std::string& alias : graph.edges[e].aliases) index_.emplace(alias, EdgeId(e));
    }
  }
  const EdgeId* find(const std::string& name) const {
    const auto it = index_.find(name);
    return it == index_.end() ? nullptr : &it->second;
  }
  /// By any of an edge's names.
  const EdgeId* find(const Edge& edge) const {
    const EdgeId* found = find(edge.spec.name);
    for (auto alias = edge.aliases.begin(); found == nullptr && alias != edge.aliases.end(); ++alias)
      found = find(*alias);
    return found;
  }
  const std::unordered_map<std::string, EdgeId>& all() const { return index_; }

 private:
  std::unordered_map<std::string, EdgeId> index_;
};

// Tensors of one type and shape, in topological order.
std::vector<EdgeId> alike(const Graph& graph, const TensorSpec& spec) {
  std::vector<EdgeId> found;
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    const Node& producer = graph.node(graph.edges[e].producer);
    if (!producer.constant && !added_by_compression(producer) && graph.edges[e].spec.convertible(spec))
      found.emplace_back(e);
  }
  return found;
}

// A quantizer that compression added stands for the tensor that it quantizes.
EdgeId in_front_of_compression(const Graph& graph, EdgeId edge) {
  const Node& producer = graph.node(graph.edge(edge).producer);
  return producer.op == "FakeQuantize" ? producer.inputs.front() : edge;
}

Result<EdgeId> map_tensor(const Graph& from, EdgeId wanted, const Graph& to, const NameIndex& names) {
  if (const EdgeId* same = names.find(from.edge(wanted))) {
    const TensorSpec& spec = from.edge(wanted).spec;
    if (!spec.convertible(to.edge(*same).spec)) {
      return error(Code::kFailedPrecondition, "cut tensor {} is {} in the variant", spec.describe(),
                   to.edge(*same).spec.describe());
    }
    return *same;
  }
  const EdgeId plain = in_front_of_compression(from, wanted);
  const TensorSpec& spec = from.edge(plain).spec;
  if (const EdgeId* same = names.find(from.edge(plain)); same != nullptr && spec.convertible(to.edge(*same).spec))
    return *same;
  const auto ours = alike(from, spec), theirs = alike(to, spec);
  const auto position = std::find(ours.begin(), ours.end(), plain) - ours.begin();
  if (ours.size() != theirs.size() || position == static_cast<std::ptrdiff_t>(ours.size())) {
    return error(Code::kFailedPrecondition,
                 "cut tensor {} has no counterpart in the variant: no such name, and {} tensors of that type and shape "
                 "where the other has {}",
                 spec.describe(), theirs.size(), ours.size());
  }
  return theirs[static_cast<std::size_t>(position)];
}

// Edit distance, for the names that a message suggests.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<std::string> closest(const NameIndex& names, const std::string& wanted) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const auto& [name, edge] : names.all()) ranked.emplace_back(distance(name, wanted), name);
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> best;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, ranked.size()); ++i) best.push_back(ranked[i].second);
  return best;
}

// Walks back from `goals` to what they are computed from, stopping at `stops`. Returns the model inputs it reaches and
// whether it met one of the stops.
struct Reached {
  std::set<EdgeId> inputs;
  bool stopped = false;
};

Reached walk_back(const Graph& graph, const std::vector<EdgeId>& goals, const std::set<EdgeId>& stops) {
  Reached reached;
  std::vector<bool> seen(graph.nodes.size(), false);
  std::vector<EdgeId> open = goals;
  while (!open.empty()) {
    const EdgeId edge = open.back();
    open.pop_back();
    if (stops.contains(edge)) {
      reached.stopped = true;
      continue;
    }
    const NodeId producer = graph.edge(edge).producer;
    const Node& node = graph.node(producer);
    if (node.constant || seen[producer.index()]) continue;
    seen[producer.index()] = true;
    if (node.inputs.empty()) reached.inputs.insert(edge);
    open.insert(open.end(), node.inputs.begin(), node.inputs.end());
  }
  return reached;
}

std::string names_of(const Graph& graph, const std::set<EdgeId>& edges) {
  std::vector<std::string> names;
  for (const EdgeId edge : edges) names.push_back("'" + graph.edge(edge).spec.name + "'");
  return fmt::format("{}", fmt::join(names, ", "));
}

// Adds what must travel along and is no matter of choice: outputs that are ready before the cut, and model inputs that
// nothing in front of the cut reads.
std::set<EdgeId> with_travellers(const Graph& graph, std::set<EdgeId> cut) {
  const std::set<EdgeId> given = cut;
  for (const EdgeId output : graph.outputs) {
    if (!given.contains(output) && !walk_back(graph, {output}, given).stopped && !is_constant(graph, output))
      cut.insert(output);
  }
  const std::set<EdgeId> in_front = walk_back(graph, {given.begin(), given.end()}, {}).inputs;
  for (const EdgeId input : walk_back(graph, graph.outputs, cut).inputs)
    if (!in_front.contains(input)) cut.insert(input);
  return cut;
}

}  // namespace

Result<std::vector<Cut>> map_cuts(const Graph& from, const std::vector<Cut>& cuts, const Graph& to) {
  const NameIndex names(to);
  std::vector<Cut> mapped;
  for (const Cut& cut : cuts) {
    Cut& there = mapped.emplace_back();
    for (const EdgeId edge : cut.tensors) {
      SL_ASSIGN_OR_RETURN(const EdgeId counterpart, map_tensor(from, edge, to, names));
      there.tensors.push_back(behind_quantization(to, counterpart));
    }
  }
  return mapped;
}

Status check_cuts(const Graph& graph, const std::vector<Cut>& cuts) {
  std::vector<EdgeId> before = graph.inputs;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::vector<EdgeId>& here = i < cuts.size() ? cuts[i].tensors : graph.outputs;
    const Reached past = walk_back(graph, here, {before.begin(), before.end()});
    if (!past.inputs.empty()) {
      if (i < cuts.size()) {
        return error(Code::kInvalidArgument, "cut {} does not lie behind cut {}: it needs {} as well", i + 1, i,
                     names_of(graph, past.inputs));
      }
      return error(Code::kInvalidArgument,
                   "cut {} does not separate inputs from outputs: the outputs still depend on {}", i,
                   names_of(graph, past.inputs));
    }
    before = here;
  }
  return {};
}

Result<std::vector<Cut>> cuts_by_name(const Graph& graph, const std::vector<std::vector<std::string>>& names) {
  const NameIndex index(graph);
  std::vector<Cut> cuts;
  for (const auto& set : names) {
    if (set.empty()) return error(Code::kInvalidArgument, "cut {} names no tensor", cuts.size() + 1);
    std::set<EdgeId> tensors;
    for (const std::string& name : set) {
      const EdgeId* edge = index.find(name);
      if (edge == nullptr)
        return error(Code::kNotFound, "no tensor '{}'; closest: {}", name, fmt::join(closest(index, name), ", "));
      tensors.insert(*edge);
    }
    tensors = with_travellers(graph, std::move(tensors));
    if (const Reached past = walk_back(graph, graph.outputs, tensors); !past.inputs.empty()) {
      return error(Code::kInvalidArgument,
                   "cut {} does not separate inputs from outputs: the outputs still depend on {}", cuts.size() + 1,
                   names_of(graph, past.inputs));
    }
    cuts.push_back({{tensors.begin(), tensors.end()}});
  }
  SL_RETURN_IF_ERROR(check_cuts(graph, cuts));
  return cuts;
}

}  // namespace sparseloom::zoo
