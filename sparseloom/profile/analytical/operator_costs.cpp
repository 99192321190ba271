#include "sparseloom/profile/analytical/operator_costs.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "sparseloom/profile/analytical/roofline.h"

namespace sparseloom::profile {
namespace {

using backend::Edge;
using backend::EdgeId;
using backend::Graph;
using backend::Node;
using backend::NodeId;

/// Channels or outputs that kernels compute together (a vector of eight floats).
constexpr std::int64_t kQuantum = 8;
constexpr auto kQuarters = static_cast<std::int64_t>(place::kQuarters);

/// Operators that work element by element, or row by row on the last axis.
constexpr std::array<std::string_view, 31> kByRows{
    "Add",         "Multiply", "Subtract", "Divide",   "Power",   "SquaredDifference",
    "Relu",        "PRelu",    "Elu",      "Selu",     "Sigmoid", "Tanh",
    "Gelu",        "Swish",    "HSwish",   "HSigmoid", "Mish",    "SoftPlus",
    "Clamp",       "Exp",      "Log",      "Sqrt",     "Erf",     "Abs",
    "Negative",    "Floor",    "Maximum",  "Minimum",  "Softmax", "MVN",
    "FakeQuantize"};
/// Operators that move what rows hold elsewhere.
constexpr std::array<std::string_view, 8> kMoving{"Transpose", "Concat",       "Split",        "VariadicSplit",
                                                  "Gather",    "StridedSlice", "SpaceToDepth", "Reshape"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view op) {
  return std::find(names.begin(), names.end(), op) != names.end();
}

/// How a group is divided.
enum class Axis : std::uint8_t { kNone, kPositions, kOutputs, kLeading };
struct Division {
  Axis axis = Axis::kNone;
  std::int64_t units = 0, quantum = 1;
  bool kept = false;  ///< later groups find their positions where this one has them

  bool allows(std::int64_t quarters) const {
    return axis != Axis::kNone && (units * quarters) % (kQuarters * quantum) == 0;
  }
};

std::int64_t product(const Shape& shape, std::size_t axes) {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < axes; ++i) count *= std::max<std::int64_t>(shape[i], 0);
  return count;
}

class Costs {
 public:
  Costs(const Graph& graph, const soc::SocFile& file) : graph_(graph), file_(file) {}

  Result<place::CostTable> table() {
    if (graph_.opaque())
      return error(Code::kFailedPrecondition, "what its operators cost is not known: {}", graph_.why_opaque);
    SL_RETURN_IF_ERROR(add_processors());
    if (rooflines_.front().front().empty()) return error(Code::kFailedPrecondition, "the model has no operator");
    find_groups();
    for (const std::size_t g : used_) add_group(g);
    SL_RETURN_IF_ERROR(place::check(table_));
    return std::move(table_);
  }

 private:
  const std::vector<RooflineGroup>& groups() const { return rooflines_.front().front(); }

  Status add_processors() {
    std::map<std::string, std::size_t> domains;
    for (std::size_t p = 0; p < file_.soc.processors.size(); ++p) {
      const soc::Processor& processor = file_.soc.processors[p];
      if (!file_.rates[p]) {
        return error(Code::kFailedPrecondition,
                     "soc '{}': processor '{}' has no rates, by which operators are modelled", file_.soc.name,
                     processor.name);
      }
      const auto kind = processor.device == "CPU"             ? place::ProcessorKind::kCpu
                        : processor.device.starts_with("GPU") ? place::ProcessorKind::kGpu
                                                              : place::ProcessorKind::kOther;
      // The host's memory is that of the first processor.
      const std::size_t domain = domains.emplace(processor.memory_domain, domains.size()).first->second;
      table_.processors.push_back({processor.name, kind, domain});
      auto& of_processor = rooflines_.emplace_back();
      for (const backend::Provider provider : processor.providers)
        of_processor.push_back(roofline_groups(graph_, *file_.rates[p], provider));
    }
    if (file_.transfer) {
      table_.handover.synchronisation = file_.transfer->latency.count();
      table_.handover.seconds_per_byte = file_.transfer->seconds_per_byte;
    }
    return {};
  }

  // Which group each operator is in, which groups something comes of, and how they are divided.
  void find_groups() {
    group_of_.assign(graph_.nodes.size(), groups().size());
    for (std::size_t g = 0; g < groups().size(); ++g)
      for (const NodeId node : groups()[g].nodes) group_of_[node.index()] = g;
    for (const EdgeId output : graph_.outputs) {
      const std::size_t g = group_of_[graph_.edge(output).producer.index()];
      if (g < groups().size()) returned_.insert(g);
    }
    order();
    for (std::size_t g = 0; g < groups().size(); ++g) divisions_.push_back(division_of(groups()[g]));
  }

  // Groups whose tensors the group reads.
  std::vector<std::size_t> sources(std::size_t g) const {
    std::vector<std::size_t> found;
    for (const NodeId id : groups()[g].nodes) {
      for (const EdgeId input : graph_.node(id).inputs) {
        const std::size_t from = group_of_[graph_.edge(input).producer.index()];
        if (from < groups().size() && from != g && std::find(found.begin(), found.end(), from) == found.end())
          found.push_back(from);
      }
    }
    return found;
  }

