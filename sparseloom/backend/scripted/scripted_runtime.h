// The runtime that runs no model: a "model" is a small JSON file that says which tensors go in and out and how long to
// keep the core busy. For tests of what stands above, and for measuring the engine itself.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

/// A scripted model: a chain of layers. Layer i reads the tensors between[i-1] (the first: inputs) and writes
/// between[i] (the last: outputs); its output k is a copy of the first bytes of its input k modulo their number, the
/// rest zero.
///
/// As a file: {"inputs": [{"name": "x", "type": "f32", "shape": [1,4]}], "outputs": [...], "spin_us": 50}, and if
/// wanted "between": [[...], ...] (then the model can be cut there) and "fail": "message" (then every run fails with
/// it).
struct ScriptedModel {
  std::vector<TensorSpec> inputs;
  std::vector<std::vector<TensorSpec>> between;
  std::vector<TensorSpec> outputs;
  Seconds spin{0};   ///< a run keeps its core busy this long, shared out equally over the layers; 0 returns at once
  std::string fail;  ///< not empty: run() fails with this message (kInternal)
};

/// Writes the file that the scripted runtime reads.
Status write_scripted_model(const std::filesystem::path& path, const ScriptedModel& model);

/// Reads and checks such a file. kNotFound, kMalformed (the place inside the file is named).
Result<ScriptedModel> read_scripted_model(const std::filesystem::path& path);

/// Its device is "CPU". Where the environment variable SPARSELOOM_SCRIPTED_NPU names a file that is there, it also has
/// an "NPU", which takes a quarter of the time and vanishes with the file: then its runs fail (kUnavailable).
std::unique_ptr<Runtime> make_scripted_runtime();

}  // namespace sparseloom::backend
