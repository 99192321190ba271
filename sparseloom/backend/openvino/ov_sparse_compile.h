// Private to this folder: compiling models with sparse layers, and keeping what came out.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <openvino/runtime/core.hpp>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

/// A model whose pruned layers are sparse. Nothing was gained if it has none: then there is no compiled model.
struct SparseModel {
  ov::CompiledModel compiled;
  std::size_t layers = 0;
};

/// Compiles `model` (and changes it) with sparse layers; `folder` as in SparseLayersWanted. kWhereFaster: the whole is
/// timed beside the dense model, and has no sparse layers unless it is faster.
Result<SparseModel> compile_sparse(ov::Core& core, const std::shared_ptr<ov::Model>& model,
                                   const CompileOptions& options, const std::filesystem::path& folder);

/// Compiled models with sparse layers, kept in CompileOptions::cache_dir: a file per model, named by a hash of where
/// and when the model was written, options, how models are compiled, OpenVINO and CPU; beside it a file of weights per
/// layer, named by its digest, so that models share layers. Files carry checksums: what is damaged, or was made
/// elsewhere, is made anew. Several processes may use one folder. Nothing is ever removed from it, but all of it may
/// be.
class SparseCache {
 public:
  /// The entry of one model file. `core` must outlive it.
  SparseCache(ov::Core& core, const std::filesystem::path& model, const CompileOptions& options);

  /// What is kept, mapped; nullopt if there is nothing usable.
  std::optional<SparseModel> find() const;
  /// Keeps `model`.
  Status keep(SparseModel& model) const;
  /// Where the weights of layers go.
  const std::filesystem::path& folder() const { return options_.cache_dir; }

 private:
  Result<SparseModel> open() const;

  ov::Core& core_;
  CompileOptions options_;
  std::filesystem::path file_;
};

}  // namespace sparseloom::backend
