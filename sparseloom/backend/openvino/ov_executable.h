// Private to this folder: compiling and running.
#pragma once

#include <memory>
#include <openvino/runtime/core.hpp>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/mapped_file.h"

namespace sparseloom::backend {

/// OpenVINO's properties for our options, but for where compiled models are kept.
ov::AnyMap properties(const CompileOptions& options);

/// The providers of the table that one of the runtime's devices has: it can compute in what they compute in.
std::vector<Provider> providers_on(const ov::Core& core, std::string_view runtime, const std::string& device);

/// `model` compiled with these. It is left alone; what OpenVINO (2026.4) would compile to something wrong is compiled
/// from a copy that is written differently.
ov::CompiledModel compile_model(ov::Core& core, const std::shared_ptr<ov::Model>& model, const CompileOptions& options);

/// `where` opens the messages; `file` is what the model was imported from, if it was. kFailedPrecondition for dynamic
/// shapes; kUnavailable: the device does not compute in what the provider does.
Result<std::unique_ptr<Executable>> make_executable(ov::CompiledModel compiled, const std::string& where,
                                                    const CompileOptions& options, std::size_t sparse_layers = 0,
                                                    std::shared_ptr<const MappedFile> file = nullptr);

}  // namespace sparseloom::backend
