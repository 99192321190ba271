#include "sparseloom/profile/measure/operators.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

#include "sparseloom/backend/hybrid/crew.h"
#include "sparseloom/backend/hybrid/parts.h"
#include "sparseloom/backend/input_shapes.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/profile/analytical/operator_costs.h"
#include "sparseloom/profile/measure/kept_operators.h"
#include "sparseloom/profile/measure/transfer.h"
#include "sparseloom/zoo/boundaries.h"
#include "sparseloom/zoo/cut_check.h"

namespace sparseloom::profile {
namespace {

using backend::AxisRange;
using backend::EdgeId;
using backend::Graph;
using backend::Model;
using Clock = std::chrono::steady_clock;

constexpr auto kQuarters = static_cast<std::int64_t>(place::kQuarters);

constexpr std::size_t kCacheLine = 64;
// What holds more than any cache that cores of such a machine share among a few.
constexpr std::size_t kLargestCache = std::size_t{64} << 20;
// Channels or outputs that kernels compute together.
constexpr std::int64_t kQuantum = 16;

// The position where a quarter begins: a multiple of what kernels compute together, if there are enough, and of what
// keeps memory aligned.
std::int64_t begin_of_quarter(const TensorSpec& spec, std::size_t axis, std::int64_t quarter) {
  const std::int64_t extent = spec.shape[axis];
  if (quarter == kQuarters) return extent;
  const std::size_t each = spec.bytes() / static_cast<std::size_t>(extent);
  auto quantum = static_cast<std::int64_t>(backend::kBindingAlignment / std::gcd(backend::kBindingAlignment, each));
  if (extent % kQuantum == 0 && extent >= kQuarters * kQuantum) quantum = std::lcm(quantum, kQuantum);
  return (extent * quarter / kQuarters + quantum / 2) / quantum * quantum;
}

AxisRange quarters_of(const Graph& graph, EdgeId tensor, std::size_t axis, std::int64_t first, std::int64_t count) {
  const TensorSpec& spec = graph.edge(tensor).spec;
  return {axis, begin_of_quarter(spec, axis, first), begin_of_quarter(spec, axis, first + count)};
}

// The outermost axis that has an extent, if it can be divided: what lies along it lies in one piece.
std::optional<std::size_t> outermost_axis(const TensorSpec& spec) {
  if (std::any_of(spec.shape.begin(), spec.shape.end(), [](std::int64_t extent) { return extent < 1; }))
    return std::nullopt;
  for (std::size_t axis = 0; axis < spec.shape.size(); ++axis) {
    if (spec.shape[axis] == 1) continue;
    std::int64_t before = 0;
    for (std::int64_t quarter = 1; quarter <= kQuarters; ++quarter) {
      const std::int64_t begin = begin_of_quarter(spec, axis, quarter);
      if (begin <= before) return std::nullopt;
      before = begin;
    }
    return axis;
  }
  return std::nullopt;
}

place::ProcessorKind kind_of_device(const std::string& device) {
  if (device == "CPU") return place::ProcessorKind::kCpu;
  return device.starts_with("NPU") ? place::ProcessorKind::kOther : place::ProcessorKind::kGpu;
}

class OperatorMeasurement {
 public:
  OperatorMeasurement(const backend::Executor& executor, const Model& model,
                      const std::vector<backend::CompileOptions>& members, const OperatorTiming& timing)
      : executor_(executor),
        model_(model),
        members_(members),
        timing_(timing),
        compiler_(executor, model, timing.model_file) {
    for (std::size_t m = 0; m < members_.size(); ++m) {
      const auto first = std::find_if(firsts_.begin(), firsts_.end(),
                                      [&](std::size_t other) { return alike(members_[other], members_[m]); });
      kind_of_.push_back(static_cast<std::size_t>(first - firsts_.begin()));
      if (first == firsts_.end()) firsts_.push_back(m);
    }
  }

