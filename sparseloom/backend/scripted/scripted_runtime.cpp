#include "sparseloom/backend/scripted/scripted_runtime.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "sparseloom/backend/binding.h"

namespace sparseloom::backend {
namespace {

using InputSpans = std::vector<std::span<const std::byte>>;
using OutputSpans = std::vector<std::span<std::byte>>;

void keep_busy(Seconds duration) {
  if (duration <= Seconds(0)) return;
  const auto until = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < until) {}
}

void run_layer(const InputSpans& inputs, const OutputSpans& outputs) {
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const auto from = inputs[k % inputs.size()];
    const auto to = outputs[k];
    const std::size_t copied = std::min(from.size(), to.size());
    if (copied != 0) std::memmove(to.data(), from.data(), copied);
    std::fill(to.begin() + static_cast<std::ptrdiff_t>(copied), to.end(), std::byte{0});
  }
}

class ScriptedSession final : public Session {
 public:
  ScriptedSession(std::shared_ptr<const ScriptedModel> model, std::filesystem::path device_file)
      : model_(std::move(model)),
        device_file_(std::move(device_file)),
        inputs_(model_->inputs.size()),
        outputs_(model_->outputs.size()) {
    for (const auto& specs : model_->between) {
      auto& layer = between_.emplace_back();
      for (const TensorSpec& spec : specs) layer.emplace_back(spec.bytes());
    }
  }

  Status bind_input(std::size_t index, std::span<const std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("input", model_->inputs, index, data.data(), data.size()));
    inputs_[index] = data;
    return {};
  }

  Status bind_output(std::size_t index, std::span<std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("output", model_->outputs, index, data.data(), data.size()));
    outputs_[index] = data;
    return {};
  }

  Status run() override {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (!inputs_[i]) return never_bound("input", model_->inputs[i]);
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (!outputs_[i]) return never_bound("output", model_->outputs[i]);
    std::error_code ignored;
    if (!device_file_.empty() && !std::filesystem::exists(device_file_, ignored))
      return {Code::kUnavailable, "the device is gone"};
    keep_busy(model_->spin);
    if (!model_->fail.empty()) return {Code::kInternal, model_->fail};
    InputSpans from;
    for (const auto& input : inputs_) from.push_back(*input);
    for (auto& layer : between_) {
      const OutputSpans to(layer.begin(), layer.end());
      run_layer(from, to);
      from.assign(to.begin(), to.end());
    }
    OutputSpans to;
    for (const auto& output : outputs_) to.push_back(*output);
    run_layer(from, to);
    return {};
  }

 private:
  // HostBuffer as a span, so that run_layer sees one kind of thing.
  struct Scratch {
    explicit Scratch(std::size_t bytes) : buffer(bytes) {}
    operator std::span<std::byte>() { return buffer.span(); }  // NOLINT(google-explicit-constructor)
    HostBuffer buffer;
  };

  std::shared_ptr<const ScriptedModel> model_;
  std::filesystem::path device_file_;
  std::vector<std::optional<std::span<const std::byte>>> inputs_;
  std::vector<std::optional<std::span<std::byte>>> outputs_;
  std::vector<std::vector<Scratch>> between_;
};

class ScriptedExecutable final : public Executable {
 public:
  /// `device_file`: what it runs on is there while that file is; empty: the CPU.
  explicit ScriptedExecutable(ScriptedModel model, std::filesystem::path device_file = {})
      : model_(std::make_shared<const ScriptedModel>(std::move(model))), device_file_(std::move(device_file)) {}
  const std::vector<TensorSpec>& inputs() const override { return model_->inputs; }
  const std::vector<TensorSpec>& outputs() const override { return model_->outputs; }
  Result<std::unique_ptr<Session>> new_session() override {
    return std::unique_ptr<Session>(std::make_unique<ScriptedSession>(model_, device_file_));
  }

 private:
  std::shared_ptr<const ScriptedModel> model_;
  std::filesystem::path device_file_;
};

// Adds the outputs of `node` and returns their ids.
std::vector<EdgeId> add_edges(Graph& graph, NodeId node, const std::vector<TensorSpec>& specs) {
  std::vector<EdgeId> ids;
  for (const TensorSpec& spec : specs) {
    ids.emplace_back(graph.edges.size());
    graph.edges.push_back({spec, node, {}});
  }
  return ids;
}

// One node per model input ("Parameter") and per layer ("Scripted", a million multiply-accumulates each).
Graph graph_of(const ScriptedModel& model) {
  Graph graph;
  for (const TensorSpec& spec : model.inputs) {
    const NodeId id(graph.nodes.size());
    const auto ids = add_edges(graph, id, {spec});
    graph.nodes.push_back({spec.name, "Parameter", {}, ids, 0, false, Precision::kFp32, {}});
    graph.inputs.push_back(ids.front());
  }
  std::vector<EdgeId> from = graph.inputs;
  const auto add_layer = [&](const std::vector<TensorSpec>& specs) {
    const NodeId id(graph.nodes.size());
    for (const EdgeId e : from) graph.edges[e.index()].consumers.push_back(id);
    const auto to = add_edges(graph, id, specs);
    graph.nodes.push_back({specs.front().name, "Scripted", from, to, 1e6, false, Precision::kFp32, {}});
    from = to;
  };
  for (const auto& specs : model.between) add_layer(specs);
  add_layer(model.outputs);
  graph.outputs = from;
  return graph;
}

