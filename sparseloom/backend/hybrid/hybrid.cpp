#include "sparseloom/backend/hybrid/hybrid.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sparseloom/backend/binding.h"
#include "sparseloom/backend/hybrid/crew.h"
#include "sparseloom/backend/input_shapes.h"

namespace sparseloom::backend {
namespace {

// Where a range of a tensor lies in its memory.
struct Piece {
  std::size_t begin = 0, end = 0;  // bytes
  bool overlaps(const Piece& other) const { return begin < other.end && other.begin < end; }
};

// Nothing if it does not lie in one piece.
std::optional<Piece> piece_of(const TensorSpec& spec, const std::optional<AxisRange>& range) {
  if (!range) return Piece{0, spec.bytes()};
  const Shape& shape = spec.shape;
  if (range->axis >= shape.size() || range->begin < 0 || range->begin >= range->end || range->end > shape[range->axis])
    return std::nullopt;
  for (std::size_t i = 0; i < range->axis; ++i)
    if (shape[i] != 1) return std::nullopt;
  const std::size_t each = spec.bytes() / static_cast<std::size_t>(shape[range->axis]);
  const Piece piece{static_cast<std::size_t>(range->begin) * each, static_cast<std::size_t>(range->end) * each};
  return piece.begin % kBindingAlignment == 0 ? std::optional(piece) : std::nullopt;
}

// The bytes of every tensor that steps have written.
class Written {
 public:
  void all_of(EdgeId tensor, std::size_t bytes) { pieces_[tensor].push_back({0, bytes}); }
  // False: some of it was written before.
  bool add(EdgeId tensor, const Piece& piece) {
    auto& pieces = pieces_[tensor];
    for (const Piece& other : pieces)
      if (other.overlaps(piece)) return false;
    pieces.push_back(piece);
    return true;
  }
  bool complete(EdgeId tensor, std::size_t bytes) const {
    const auto found = pieces_.find(tensor);
    if (found == pieces_.end()) return false;
    std::size_t sum = 0;  // pieces do not overlap
    for (const Piece& piece : found->second) sum += piece.end - piece.begin;
    return sum == bytes;
  }