  Result<MeasuredOperators> run() {
    SL_ASSIGN_OR_RETURN(OperatorCosts costs, operator_groups(graph()));
    result_.table = std::move(costs.table);
    result_.table.handover.synchronisation = timing_.synchronisation;
    for (std::size_t m = 0; m < members_.size(); ++m) {
      result_.table.processors.push_back({fmt::format("member{}", m), kind_of_device(members_[m].device), 0, 0});
    }
    find_outputs(costs);
    SL_RETURN_IF_ERROR(check_shapes());
    std::vector<std::vector<CpuIndex>> cores;
    for (const backend::CompileOptions& member : members_) cores.push_back(member.cores);
    SL_ASSIGN_OR_RETURN(crew_, backend::Crew::start(std::move(cores)));
    double moved = 0;
    for (const place::OperatorGroup& group : result_.table.groups) moved += group.bytes;
    rest_ = HostBuffer(static_cast<std::size_t>(std::min(moved, static_cast<double>(kLargestCache))));
    std::fill_n(rest_.data(), rest_.size(), std::byte{1});
    kept_ = KeptOperators(timing_.kept, kept_subject(executor_, graph(), members_));
    const auto start = Clock::now();
    for (std::size_t g = 0; g < result_.groups.size(); ++g) {
      if (timing_.control.stopped()) return Status(Code::kCancelled, "stopped");
      SL_RETURN_IF_ERROR(measure(g).with_context(fmt::format("operator '{}'", result_.table.groups[g].name)));
      if (!timing_.control.on_progress) continue;
      const Seconds elapsed = Clock::now() - start;
      const std::size_t done = g + 1, total = result_.groups.size();
      timing_.control.on_progress({.what = "operators",
                                   .done = done,
                                   .total = total,
                                   .elapsed = elapsed,
                                   .per_second = static_cast<double>(done) / elapsed.count(),
                                   .unit = "operators",
                                   .left = elapsed * static_cast<double>(total - done) / static_cast<double>(done)});
    }
    SL_RETURN_IF_ERROR(find_copies());
    return std::move(result_);
  }

 private:
  const Graph& graph() const { return model_.graph(); }

  static bool alike(const backend::CompileOptions& a, const backend::CompileOptions& b) {
    return kind_of_member(a) == kind_of_member(b);
  }

  // What is read of each group from outside of it, or returned.
  void find_outputs(const OperatorCosts& costs) {
    std::map<backend::NodeId, std::size_t> group_of;
    for (std::size_t g = 0; g < costs.nodes.size(); ++g)
      for (const backend::NodeId node : costs.nodes[g]) group_of[node] = g;
    const auto& returned = graph().outputs;
    for (std::size_t g = 0; g < costs.nodes.size(); ++g) {
      HybridGroup& group = result_.groups.emplace_back();
      group.inputs = costs.reads[g];
      for (const backend::NodeId node : costs.nodes[g]) {
        for (const EdgeId output : graph().node(node).outputs) {
          const auto& readers = graph().edge(output).consumers;
          const bool outside = std::any_of(readers.begin(), readers.end(), [&](backend::NodeId reader) {
            const auto at = group_of.find(reader);
            return at != group_of.end() && at->second != g;
          });
          if (outside || std::find(returned.begin(), returned.end(), output) != returned.end()) {
            group.outputs.push_back(output);
            writer_[output] = g;
          }
        }
      }
      if (group.outputs.size() == 1) group.axis = outermost_axis(graph().edge(group.outputs.front()).spec);
    }
  }

  Status check_shapes() const {
    for (const HybridGroup& group : result_.groups) {
      for (const auto* tensors : {&group.inputs, &group.outputs}) {
        for (const EdgeId tensor : *tensors) SL_RETURN_IF_ERROR(backend::check_static(graph().edge(tensor).spec));
      }
    }
    return {};
  }

