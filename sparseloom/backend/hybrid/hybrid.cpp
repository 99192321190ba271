#include "sparseloom/backend/hybrid/hybrid.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sparseloom/backend/hybrid/crew.h"
#include "sparseloom/backend/hybrid/program.h"
#include "sparseloom/backend/hybrid/session.h"
#include "sparseloom/backend/input_shapes.h"

namespace sparseloom::backend {
namespace {

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
  Result<std::unique_ptr<Session>> new_session() override { return HybridSession::make(program_, crew_, next_); }

 private:
  std::shared_ptr<const HybridProgram> program_;
  std::shared_ptr<Crew> crew_;
  std::shared_ptr<NextPlan> next_ = std::make_shared<NextPlan>();
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

Result<std::unique_ptr<Executable>> compile_hybrid(const Executor& executor, const Model& model,
                                                   const HybridOptions& options, const std::filesystem::path& file) {
  if (options.plans.empty()) return error(Code::kInvalidArgument, "hybrid plan: none was given");
  for (const HybridPlan& plan : options.plans)
    SL_RETURN_IF_ERROR(check_plan(model.graph(), plan, options.members.size()));
  SL_ASSIGN_OR_RETURN(auto program, compile_program(executor, model, options, file));
  std::vector<std::vector<CpuIndex>> cores;
  for (const CompileOptions& member : options.members) cores.push_back(member.cores);
  SL_ASSIGN_OR_RETURN(auto crew, Crew::start(std::move(cores)));
  return std::unique_ptr<Executable>(std::make_unique<HybridExecutable>(std::move(program), std::move(crew)));
}

}  // namespace sparseloom::backend
