#include <algorithm>
#include <array>

#include "sparseloom/backend/provider.h"
#include "sparseloom/base/names.h"

namespace sparseloom::backend {
namespace {

// A new provider is a line here, at the index that its enumerator has.
constexpr std::array kTable{
    ProviderInfo{.provider = Provider::kOpenVino, .name = "openvino", .runtime = "openvino"},
    ProviderInfo{.provider = Provider::kSparse,
                 .name = "sparse",
                 .runtime = "openvino",
                 .sparse_layers = SparseLayers::kWhereFaster,
                 .device = "CPU",
                 .else_same_as = Provider::kOpenVino},
    ProviderInfo{.provider = Provider::kOnnxRuntime,
                 .name = "onnxruntime",
                 .runtime = "onnxruntime",
                 .device = "CPU",
                 .onnx_only = true},
    ProviderInfo{
        .provider = Provider::kCuda, .name = "cuda", .runtime = "onnxruntime", .device = "CUDA", .onnx_only = true},
    ProviderInfo{.provider = Provider::kWebGpu,
                 .name = "webgpu",
                 .runtime = "onnxruntime",
                 .device = "WEBGPU",
                 .onnx_only = true},
    ProviderInfo{.provider = Provider::kOpenVinoBf16,
                 .name = "openvino-bf16",
                 .runtime = "openvino",
                 .computes_in = ElementType::kBF16},
    ProviderInfo{.provider = Provider::kOpenVinoFp16,
                 .name = "openvino-fp16",
                 .runtime = "openvino",
                 .computes_in = ElementType::kF16},
    // No runtime has it: those of its members compile the pieces (hybrid/).
    ProviderInfo{.provider = Provider::kHybrid, .name = "hybrid", .runtime = "hybrid"},
    ProviderInfo{.provider = Provider::kScripted, .name = "scripted", .runtime = "scripted", .for_tests = true},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (static_cast<std::size_t>(kTable[i].provider) != i) return false;
  return true;
}
static_assert(in_order() && kTable.size() == kProviders.size(), "info() finds a row by its enumerator");

}  // namespace

const ProviderInfo& info(Provider provider) { return kTable[static_cast<std::size_t>(provider)]; }

std::string_view provider_name(Provider provider) { return info(provider).name; }

std::vector<Provider> user_providers() {
  std::vector<Provider> found;
  for (const ProviderInfo& row : kTable)
    if (!row.for_tests) found.push_back(row.provider);
  return found;
}

Result<Provider> find_provider(std::string_view name) {
  std::vector<std::string_view> known;
  for (const ProviderInfo& row : kTable) {
    if (row.name == name) return row.provider;
    if (!row.for_tests) known.push_back(row.name);
  }
  return unknown_name("provider", name, known);
}

std::vector<Provider> providers_of(std::string_view runtime, std::string_view device) {
  std::vector<Provider> found;
  for (const ProviderInfo& row : kTable)
    if (row.runtime == runtime && (row.device.empty() || row.device == device)) found.push_back(row.provider);
  return found;
}

}  // namespace sparseloom::backend