  Status measure(std::size_t g) {
    place::OperatorGroup& costs = result_.table.groups[g];
    HybridGroup& group = result_.groups[g];
    std::optional<KeptOperator> measured = kept_.find(g, costs.name);
    if (!measured || measured->seconds.size() != firsts_.size()) {
      SL_ASSIGN_OR_RETURN(measured, timed(g));
      kept_.keep(g, *measured);
    }
    group.axis = measured->axis;
    costs.along = measured->along;
    for (const std::size_t kind : kind_of_) costs.seconds.push_back(measured->seconds[kind]);
    return {};
  }

  Result<KeptOperator> timed(std::size_t g) {
    const HybridGroup& group = result_.groups[g];
    KeptOperator measured{.name = result_.table.groups[g].name, .seconds = {}, .axis = group.axis, .along = false};
    measured.seconds.resize(firsts_.size());
    SL_ASSIGN_OR_RETURN(const auto whole, model_.extract(group.inputs, group.outputs));
    made_up_ = zoo::seeded_inputs(whole->graph(), 0);
    SL_RETURN_IF_ERROR(time_share(group, std::nullopt, kQuarters, measured).status());
    for (std::int64_t q = 1; q < kQuarters && measured.axis; ++q) {
      const AxisRange range = quarters_of(graph(), group.outputs.front(), *group.axis, 0, q);
      SL_ASSIGN_OR_RETURN(const bool along, time_share(group, range, q, measured));
      measured.along = (q == 1 || measured.along) && along;
      // Nobody can divide it so.
      if (std::all_of(measured.seconds.begin(), measured.seconds.end(),
                      [&](const auto& seconds) { return seconds[static_cast<std::size_t>(q)] == place::kCannot; }))
        measured.axis.reset();
    }
    if (measured.axis) return measured;
    for (auto& seconds : measured.seconds) std::fill(seconds.begin() + 1, seconds.end() - 1, place::kCannot);
    measured.along = false;
    return measured;
  }

  // What so many quarters take, by kind of member: kCannot where one cannot. Whether of other groups' results they read
  // nothing but the same quarters.
  Result<bool> time_share(const HybridGroup& group, std::optional<AxisRange> range, std::int64_t quarters,
                          KeptOperator& measured) {
    bool along = true;
    for (std::size_t kind = 0; kind < firsts_.size(); ++kind) {
      const backend::HybridStep step{firsts_[kind], group.inputs, group.outputs, range};
      double& seconds = measured.seconds[kind][static_cast<std::size_t>(quarters)];
      const auto taken = time_of(step);
      if (taken.status().code() == Code::kFailedPrecondition && (range || firsts_.size() > 1)) {
        seconds = place::kCannot;
        continue;
      }
      if (!taken.ok()) return taken.status();
      seconds = taken->seconds;
      along = along && reads_along(taken->inputs, quarters);
    }
    return along;
  }

  // Whether the first `count` quarters read of other groups' results nothing but the same quarters.
  bool reads_along(const std::vector<backend::Part::Read>& inputs, std::int64_t count) const {
    bool any = false;
    for (const backend::Part::Read& input : inputs) {
      const auto writer = writer_.find(input.tensor);
      if (writer == writer_.end()) continue;
      any = true;
      const auto& axis = result_.groups[writer->second].axis;
      if (!axis || input.range != quarters_of(graph(), input.tensor, *axis, 0, count)) return false;
    }
    return any;
  }

  // One member's compiled part, with tensors of its own.
  struct Running {
    backend::Part part;
    std::unique_ptr<zoo::Boundaries> boundaries;
    std::unique_ptr<backend::Session> session;
  };

