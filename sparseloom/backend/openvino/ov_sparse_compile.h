// Private to this folder: compiling models with sparse layers, and keeping whatever was compiled.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <openvino/runtime/core.hpp>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/mapped_file.h"

namespace sparseloom::backend {

/// A compiled model. Sparse layers were asked for and nothing was gained by any: then it is not there.
struct Compiled {
  ov::CompiledModel model;
  std::size_t sparse_layers = 0;
  std::shared_ptr<const MappedFile> file{};  ///< that the model was imported from and may still read; or none
};

/// Compiles `model` (and changes it) with sparse layers; `folder` as in SparseLayersWanted. kWhereFaster: the whole is
/// timed beside the dense model, and has no sparse layers unless it is faster.
Result<Compiled> compile_sparse(ov::Core& core, const std::shared_ptr<ov::Model>& model, const CompileOptions& options,
                                const std::filesystem::path& folder);

/// Compiled models, kept in CompileOptions::cache_dir: a file per model, named by a hash of where and when the model
/// was written, options, how models are compiled, OpenVINO and CPU; beside it a file of weights per sparse layer, named
/// by its digest, so that models share layers. Files carry checksums: what is damaged, or was made elsewhere, is made
/// anew. Several processes may use one folder. Nothing is ever removed from it, but all of it may be.
class CompiledCache {
 public:
  /// The entry of one model file. `core` must outlive it.
  CompiledCache(ov::Core& core, const std::filesystem::path& model, const CompileOptions& options);

  /// What is kept; nullopt if there is nothing usable. OpenVINO copies most weights out of the file into layouts of its
  /// own and reads the file no more, yet holds on to it: its pages are released, or each weight would be resident
  /// twice.
  std::optional<Compiled> find() const;
  /// Keeps `compiled`. kUnavailable if the folder, which must be there, cannot be written.
  Status keep(Compiled& compiled) const;
  /// Where the weights of sparse layers go.
  const std::filesystem::path& folder() const { return options_.cache_dir; }

 private:
  Result<Compiled> open() const;

  ov::Core& core_;
  CompileOptions options_;
  std::filesystem::path file_;
};

}  // namespace sparseloom::backend