 private:
  std::map<EdgeId, std::vector<Piece>> pieces_;
};

Status check_step(const Graph& graph, const HybridStep& step, std::size_t members, Written& written) {
  if (step.member >= members) return error(Code::kInvalidArgument, "member {}; there are {}", step.member, members);
  const auto known = [&](EdgeId edge) { return edge.index() < graph.edges.size(); };
  if (!std::all_of(step.outputs.begin(), step.outputs.end(), known) ||
      !std::all_of(step.inputs.begin(), step.inputs.end(), known))
    return error(Code::kInvalidArgument, "a tensor that the model does not have");
  if (step.outputs.empty() || (step.range && step.outputs.size() > 1))
    return error(Code::kInvalidArgument, "{} outputs; one, or without a range several", step.outputs.size());
  for (const auto* tensors : {&step.inputs, &step.outputs}) {
    for (const EdgeId tensor : *tensors) SL_RETURN_IF_ERROR(check_static(graph.edge(tensor).spec));
  }
  for (const EdgeId input : step.inputs) {
    if (written.complete(input, graph.edge(input).spec.bytes())) continue;
    return error(Code::kInvalidArgument, "reads '{}' before all of it is written", graph.edge(input).spec.name);
  }
  for (const EdgeId output : step.outputs) {
    const TensorSpec& spec = graph.edge(output).spec;
    const auto piece = piece_of(spec, step.range);
    if (!piece) {
      return error(Code::kInvalidArgument,
                   "writes {}..{} of axis {} of '{}', which does not lie in one piece at a multiple of {} bytes",
                   step.range->begin, step.range->end, step.range->axis, spec.describe(), kBindingAlignment);
    }
    if (!written.add(output, *piece))
      return error(Code::kInvalidArgument, "writes what was written before of '{}'", spec.name);
  }
  return {};
}

// A step that is compiled, and what it waits for.
struct CompiledStep {
  std::size_t member = 0;
  std::shared_ptr<Executable> executable;
  struct Port {
    EdgeId tensor;
    Piece piece;
  };
  std::vector<Port> inputs, outputs;
  std::uint32_t position = 0;          // among its member's steps, from 1
  std::vector<std::uint32_t> waits{};  // by member: how many of its steps must be done; 0: none
};

struct HybridProgram {
  Graph graph;
  std::vector<TensorSpec> inputs, outputs;
  std::vector<CompiledStep> steps;
  std::size_t members = 0;
};

Result<CompiledStep> compile_step(const Executor& executor, const Model& model, const HybridStep& step,
                                  const HybridMember& member) {
  const Graph& graph = model.graph();
  SL_ASSIGN_OR_RETURN(std::unique_ptr<Model> part, model.extract(step.inputs, step.outputs));
  CompiledStep compiled;
  compiled.member = step.member;
  for (const EdgeId tensor : step.outputs)
    compiled.outputs.push_back({tensor, *piece_of(graph.edge(tensor).spec, step.range)});
  if (step.range) {
    SL_ASSIGN_OR_RETURN(NarrowedModel narrowed, part->narrow(*step.range));
    for (const NarrowedInput& input : narrowed.inputs) {
      const EdgeId tensor = step.inputs[input.index];
      const auto piece = piece_of(graph.edge(tensor).spec, input.range);
      if (!piece) {
        return error(Code::kFailedPrecondition, "a part of '{}' that does not start at a multiple of {} bytes",
                     graph.edge(tensor).spec.name, kBindingAlignment);
      }
      compiled.inputs.push_back({tensor, *piece});
    }
    part = std::move(narrowed.model);
  } else {
    for (const EdgeId tensor : step.inputs) compiled.inputs.push_back({tensor, {0, graph.edge(tensor).spec.bytes()}});
  }
  SL_ASSIGN_OR_RETURN(compiled.executable, executor.compile(*part, member.options));
  if (compiled.executable->device_memory().empty()) return compiled;
  return error(Code::kFailedPrecondition, "device '{}' has memory of its own, which hybrid execution does not use yet",
               member.options.device);
}

// What each step reads that other members write.
void find_waits(HybridProgram& program) {
  std::vector<std::uint32_t> counts(program.members);
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    CompiledStep& step = program.steps[s];
    step.position = ++counts[step.member];
    step.waits.assign(program.members, 0);
    for (const CompiledStep::Port& input : step.inputs) {
      for (std::size_t w = 0; w < s; ++w) {
        const CompiledStep& writer = program.steps[w];
        if (writer.member == step.member) continue;
        for (const CompiledStep::Port& output : writer.outputs) {
          if (output.tensor == input.tensor && output.piece.overlaps(input.piece))
            step.waits[writer.member] = std::max(step.waits[writer.member], writer.position);
        }
      }
    }
  }
}

class HybridSession final : public Session {
 public:
  static Result<std::unique_ptr<Session>> make(std::shared_ptr<const HybridProgram> program,
                                               std::shared_ptr<Crew> crew) {
    auto session = std::unique_ptr<HybridSession>(new HybridSession(std::move(program), std::move(crew)));
    SL_RETURN_IF_ERROR(session->bind_own());
    return std::unique_ptr<Session>(std::move(session));
  }

  Status bind_input(std::size_t index, std::span<const std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("input", program_->inputs, index, data.data(), data.size()));
    return bind_readers(program_->graph.inputs[index], data);
  }

