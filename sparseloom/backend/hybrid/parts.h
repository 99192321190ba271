// The pieces that members execute: parts of a model, compiled.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "sparseloom/backend/onnx/onnx_file.h"
#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/scratch_folder.h"

namespace sparseloom::backend {

/// A step of a HybridPlan, compiled.
struct Part {
  /// What it reads of a tensor; none: all.
  struct Read {
    EdgeId tensor;
    std::optional<AxisRange> range{};
  };
  std::shared_ptr<Executable> executable;
  std::vector<Read> inputs;  ///< by input of the executable; a tensor may stand there twice
};

/// Compiles parts of one model. Not thread-safe; keeps files of its own until it is destroyed.
class PartCompiler {
 public:
  /// `file`: where the model was read from. Members whose provider runs models in ONNX alone need one in ONNX.
  PartCompiler(const Executor& executor, const Model& model, std::filesystem::path file);

  /// kFailedPrecondition: an operator that cannot be divided so, or a provider that needs ONNX where `file` is none.
  /// Errors of Model::extract(), OnnxFile::save_piece() and Executor::compile().
  Result<Part> compile(const HybridStep& step, const CompileOptions& member);

 private:
  Result<Part> compile_onnx(const HybridStep& step, const CompileOptions& member);
  Status open_onnx();

  const Executor& executor_;
  const Model& model_;
  std::filesystem::path file_;
  std::optional<OnnxFile> onnx_;
  std::optional<ScratchFolder> folder_;
  std::size_t written_ = 0;
};

}  // namespace sparseloom::backend