class ReadScriptedModel final : public Model {
 public:
  explicit ReadScriptedModel(ScriptedModel model) : model_(std::move(model)), graph_(graph_of(model_)) {}

  const Graph& graph() const override { return graph_; }

  using Model::extract;
  Result<std::unique_ptr<Model>> extract(const std::vector<EdgeId>& inputs, const std::vector<EdgeId>& outputs,
                                         const PieceTypes&) const override {
    // The boundaries in order: inputs, between..., outputs. A piece spans from one to a later one.
    std::vector<std::vector<TensorSpec>> boundaries{model_.inputs};
    boundaries.insert(boundaries.end(), model_.between.begin(), model_.between.end());
    boundaries.push_back(model_.outputs);
    const auto from = find(boundaries, inputs);
    const auto to = find(boundaries, outputs);
    if (!from || !to || *from >= *to)
      return error(Code::kInvalidArgument, "extract: a scripted model can be cut only between whole layers");
    ScriptedModel piece;
    piece.inputs = boundaries[*from];
    for (std::size_t i = *from + 1; i < *to; ++i) piece.between.push_back(boundaries[i]);
    piece.outputs = boundaries[*to];
    piece.spin = model_.spin * static_cast<double>(*to - *from) / static_cast<double>(boundaries.size() - 1);
    piece.fail = model_.fail;
    return std::unique_ptr<Model>(std::make_unique<ReadScriptedModel>(std::move(piece)));
  }

  Status save(const std::filesystem::path& path) const override { return write_scripted_model(path, model_); }

  const ScriptedModel& model() const { return model_; }

 private:
  std::optional<std::size_t> find(const std::vector<std::vector<TensorSpec>>& boundaries,
                                  const std::vector<EdgeId>& ids) const {
    for (std::size_t i = 0; i < boundaries.size(); ++i) {
      const auto same = [&](const TensorSpec& spec, EdgeId id) { return graph_.edge(id).spec.name == spec.name; };
      if (std::equal(boundaries[i].begin(), boundaries[i].end(), ids.begin(), ids.end(), same)) return i;
    }
    return std::nullopt;
  }

  ScriptedModel model_;
  Graph graph_;
};

class ScriptedRuntime final : public Runtime {
 public:
  std::string name() const override { return "scripted"; }
  std::string version() const override { return "scripted 1"; }
  std::vector<Device> devices() const override {
    std::vector<Device> all{{"CPU", "scripted", providers_of(name(), "CPU")}};
    std::error_code ignored;
    if (!npu_file_.empty() && std::filesystem::exists(npu_file_, ignored))
      all.push_back({kNpu, "scripted", providers_of(name(), kNpu)});
    return all;
  }

  Result<std::unique_ptr<Model>> read(const std::filesystem::path& path,
                                      const std::map<std::string, Shape>&) const override {
    SL_ASSIGN_OR_RETURN(ScriptedModel model, read_scripted_model(path));
    return std::unique_ptr<Model>(std::make_unique<ReadScriptedModel>(std::move(model)));
  }

  Result<std::unique_ptr<Executable>> load(const std::filesystem::path& path,
                                           const CompileOptions& options) const override {
    SL_ASSIGN_OR_RETURN(ScriptedModel model, read_scripted_model(path));
    const bool npu = options.device == kNpu;
    if (npu) model.spin *= kNpuTakes;
    return std::unique_ptr<Executable>(
        std::make_unique<ScriptedExecutable>(std::move(model), npu ? npu_file_ : std::filesystem::path()));
  }

  Result<std::unique_ptr<Executable>> compile(const Model& model, const CompileOptions&) const override {
    const auto* const ours = dynamic_cast<const ReadScriptedModel*>(&model);
    if (ours == nullptr) return error(Code::kInvalidArgument, "compile: a model that another runtime has read");
    return std::unique_ptr<Executable>(std::make_unique<ScriptedExecutable>(ours->model()));
  }

 private:
  static constexpr const char* kNpu = "NPU";
  static constexpr double kNpuTakes = 0.25;  // of a core's time

  static std::filesystem::path npu_file() {
    const char* const named = std::getenv("SPARSELOOM_SCRIPTED_NPU");
    return named == nullptr ? std::filesystem::path() : std::filesystem::path(named);
  }
  const std::filesystem::path npu_file_ = npu_file();
};

}  // namespace

std::unique_ptr<Runtime> make_scripted_runtime() { return std::make_unique<ScriptedRuntime>(); }

}  // namespace sparseloom::backend