  // Of a device with memory of its own what it reads and writes lies there: copies are counted apart.
  Result<Running> start(const backend::HybridStep& step, const backend::CompileOptions& member) {
    Running running{.part = {}, .boundaries = std::make_unique<zoo::Boundaries>(1), .session = {}};
    SL_ASSIGN_OR_RETURN(running.part, compiler_.compile(step, member));
    backend::Executable& executable = *running.part.executable;
    const bool on_device = !executable.device_memory().empty();
    SL_ASSIGN_OR_RETURN(
        running.session,
        running.boundaries->bind(executable, 0,
                                 {.input_on_device = on_device, .output_on_device = on_device, .input_from = {}}));
    for (std::size_t k = 0; k < running.part.inputs.size(); ++k) {
      const auto& [tensor, range] = running.part.inputs[k];
      const auto at = std::find(step.inputs.begin(), step.inputs.end(), tensor) - step.inputs.begin();
      const HostBuffer& whole = made_up_[static_cast<std::size_t>(at)];
      const Shape& shape = graph().edge(tensor).spec.shape;
      const std::size_t from =
          range ? whole.size() / static_cast<std::size_t>(shape[range->axis]) * static_cast<std::size_t>(range->begin)
                : 0;
      HostBuffer& input = running.boundaries->at(0)[k];
      std::copy_n(whole.data() + from, input.size(), input.data());
    }
    if (on_device) SL_RETURN_IF_ERROR(running.boundaries->upload(executable, 0));
    return running;
  }

  // What copying to and from members' own memories takes, by the slowest. Any part does to find out.
  Status find_copies() {
    for (std::size_t kind = 0; kind < firsts_.size(); ++kind) {
      const backend::CompileOptions& member = members_[firsts_[kind]];
      const auto& groups = result_.table.groups;
      const auto able = std::find_if(groups.begin(), groups.end(), [&](const place::OperatorGroup& group) {
        return group.seconds[firsts_[kind]][place::kQuarters] != place::kCannot;
      });
      if (member.device == "CPU" || able == groups.end()) continue;
      const HybridGroup& group = result_.groups[static_cast<std::size_t>(able - groups.begin())];
      SL_ASSIGN_OR_RETURN(const backend::Part part,
                          compiler_.compile({firsts_[kind], group.inputs, group.outputs, std::nullopt}, member));
      if (part.executable->device_memory().empty()) continue;
      SL_ASSIGN_OR_RETURN(const CopyTimes copies, time_copies(*part.executable));
      place::Handover& handover = result_.table.handover;
      handover.latency = std::max(handover.latency, copies.latency.count());
      handover.seconds_per_byte = std::max(handover.seconds_per_byte, copies.seconds_per_byte);
      for (std::size_t m = 0; m < members_.size(); ++m)
        if (kind_of_[m] == kind) result_.table.processors[m].memory_domain = kind + 1;
    }
    return {};
  }

  void read_part(std::size_t member) const {
    const std::size_t part = rest_.size() / members_.size();
    const volatile std::byte* const bytes = rest_.data() + member * part;
    for (std::size_t i = 0; i < part; i += kCacheLine) static_cast<void>(bytes[i]);
  }

  // The same numbers again, but from now on in the caches of the core that this runs on.
  static void write_half(HostBuffer& buffer) {
    volatile std::byte* const bytes = buffer.data();
    for (std::size_t i = buffer.size() / 2; i < buffer.size(); i += kCacheLine) bytes[i] = bytes[i];
  }

  struct Taken {
    double seconds = 0;
    std::vector<backend::Part::Read> inputs;
  };

  // A part has company: another member runs the same at the same time, as those do who divide a group.
  Result<Taken> time_of(const backend::HybridStep& step) {
    std::vector<std::optional<Running>> running(members_.size());
    SL_ASSIGN_OR_RETURN(running[step.member], start(step, members_[step.member]));
    const std::size_t other = step.member == 0 ? 1 : 0;
    if (step.range && other < members_.size()) {
      auto company = start(step, members_[other]);
      if (company.ok()) running[other] = std::move(*company);
    }
    std::vector<double> seconds;
    std::vector<Status> statuses(members_.size());
    const std::function<void(std::size_t)> job = [&](std::size_t member) {
      if (!running[member]) return;
      const auto begin = Clock::now();
      statuses[member] = running[member]->session->run();
      if (member == step.member) seconds.push_back(Seconds(Clock::now() - begin).count());
    };
    // Between two runs of a group the rest of the model has been in the caches; then of what a part reads others have
    // written a part, which is fetched from theirs.
    const std::function<void(std::size_t)> rest_of_model = [&](std::size_t member) { read_part(member); };
    const std::function<void(std::size_t)> write_for_others = [&](std::size_t member) {
      for (std::size_t m = 0; m < running.size(); ++m) {
        if (m == member || !running[m] || !running[member]) continue;
        for (HostBuffer& input : running[m]->boundaries->at(0)) write_half(input);
      }
    };
    for (int round = -1; round < timing_.rounds; ++round) {  // the first run allocates
      crew_->run(rest_of_model);
      if (step.range) crew_->run(write_for_others);
      crew_->run(job);
      for (const Status& status : statuses) SL_RETURN_IF_ERROR(status);
    }
    seconds.erase(seconds.begin());
    return Taken{quartiles(std::move(seconds)).median, running[step.member]->part.inputs};
  }

