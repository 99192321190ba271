// ONNX model files, any bytes: read or refused, and what is read can be looked into.
#include <cstddef>
#include <cstdint>

#include "sparseloom/backend/onnx/onnx_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sparseloom::backend::OnnxFile;
  const auto file = OnnxFile::parse(std::as_bytes(std::span(data, size)), "fuzz.onnx");
  if (!file.ok()) return 0;
  static_cast<void>(file->external_files());
  static_cast<void>(file->find({"x", "y"}));
  return 0;
}
