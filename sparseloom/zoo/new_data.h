// Private to zoo: samples that a new task is measured with.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sparseloom/zoo/chain.h"
#include "sparseloom/zoo/dataset.h"
#include "sparseloom/zoo/editing.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::zoo {

/// As a user gives them.
struct Samples {
  std::vector<NpyArray> inputs;  // in the task's order
  std::size_t count = 0;
  std::vector<std::int32_t> labels;  // empty: none given
};

/// A model whole, and one sample after another through it.
class Whole {
 public:
  static Result<Whole> load(const backend::Runtime& runtime, const backend::Model& model, const Task& task,
                            const std::vector<backend::EdgeId>& inputs) {
    std::vector<std::vector<ElementType>> types(2);  // as the task has them
    for (const TensorSpec& input : task.inputs) types[0].push_back(input.type);
    for (const TensorSpec& output : task.outputs) types[1].push_back(output.type);
    SL_ASSIGN_OR_RETURN(auto pieces, cut_model(model, inputs, {}, types));
    backend::CompileOptions options;
    if (model.graph().opaque()) options.provider = backend::Provider::kOnnxRuntime;
    SL_ASSIGN_OR_RETURN(auto executable, runtime.compile(*pieces.front(), options));
    SL_ASSIGN_OR_RETURN(Chain chain, Chain::bind({std::shared_ptr<backend::Executable>(std::move(executable))}));
    return Whole(std::move(chain));
  }
  // As a variant is served by a provider: its pieces, one after another.
  static Result<Whole> of_pieces(const backend::Runtime& runtime, PieceStore& pieces, const Task& task, TaskId id,
                                 VariantId variant, backend::Provider provider) {
    backend::CompileOptions options;
    options.provider = provider;
    options.sparse_layers = backend::info(provider).sparse_layers;
    SL_ASSIGN_OR_RETURN(options.device, device_for(runtime, provider));
    std::vector<std::shared_ptr<backend::Executable>> stages;
    for (std::size_t i = 0; i < task.stages(); ++i) {
      SL_ASSIGN_OR_RETURN(const auto path, pieces.piece(id, variant, StageId(i), provider));
      SL_ASSIGN_OR_RETURN(auto executable, runtime.load(path, options));
      stages.push_back(std::move(executable));
    }
    SL_ASSIGN_OR_RETURN(Chain chain, Chain::bind(std::move(stages)));
    return Whole(std::move(chain));
  }
  // The first output.
  Result<std::span<const std::byte>> answer(const std::vector<NpyArray>& inputs, std::size_t count,
                                            std::size_t sample) {
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const std::size_t each = inputs[k].data.size() / count;
      std::copy_n(inputs[k].data.data() + sample * each, each, chain_.input(k).data());
    }
    SL_RETURN_IF_ERROR(chain_.run());
    return chain_.output(0);
  }
  Chain& chain() { return chain_; }

 private:
  explicit Whole(Chain chain) : chain_(std::move(chain)) {}
  Chain chain_;
};

/// Those that `wanted` names, checked against the task's inputs and classes. kInvalidArgument; errors of reading.
Result<Samples> read_samples(const Task& task, const NewVariant& wanted);

/// Sets the task's metric and kind of accuracy as wanted, or as its first output suggests. kInvalidArgument.
Status decide_metric(const NewVariant& wanted, Task& task);

/// Writes profile and test halves into `folder` (the task's data/), split by a seed, and says so in the task; labels
/// are those given, else what `whole` answers.
Status write_data(const Samples& samples, Whole& whole, const std::filesystem::path& folder, Task& task);

/// Of the model on a split, by the task's metric.
Result<double> accuracy_on(const Zoo& zoo, const Task& task, const Split& split, Whole& whole);

}  // namespace sparseloom::zoo