  const backend::Executor& executor_;
  const Model& model_;
  const std::vector<backend::CompileOptions>& members_;
  const OperatorTiming& timing_;
  std::vector<std::size_t> firsts_;   // by kind of member: its first
  std::vector<std::size_t> kind_of_;  // by member
  std::shared_ptr<backend::Crew> crew_;
  KeptOperators kept_;
  backend::PartCompiler compiler_;
  std::vector<HostBuffer> made_up_;  // for the group that is measured
  HostBuffer rest_{std::size_t{0}};  // in the place of the rest of the model
  MeasuredOperators result_;
  std::map<EdgeId, std::size_t> writer_;
};

// Groups that are executed as one step by each of their members.
struct Chain {
  std::vector<std::size_t> groups;
  place::Share share;
};

bool divided(const place::Share& share) {
  return std::count_if(share.begin(), share.end(), [](auto quarters) { return quarters > 0; }) > 1;
}

// A group joins the chain of one that it reads from if both are placed alike and all else that it reads comes of chains
// that begin before that one. Executed in the order in which they begin, chains then find what they read.
class Chains {
 public:
  Chains(const Graph& graph, const MeasuredOperators& operators, const place::Placement& placement)
      : graph_(graph), operators_(operators), placement_(placement), chain_of_(operators.groups.size()) {}

  std::vector<Chain> run() {
    for (std::size_t g = 0; g < operators_.groups.size(); ++g) {
      std::optional<std::size_t> joined = last_read(g);
      if (joined && !may_join(g, *joined)) joined.reset();
      if (!joined) {
        joined = chains_.size();
        chains_.push_back({{}, placement_[g]});
      }
      chains_[*joined].groups.push_back(g);
      chain_of_[g] = *joined;
    }
    std::vector<Chain> result;
    for (const Chain& chain : chains_) {
      if (divided(chain.share)) {
        add_runs(chain, result);
      } else {
        result.push_back(chain);
      }
    }
    return result;
  }

  // What others read of a chain, or the model returns.
  std::vector<EdgeId> outputs_of(const Chain& chain) const {
    std::vector<EdgeId> outputs;
    for (const std::size_t g : chain.groups) {
      for (const EdgeId output : operators_.groups[g].outputs) {
        bool read = std::find(graph_.outputs.begin(), graph_.outputs.end(), output) != graph_.outputs.end();
        for (std::size_t other = 0; other < operators_.groups.size() && !read; ++other) {
          const auto& inputs = operators_.groups[other].inputs;
          const bool inside = std::find(chain.groups.begin(), chain.groups.end(), other) != chain.groups.end();
          read = !inside && std::find(inputs.begin(), inputs.end(), output) != inputs.end();
        }
        if (read) outputs.push_back(output);
      }
    }
    return outputs;
  }

 private:
  // A part of a chain's one output can be computed: where what lies between is read by others too, the chain is cut
  // into runs, each as long as it has one output.
  void add_runs(const Chain& chain, std::vector<Chain>& result) const {
    for (std::size_t begin = 0; begin < chain.groups.size();) {
      std::size_t end = chain.groups.size();
      const auto run = [&] {
        return Chain{{chain.groups.begin() + static_cast<std::ptrdiff_t>(begin),
                      chain.groups.begin() + static_cast<std::ptrdiff_t>(end)},
                     chain.share};
      };
      while (end > begin + 1 && outputs_of(run()).size() != 1) --end;
      result.push_back(run());
      begin = end;
    }
  }

