#pragma once

#include <filesystem>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom::zoo {

/// Every file that reading the model at `model` reads: itself first, then an IR's weights (.bin) or the files that an
/// ONNX model keeps tensors in. kNotFound, kUnavailable; kMalformed: an .onnx that is none, or one whose tensors lie
/// outside its folder.
Result<std::vector<std::filesystem::path>> model_files(const std::filesystem::path& model);

}  // namespace sparseloom::zoo