  Status bind_output(std::size_t index, std::span<std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("output", program_->outputs, index, data.data(), data.size()));
    const EdgeId tensor = program_->graph.outputs[index];
    SL_RETURN_IF_ERROR(bind_writers(tensor, data));
    return bind_readers(tensor, data);
  }

  Status run() override {
    for (const auto& milestone : reached_) milestone->reset();
    if (failed_.exchange(false)) std::fill(statuses_.begin(), statuses_.end(), Status());
    crew_->run(job_);
    if (!failed_.load(std::memory_order_relaxed)) return {};
    for (const Status& status : statuses_)
      if (!status.ok()) return status;
    return {};
  }

 private:
  HybridSession(std::shared_ptr<const HybridProgram> program, std::shared_ptr<Crew> crew)
      : program_(std::move(program)), crew_(std::move(crew)), statuses_(program_->members) {
    for (std::size_t m = 0; m < program_->members; ++m) reached_.push_back(std::make_unique<Milestone>());
  }

  // Sessions of the steps, with memory for what only steps see.
  Status bind_own() {
    for (const CompiledStep& step : program_->steps) {
      SL_ASSIGN_OR_RETURN(auto session, step.executable->new_session());
      sessions_.push_back(std::move(session));
    }
    const Graph& graph = program_->graph;
    for (const CompiledStep& step : program_->steps) {
      for (const auto& [tensor, piece] : step.outputs) {
        const bool returned = std::find(graph.outputs.begin(), graph.outputs.end(), tensor) != graph.outputs.end();
        if (returned || buffers_.contains(tensor)) continue;
        const auto [at, fresh] = buffers_.emplace(tensor, HostBuffer(graph.edge(tensor).spec.bytes()));
        SL_RETURN_IF_ERROR(bind_writers(tensor, at->second.span()));
        SL_RETURN_IF_ERROR(bind_readers(tensor, at->second.span()));
      }
    }
    return {};
  }

  Status bind_writers(EdgeId tensor, std::span<std::byte> data) {
    for (std::size_t s = 0; s < sessions_.size(); ++s) {
      const auto& ports = program_->steps[s].outputs;
      for (std::size_t i = 0; i < ports.size(); ++i) {
        if (ports[i].tensor != tensor) continue;
        const Piece& piece = ports[i].piece;
        SL_RETURN_IF_ERROR(sessions_[s]->bind_output(i, data.subspan(piece.begin, piece.end - piece.begin)));
      }
    }
    return {};
  }

  Status bind_readers(EdgeId tensor, std::span<const std::byte> data) {
    for (std::size_t s = 0; s < sessions_.size(); ++s) {
      const auto& ports = program_->steps[s].inputs;
      for (std::size_t i = 0; i < ports.size(); ++i) {
        if (ports[i].tensor != tensor) continue;
        const Piece& piece = ports[i].piece;
        SL_RETURN_IF_ERROR(sessions_[s]->bind_input(i, data.subspan(piece.begin, piece.end - piece.begin)));
      }
    }
    return {};
  }

  // Its steps, each when what it reads is there. After a failure, anyone's, the rest is left out, but said to be done:
  // nobody waits for ever.
  void execute(std::size_t member) {
    for (std::size_t s = 0; s < sessions_.size(); ++s) {
      const CompiledStep& step = program_->steps[s];
      if (step.member != member) continue;
      for (std::size_t m = 0; m < step.waits.size(); ++m)
        if (step.waits[m] > 0) reached_[m]->wait(step.waits[m]);
      if (!failed_.load(std::memory_order_relaxed)) {
        const Status ran = sessions_[s]->run();
        if (!ran.ok()) {
          statuses_[member] = ran.with_context(fmt::format("step {} ('{}')", s, tensor_name(step)));
          failed_.store(true, std::memory_order_relaxed);
        }
      }
      reached_[member]->reach(step.position);
    }
  }

  const std::string& tensor_name(const CompiledStep& step) const {
    return program_->graph.edge(step.outputs.front().tensor).spec.name;
  }

  std::shared_ptr<const HybridProgram> program_;
  std::shared_ptr<Crew> crew_;
  std::map<EdgeId, HostBuffer> buffers_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Milestone>> reached_;  // by member: how many of its steps are done
  std::vector<Status> statuses_;                     // by member
  std::atomic<bool> failed_{false};
  const std::function<void(std::size_t)> job_ = [this](std::size_t member) { execute(member); };
};