  // Chains stand in the order in which they begin.
  std::optional<std::size_t> last_read(std::size_t g) const {
    std::optional<std::size_t> last;
    for (const place::Input& input : operators_.table.groups[g].inputs) {
      if (!input.from) continue;
      const std::size_t chain = chain_of_[input.from->index()];
      if (!last || chain > *last) last = chain;
    }
    return last;
  }

  // Divided groups are executed by all members anyway, and must not need what others compute. Of whole ones neither may
  // the chain have to wait for what g reads, nor may another member have to wait for g.
  bool may_join(std::size_t g, std::size_t chain) const {
    if (placement_[g] != chains_[chain].share) return false;
    if (divided(placement_[g])) return operators_.table.groups[g].along;
    for (const place::Input& input : operators_.table.groups[g].inputs) {
      if (!input.from || chain_of_[input.from->index()] == chain) continue;
      if (placement_[input.from->index()] != placement_[g] && !reads(chain, *input.from)) return false;
    }
    return !read_by_another(chain);
  }

  bool reads(std::size_t chain, place::GroupId from) const {
    const auto& groups = chains_[chain].groups;
    return std::any_of(groups.begin(), groups.end(), [&](std::size_t g) {
      const auto& inputs = operators_.table.groups[g].inputs;
      return std::any_of(inputs.begin(), inputs.end(), [&](const place::Input& input) { return input.from == from; });
    });
  }

  bool read_by_another(std::size_t chain) const {
    for (std::size_t other = 0; other < operators_.groups.size(); ++other) {
      if (placement_[other] == chains_[chain].share) continue;
      for (const place::Input& input : operators_.table.groups[other].inputs) {
        const auto& groups = chains_[chain].groups;
        if (input.from && std::find(groups.begin(), groups.end(), input.from->index()) != groups.end()) return true;
      }
    }
    return false;
  }

  const Graph& graph_;
  const MeasuredOperators& operators_;
  const place::Placement& placement_;
  std::vector<Chain> chains_;
  std::vector<std::size_t> chain_of_;
};

}  // namespace

Result<MeasuredOperators> measure_operators(const backend::Executor& executor, const Model& model,
                                            const std::vector<backend::CompileOptions>& members,
                                            const OperatorTiming& timing) {
  return OperatorMeasurement(executor, model, members, timing).run();
}

backend::HybridPlan hybrid_plan(const Graph& graph, const MeasuredOperators& operators,
                                const place::Placement& placement) {
  backend::HybridPlan plan;
  Chains chains(graph, operators, placement);
  for (const Chain& chain : chains.run()) {
    std::vector<EdgeId> inputs;
    for (const std::size_t g : chain.groups) {
      for (const EdgeId input : operators.groups[g].inputs) {
        const bool inside = std::any_of(chain.groups.begin(), chain.groups.end(), [&](std::size_t other) {
          const auto& outputs = operators.groups[other].outputs;
          return std::find(outputs.begin(), outputs.end(), input) != outputs.end();
        });
        if (!inside && std::find(inputs.begin(), inputs.end(), input) == inputs.end()) inputs.push_back(input);
      }
    }
    const std::vector<EdgeId> outputs = chains.outputs_of(chain);
    std::int64_t begun = 0;
    for (std::size_t member = 0; member < chain.share.size(); ++member) {
      const std::int64_t quarters = chain.share[member];
      if (quarters == 0) continue;
      backend::HybridStep& step = plan.emplace_back(backend::HybridStep{member, inputs, outputs});
      if (quarters < kQuarters) {
        step.range = quarters_of(graph, outputs.front(), *operators.groups[chain.groups.back()].axis, begun, quarters);
      }
      begun += quarters;
    }
  }
  return plan;
}

}  // namespace sparseloom::profile
