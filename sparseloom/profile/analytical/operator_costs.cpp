#include "sparseloom/profile/analytical/operator_costs.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <queue>
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

/// Operators that hand on what they read, at other places.
constexpr std::array<std::string_view, 7> kMoving{"Transpose",    "Reshape",      "Squeeze",        "Unsqueeze",
                                                  "SpaceToDepth", "DepthToSpace", "ShuffleChannels"};

bool is_moving(const Node& node) { return std::find(kMoving.begin(), kMoving.end(), node.op) != kMoving.end(); }

/// How a group is divided.
enum class Axis : std::uint8_t { kNone, kPositions, kOutputs, kLeading };
struct Division {
  Axis axis = Axis::kNone;
  std::int64_t units = 0, quantum = 1;
  bool kept = false;  ///< later groups find their positions where this one has them

  bool allows(std::int64_t quarters) const {
    return axis != Axis::kNone && units > 0 && (units * quarters) % (kQuarters * quantum) == 0;
  }
};

std::int64_t product(const Shape& shape, std::size_t axes) {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < axes; ++i) count *= std::max<std::int64_t>(shape[i], 0);
  return count;
}

class Costs {
 public:
  /// `machine` may be null.
  Costs(const Graph& graph, const soc::SocFile* machine) : graph_(graph), machine_(machine) {}

  Result<OperatorCosts> run() {
    if (graph_.opaque())
      return error(Code::kFailedPrecondition, "what its operators cost is not known: {}", graph_.why_opaque);
    if (machine_ != nullptr) {
      SL_RETURN_IF_ERROR(add_processors());
    } else {
      rooflines_ = {{roofline_groups(graph_, as_they_are(), backend::Provider::kOpenVino)}};
    }
    if (rooflines_.front().front().empty()) return error(Code::kFailedPrecondition, "the model has no operator");
    find_groups();
    for (const std::size_t g : used_) add_group(g);
    if (machine_ != nullptr) SL_RETURN_IF_ERROR(place::check(table_));
    return OperatorCosts{std::move(table_), std::move(reads_), std::move(writes_), std::move(nodes_)};
  }

 private:
  // Every format as it is: what is asked of these rates is bytes alone.
  static soc::Rates as_they_are() {
    soc::Rates rates;
    for (const backend::Precision p : backend::kPrecisions) rates.of(p) = {p, 1};
    rates.bytes_per_second = 1;
    return rates;
  }

  const std::vector<RooflineGroup>& groups() const { return rooflines_.front().front(); }

  Status add_processors() {
    std::map<std::string, std::size_t> domains{{host_domain(), 0}};
    for (std::size_t p = 0; p < machine_->soc.processors.size(); ++p) {
      const soc::Processor& processor = machine_->soc.processors[p];
      if (!machine_->rates[p]) {
        return error(Code::kFailedPrecondition,
                     "soc '{}': processor '{}' has no rates, by which operators are modelled", machine_->soc.name,
                     processor.name);
      }
      const auto kind = processor.device == "CPU"             ? place::ProcessorKind::kCpu
                        : processor.device.starts_with("GPU") ? place::ProcessorKind::kGpu
                                                              : place::ProcessorKind::kOther;
      const std::size_t domain = domains.emplace(processor.memory_domain, domains.size()).first->second;
      table_.processors.push_back({processor.name, kind, domain, machine_->rates[p]->launch.count()});
      auto& of_processor = rooflines_.emplace_back();
      for (const backend::Provider provider : processor.providers)
        of_processor.push_back(roofline_groups(graph_, *machine_->rates[p], provider));
    }
    if (machine_->energy) {
      table_.energy = place::EnergyCosts{.power = {}, .joules_per_byte = machine_->energy->joules_per_byte};
      for (const soc::Power& power : machine_->energy->power)
        table_.energy->power.push_back({power.idle, power.active});
    }
    if (machine_->transfer) {
      table_.handover.synchronisation = machine_->transfer->latency.count();
      table_.handover.seconds_per_byte = machine_->transfer->seconds_per_byte;
    }
    return {};
  }