class HybridExecutable final : public Executable {
 public:
  HybridExecutable(std::shared_ptr<const HybridProgram> program, std::shared_ptr<Crew> crew)
      : program_(std::move(program)), crew_(std::move(crew)) {}

  const std::vector<TensorSpec>& inputs() const override { return program_->inputs; }
  const std::vector<TensorSpec>& outputs() const override { return program_->outputs; }
  std::size_t sparse_layers() const override {
    std::size_t layers = 0;
    for (const CompiledStep& step : program_->steps) layers += step.executable->sparse_layers();
    return layers;
  }
  void trim() override {
    for (const CompiledStep& step : program_->steps) step.executable->trim();
  }
  Result<std::unique_ptr<Session>> new_session() override { return HybridSession::make(program_, crew_); }

 private:
  std::shared_ptr<const HybridProgram> program_;
  std::shared_ptr<Crew> crew_;
};

}  // namespace

Status check_plan(const Graph& graph, const HybridPlan& plan, std::size_t members) {
  if (graph.opaque()) return error(Code::kFailedPrecondition, "hybrid plan: {}", graph.why_opaque);
  Written written;
  for (const EdgeId input : graph.inputs) written.all_of(input, graph.edge(input).spec.bytes());
  for (std::size_t s = 0; s < plan.size(); ++s) {
    SL_RETURN_IF_ERROR(
        check_step(graph, plan[s], members, written).with_context(fmt::format("hybrid plan: step {}", s)));
  }
  for (std::size_t k = 0; k < graph.outputs.size(); ++k) {
    const EdgeId output = graph.outputs[k];
    if (std::find(graph.outputs.begin(), graph.outputs.begin() + static_cast<std::ptrdiff_t>(k), output) !=
        graph.outputs.begin() + static_cast<std::ptrdiff_t>(k)) {
      return error(Code::kFailedPrecondition, "hybrid plan: the model returns '{}' twice",
                   graph.edge(output).spec.name);
    }
    if (std::find(graph.inputs.begin(), graph.inputs.end(), output) != graph.inputs.end()) {
      return error(Code::kFailedPrecondition, "hybrid plan: '{}' is an input and an output of the model",
                   graph.edge(output).spec.name);
    }
    if (written.complete(output, graph.edge(output).spec.bytes())) continue;
    return error(Code::kInvalidArgument, "hybrid plan: the output '{}' is not written completely",
                 graph.edge(output).spec.name);
  }
  return {};
}

Result<std::unique_ptr<Executable>> compile_hybrid(const Executor& executor, const Model& model, const HybridPlan& plan,
                                                   const std::vector<HybridMember>& members) {
  SL_RETURN_IF_ERROR(check_plan(model.graph(), plan, members.size()));
  auto program = std::make_shared<HybridProgram>();
  program->graph = model.graph();
  program->members = members.size();
  for (const EdgeId edge : program->graph.inputs) program->inputs.push_back(program->graph.edge(edge).spec);
  for (const EdgeId edge : program->graph.outputs) program->outputs.push_back(program->graph.edge(edge).spec);
  for (std::size_t s = 0; s < plan.size(); ++s) {
    auto step = compile_step(executor, model, plan[s], members[plan[s].member]);
    if (!step.ok()) return step.status().with_context(fmt::format("hybrid plan: step {}", s));
    program->steps.push_back(std::move(*step));
  }
  find_waits(*program);
  std::vector<std::vector<CpuIndex>> cores;
  for (const HybridMember& member : members) cores.push_back(member.options.cores);
  SL_ASSIGN_OR_RETURN(auto crew, Crew::start(std::move(cores)));
  return std::unique_ptr<Executable>(std::make_unique<HybridExecutable>(std::move(program), std::move(crew)));
}

}  // namespace sparseloom::backend
