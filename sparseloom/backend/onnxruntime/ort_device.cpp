#include "sparseloom/backend/onnxruntime/ort_device.h"

#include <array>
#include <cstdlib>
#include <optional>

#include "sparseloom/backend/onnx/onnx_types.h"

namespace sparseloom::backend {
namespace {

struct Plugin {
  Provider provider;
  const char* variable;  // of the environment, names the library
  const char* ep;        // what ONNX Runtime calls the execution provider
};

// A further plugin is a line here and one in providers.cpp.
constexpr std::array kPlugins{
    Plugin{Provider::kCuda, "SPARSELOOM_ONNXRUNTIME_CUDA", "CUDAExecutionProvider"},
    Plugin{Provider::kWebGpu, "SPARSELOOM_ONNXRUNTIME_WEBGPU", "WebGpuExecutionProvider"},
};

std::optional<Ort::ConstEpDevice> find_ep(const char* ep) {
  for (const Ort::ConstEpDevice& device : ort_env().GetEpDevices()) {
    if (std::string_view(device.EpName()) == ep) return device;  // the first: a plugin chooses among several
  }
  return std::nullopt;
}

// One that was opened before stays open, whatever its file.
Status open_plugin(const Plugin& plugin, const char* file, OrtDevices& devices) {
  return guarded_ort(Code::kFailedPrecondition, fmt::format("{}: {}", plugin.variable, file), [&]() -> Status {
    if (!find_ep(plugin.ep)) ort_env().RegisterExecutionProviderLibrary(info(plugin.provider).name.data(), file);
    const auto device = find_ep(plugin.ep);
    if (!device) {
      devices.absent.push_back({plugin.provider, fmt::format("{}: {} found no device", plugin.variable, file)});
      return {};
    }
    auto found = std::make_unique<OrtDevice>();
    found->provider = plugin.provider;
    found->name = info(plugin.provider).device;
    found->description = fmt::format("{} {}", device->EpVendor(), plugin.ep);
    found->device = *device;
    found->memory = ort_env().GetSharedAllocator(device->GetMemoryInfo(OrtDeviceMemoryType_DEFAULT));
    if (found->memory == nullptr) {
      found->memory =
          ort_env().CreateSharedAllocator(*device, OrtDeviceMemoryType_DEFAULT, OrtDeviceAllocator, nullptr);
    }
    devices.found.push_back(std::move(found));
    return {};
  });
}

}  // namespace

Result<OrtDevices> open_ort_devices() {
  OrtDevices devices;
  for (const Plugin& plugin : kPlugins) {
    const char* const file = std::getenv(plugin.variable);
    if (file != nullptr && *file != '\0') SL_RETURN_IF_ERROR(open_plugin(plugin, file, devices));
  }
  return devices;
}

Ort::Value host_value(const TensorSpec& spec, std::byte* data) {
  static const Ort::MemoryInfo memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  return Ort::Value::CreateTensor(memory, data, spec.bytes(), spec.shape.data(), spec.shape.size(),
                                  static_cast<ONNXTensorElementDataType>(onnx_number(spec.type)));
}

Result<std::shared_ptr<OrtDeviceTensor>> OrtDeviceTensor::make(const OrtDevice& device, const TensorSpec& spec) {
  return guarded_ort(Code::kResourceExhausted, fmt::format("{}: memory for {}", device.name, spec.describe()),
                     [&]() -> Result<std::shared_ptr<OrtDeviceTensor>> {
                       Ort::Value value =
                           Ort::Value::CreateTensor(device.memory, spec.shape.data(), spec.shape.size(),
                                                    static_cast<ONNXTensorElementDataType>(onnx_number(spec.type)));
                       return std::shared_ptr<OrtDeviceTensor>(new OrtDeviceTensor(device, spec, std::move(value)));
                     });
}

Status OrtDeviceTensor::copy(std::byte* host, Direction direction) {
  return guarded_ort(Code::kInternal, fmt::format("{}: copy {}", device_.name, spec_.describe()), [&]() -> Status {
    std::vector<Ort::Value> from, to;
    std::vector<Ort::Value>& on_host = direction == Direction::kToDevice ? from : to;
    std::vector<Ort::Value>& on_device = direction == Direction::kToDevice ? to : from;
    on_host.push_back(host_value(spec_, host));
    on_device.push_back(std::move(value_));
    const Ort::Status copied = ort_env().CopyTensors(from, to, nullptr);
    value_ = std::move(on_device.front());
    if (copied.IsOK()) return {};
    return error(Code::kInternal, "{}: copy {}: {}", device_.name, spec_.describe(), copied.GetErrorMessage());
  });
}

Status OrtDeviceTensor::upload(std::span<const std::byte> from) {
  SL_RETURN_IF_ERROR(check_size(from.size()));
  return copy(const_cast<std::byte*>(from.data()), Direction::kToDevice);  // only read, but its type does not say so
}

Status OrtDeviceTensor::download(std::span<std::byte> to) {
  SL_RETURN_IF_ERROR(check_size(to.size()));
  return copy(to.data(), Direction::kToHost);
}

Status OrtDeviceTensor::check_size(std::size_t bytes) const {
  if (bytes == spec_.bytes()) return {};
  return error(Code::kInvalidArgument, "{}: copy {} bytes; {} has {}", device_.name, bytes, spec_.describe(),
               spec_.bytes());
}

}  // namespace sparseloom::backend