  // The memory of the first CPU, or, of a machine without one, of the first processor.
  std::string host_domain() const {
    const auto& processors = machine_->soc.processors;
    const auto cpu =
        std::find_if(processors.begin(), processors.end(), [](const soc::Processor& p) { return p.device == "CPU"; });
    return cpu != processors.end() ? cpu->memory_domain : processors[0].memory_domain;
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

  // Those that something returned comes of, each behind all that it reads from, else as they stand in the graph.
  void order() {
    std::vector<std::size_t> open(returned_.begin(), returned_.end());
    std::vector<bool> reached(groups().size());
    std::vector<std::size_t> missing(groups().size());  // of those that it reads from: not yet placed
    std::vector<std::vector<std::size_t>> readers(groups().size());
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (const std::size_t g : open) reached[g] = true;
    while (!open.empty()) {
      const std::size_t g = open.back();
      open.pop_back();
      const std::vector<std::size_t> from = sources(g);
      missing[g] = from.size();
      if (from.empty()) ready.push(g);
      for (const std::size_t source : from) {
        readers[source].push_back(g);
        if (!reached[source]) open.push_back(source);
        reached[source] = true;
      }
    }
    while (!ready.empty()) {
      const std::size_t g = ready.top();
      ready.pop();
      position_[g] = used_.size();
      used_.push_back(g);
      for (const std::size_t reader : readers[g])
        if (--missing[reader] == 0) ready.push(reader);
    }
  }

  Division division_of(const RooflineGroup& group) const {
    Division division = division_of(graph_.node(group.nodes.front()));
    for (std::size_t k = 1; k < group.nodes.size(); ++k) {
      const Node& fused = graph_.node(group.nodes[k]);
      const bool own_rows = division.axis == Axis::kPositions && division.kept;
      if (fused.reach == backend::Reach::kElement || (fused.reach == backend::Reach::kRow && own_rows)) continue;
      if (!is_moving(fused)) return {};
      division.kept = false;
    }
    return division;
  }

  Division division_of(const Node& node) const {
    const Shape& shape = graph_.edge(node.outputs.front()).spec.shape;
    const std::size_t rank = shape.size();
    if (node.op == "Convolution" || node.op == "GroupConvolution")
      return rank > 1 ? Division{Axis::kOutputs, shape[1], kQuantum, true} : Division{};
    if (node.op == "MatMul" && node.weights.count > 0) return division_of_linear(node, shape);
    if (node.op == "MatMul")
      return rank > 2 ? Division{Axis::kLeading, product(shape, rank - 2), 1, false} : Division{};
    if (node.reach == backend::Reach::kAll || rank < 2) return {};
    return {Axis::kPositions, product(shape, rank - 1), 1, true};
  }

  // x · w; with the weights in front there is nothing to go by.
  Division division_of_linear(const Node& node, const Shape& shape) const {
    const std::size_t rank = shape.size();
    const Edge& x = graph_.edge(node.inputs.front());
    if (rank == 0 || graph_.node(x.producer).constant) return {};
    const Shape& read = x.spec.shape;
    const std::int64_t positions = product(shape, rank - 1);
    const bool same_rows = read.size() == rank && std::equal(read.begin(), read.end() - 1, shape.begin());
    if (same_rows && positions >= kQuarters) return {Axis::kPositions, positions, 1, true};
    return {Axis::kOutputs, shape.back(), kQuantum, true};
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
    reads_.push_back(tensors_read(g));
    nodes_.push_back(group.nodes);
    writes_.push_back(graph_.node(group.nodes.back()).outputs.front());
    for (std::size_t p = 0; p < table_.processors.size(); ++p) {
      auto& seconds = added.seconds.emplace_back();
      auto& traffic = added.traffic.emplace_back();
      for (std::int64_t q = 1; q <= kQuarters; ++q) {
        const bool possible = q == kQuarters || divisions_[g].allows(q);
        const ShareCost cost = possible ? share_cost(p, g, q) : ShareCost{};
        seconds[static_cast<std::size_t>(q)] = cost.seconds;
        traffic[static_cast<std::size_t>(q)] = cost.bytes;
      }
    }
  }

  // From outside the group, constants apart, each once.
  std::vector<EdgeId> tensors_read(std::size_t g) const {
    std::vector<EdgeId> read;
    for (const NodeId id : groups()[g].nodes) {
      for (const EdgeId input : graph_.node(id).inputs) {
        const NodeId producer = graph_.edge(input).producer;
        if (graph_.node(producer).constant || group_of_[producer.index()] == g) continue;
        if (std::find(read.begin(), read.end(), input) == read.end()) read.push_back(input);
      }
    }
    return read;
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
    const std::vector<std::size_t> from = sources(g);
    const auto& nodes = groups()[g].nodes;
    const bool moves = std::any_of(nodes.begin(), nodes.end(), [&](NodeId id) { return is_moving(graph_.node(id)); });
    // What is read behind a move lies elsewhere.
    added.along = own.axis == Axis::kPositions && !(moves && from.size() > 1);
    for (const std::size_t source : from) {
      const Division& written = divisions_[source];
      added.inputs.push_back({.from = place::GroupId(position_.at(source))});
      added.along = added.along && written.kept && written.axis == own.axis && written.units == own.units;
    }
  }

  struct ShareCost {
    double seconds = place::kCannot, bytes = 0;
  };

  // By the fastest of the processor's providers.
  ShareCost share_cost(std::size_t p, std::size_t g, std::int64_t quarters) const {
    const double share = static_cast<double>(quarters) / static_cast<double>(kQuarters);
    const soc::Rates& rates = *machine_->rates[p];
    ShareCost least;
    for (const std::vector<RooflineGroup>& by_provider : rooflines_[p]) {
      const RooflineGroup& group = by_provider[g];
      const bool positions = divisions_[g].axis == Axis::kPositions;
      const double read = group.read * (positions ? share : 1), constants = group.constants * (positions ? 1 : share);
      const double bytes = read + constants + group.written * share;
      const double moving = bytes / rates.bytes_per_second;
      const double seconds = std::max(group.computing * share, moving) + rates.per_operator.count();
      if (seconds < least.seconds) least = {seconds, bytes};
    }
    return least;
  }

  const Graph& graph_;
  const soc::SocFile* machine_;
  place::CostTable table_;
  std::vector<std::vector<EdgeId>> reads_;
  std::vector<EdgeId> writes_;
  std::vector<std::vector<NodeId>> nodes_;
  std::vector<std::vector<std::vector<RooflineGroup>>> rooflines_;  // by processor and provider
  std::vector<std::size_t> group_of_;                               // by node
  std::vector<std::size_t> used_;                                   // groups in the table's order
  std::map<std::size_t, std::size_t> position_;                     // in that order, by group
  std::set<std::size_t> returned_;
  std::vector<Division> divisions_;
};

}  // namespace

Result<OperatorCosts> operator_groups(const Graph& graph) { return Costs(graph, nullptr).run(); }

Result<OperatorCosts> modelled_costs(const Graph& graph, const soc::SocFile& machine) {
  return Costs(graph, &machine).run();
}

}  // namespace sparseloom::profile
