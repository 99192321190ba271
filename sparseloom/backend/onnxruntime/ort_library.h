// Private to this folder: the library as it is found and opened, and its exceptions in terms of ours.
#pragma once

#define ORT_API_MANUAL_INIT  // its functions come from a library that is opened at run time
#include <onnxruntime_cxx_api.h>

#include <string>

#include "sparseloom/base/status.h"

namespace sparseloom::backend {

/// Stays open until the process ends: threads of its own may outlive whoever opened it.
struct OrtLibrary {
  std::string version;  ///< "1.32.0"
};

/// Opens a library file (or what the loader finds under that name) and makes its functions those of the Ort namespace.
Result<OrtLibrary> open_ort_library(const std::string& file);

/// What all sessions and plugins stand in. One of the process, and there until it ends: plugins are not opened twice.
Ort::Env& ort_env();

/// Runs `action`, which returns Status or Result, and turns what ONNX Runtime throws into `code` and "context: message"
/// on one line.
template <typename Action>
auto guarded_ort(Code code, const std::string& context, Action action) -> decltype(action()) {
  try {
    return action();
  } catch (const std::exception& thrown) {
    std::string what = thrown.what();
    for (char& c : what)
      if (c == '\n') c = ' ';
    return Status(code, context + ": " + what);
  }
}

}  // namespace sparseloom::backend