  // Those that something returned comes of, each behind all that it reads from.
  void order() {
    std::vector<bool> placed(groups().size());
    std::vector<std::pair<std::size_t, bool>> open;  // and whether those that it reads from have been opened
    for (auto g = returned_.rbegin(); g != returned_.rend(); ++g) open.emplace_back(*g, false);
    while (!open.empty()) {
      const auto [g, entered] = open.back();
      if (placed[g] || entered) open.pop_back();
      if (placed[g]) continue;
      if (entered) {
        placed[g] = true;
        position_[g] = used_.size();
        used_.push_back(g);
        continue;
      }
      open.back().second = true;
      for (const std::size_t from : sources(g))
        if (!placed[from]) open.emplace_back(from, false);
    }
  }

  Division division_of(const RooflineGroup& group) const {
    const Node& first = graph_.node(group.nodes.front());
    Division division;
    const Shape& shape = graph_.edge(first.outputs.front()).spec.shape;
    const std::size_t rank = shape.size();
    if (first.op == "Convolution" || first.op == "GroupConvolution") {
      if (rank > 1) division = {Axis::kOutputs, shape[1], kQuantum, true};
    } else if (first.op == "MatMul" && first.weights.count > 0) {
      const std::int64_t positions = rank > 1 ? product(shape, rank - 1) : 1;
      if (positions >= kQuarters) {
        division = {Axis::kPositions, positions, 1, true};
      } else if (rank > 0) {
        division = {Axis::kOutputs, shape.back(), kQuantum, true};
      }
    } else if (first.op == "MatMul") {
      if (rank > 2) division = {Axis::kLeading, product(shape, rank - 2), 1, false};
    } else if (is_one_of(kByRows, first.op)) {
      if (rank > 1) division = {Axis::kPositions, product(shape, rank - 1), 1, true};
    }
    for (const NodeId id : group.nodes)
      if (is_one_of(kMoving, graph_.node(id).op)) division.kept = false;
    return division;
  }

  void add_group(std::size_t g) {
    const RooflineGroup& group = groups()[g];
    const Node& first = graph_.node(group.nodes.front());
    place::OperatorGroup& added = table_.groups.emplace_back();
    added.name = first.name;
    added.kind = first.op;
    added.operations = 2 * first.macs;
    added.bytes = group.read + group.constants + group.written;
    added.weight_sparsity = first.weights.count > 0 ? first.weights.zeros : 0;
    added.result_bytes = group.written;
    added.returned = returned_.contains(g);
    add_inputs(g, added);
    for (std::size_t p = 0; p < table_.processors.size(); ++p) {
      auto& seconds = added.seconds.emplace_back();
      for (std::int64_t q = 1; q <= kQuarters; ++q) {
        const bool possible = q == kQuarters || divisions_[g].allows(q);
        seconds[static_cast<std::size_t>(q)] = possible ? share_seconds(p, g, q) : place::kCannot;
      }
    }
  }

  void add_inputs(std::size_t g, place::OperatorGroup& added) const {
    double model_bytes = 0;
    for (const NodeId id : groups()[g].nodes) {
      for (const EdgeId input : graph_.node(id).inputs) {
        const Node& producer = graph_.node(graph_.edge(input).producer);
        if (producer.inputs.empty() && !producer.constant)
          model_bytes += static_cast<double>(graph_.edge(input).spec.bytes());
      }
    }
    if (model_bytes > 0) added.inputs.push_back({.bytes = model_bytes});
    const Division& own = divisions_[g];
    added.along = own.axis == Axis::kPositions || is_one_of(kByRows, added.kind);
    for (const std::size_t from : sources(g)) {
      added.inputs.push_back({.from = place::GroupId(position_.at(from))});
      added.along = added.along && divisions_[from].kept && divisions_[from].axis == own.axis;
    }
  }

  // By the fastest of the processor's providers.
  double share_seconds(std::size_t p, std::size_t g, std::int64_t quarters) const {
    const double share = static_cast<double>(quarters) / static_cast<double>(kQuarters);
    const soc::Rates& rates = *file_.rates[p];
    double least = place::kCannot;
    for (const std::vector<RooflineGroup>& by_provider : rooflines_[p]) {
      const RooflineGroup& group = by_provider[g];
      const bool positions = divisions_[g].axis == Axis::kPositions;
      const double read = group.read * (positions ? share : 1), constants = group.constants * (positions ? 1 : share);
      const double moving = (read + constants + group.written * share) / rates.bytes_per_second;
      least = std::min(least, std::max(group.computing * share, moving) + rates.per_operator.count());
    }
    return least;
  }

  const Graph& graph_;
  const soc::SocFile& file_;
  place::CostTable table_;
  std::vector<std::vector<std::vector<RooflineGroup>>> rooflines_;  // by processor and provider
  std::vector<std::size_t> group_of_;                               // by node
  std::vector<std::size_t> used_;                                   // groups in the table's order
  std::map<std::size_t, std::size_t> position_;                     // in that order, by group
  std::set<std::size_t> returned_;
  std::vector<Division> divisions_;
};

}  // namespace

Result<place::CostTable> modelled_costs(const Graph& graph, const soc::SocFile& file) {
  return Costs(graph, file).table();
}

}  // namespace sparseloom::profile
