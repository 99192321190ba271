// backend: the execution providers. A provider is a way to run a subgraph on a processor: an inference runtime with
// some of its kernels. Which of those that a processor offers is fastest for a subgraph, the profile says.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"

namespace sparseloom::backend {

enum class Provider : std::uint8_t {
  kOpenVino,     ///< every layer by OpenVINO's own kernels
  kSparse,       ///< OpenVINO too, but pruned layers by sparseloom's sparse kernels where those are faster
  kOnnxRuntime,  ///< every layer by ONNX Runtime's own kernels, of models that are there in ONNX
  kCuda,         ///< ONNX Runtime's execution provider for NVIDIA GPUs, of such models
  kWebGpu,  ///< ONNX Runtime's execution provider for what WebGPU reaches (Vulkan, Direct3D, Metal), of such models
  kOpenVinoBf16,  ///< OpenVINO's own kernels, computing in bfloat16 what is float32 in the model
  kOpenVinoFp16,  ///< the same in float16
  kHybrid,        ///< several processors execute one subgraph together, operator by operator (backend/hybrid)
  kScripted,      ///< the runtime that runs no model
};
/// All of them, in the order in which processors offer them.
inline constexpr std::array kProviders{Provider::kOpenVino,     Provider::kSparse, Provider::kOnnxRuntime,
                                       Provider::kCuda,         Provider::kWebGpu, Provider::kOpenVinoBf16,
                                       Provider::kOpenVinoFp16, Provider::kHybrid, Provider::kScripted};

/// Which layers with pruned weights run in time that follows their non-zeros (backend/sparse) instead of densely.
enum class SparseLayers : std::uint8_t {
  kNone,
  kWhereFaster,  ///< those that are faster, by a measurement while compiling
  kAll           ///< all that can, for tests and benchmarks
};

/// A row of the table of providers (providers.cpp).
struct ProviderInfo {
  Provider provider{};
  std::string_view name;     ///< in plans, tables, options and files
  std::string_view runtime;  ///< the inference runtime that compiles for it and runs it
  SparseLayers sparse_layers = SparseLayers::kNone;
  std::string_view device{};  ///< the only device that has it ("CPU"); empty: whatever the runtime has
  bool onnx_only = false;     ///< runs models that are there in ONNX; the others take what the editor writes
  /// What it computes in where the model says float32. That changes answers by more than rounding, so what it runs is a
  /// variant of its own (zoo::Variant::derived_from), with an accuracy of its own.
  std::optional<ElementType> computes_in{};
  /// What it compiles a subgraph to where it replaces no layer is what this one does: one measurement is of both.
  std::optional<Provider> else_same_as{};
  bool for_tests = false;  ///< in no list that users see
};

/// A provider that is not here, and why: for people.
struct AbsentProvider {
  Provider provider{};
  std::string reason;
};

const ProviderInfo& info(Provider provider);
/// Its name.
std::string_view provider_name(Provider provider);
/// Those that users may name.
std::vector<Provider> user_providers();
/// By name. kInvalidArgument lists those that users may name.
Result<Provider> find_provider(std::string_view name);
/// Those that a runtime has for one of its devices ("CPU", "GPU.0").
std::vector<Provider> providers_of(std::string_view runtime, std::string_view device);

}  // namespace sparseloom::backend
