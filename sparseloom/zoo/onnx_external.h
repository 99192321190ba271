// Private to zoo.
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "sparseloom/base/status.h"

namespace sparseloom::zoo {

/// Names of the files that an ONNX model keeps tensors in (TensorProto.external_data, `location`), as it writes them:
/// relative to its own folder. `bytes` is the model file, any bytes at all; only the messages that lead to tensors are
/// looked into, and weights are stepped over. kMalformed (`where` opens the message): not a protobuf message.
Result<std::set<std::string>> onnx_external_files(std::span<const std::byte> bytes, std::string_view where);

}  // namespace sparseloom::zoo
