// Private to this folder: devices beside the CPU. ONNX Runtime reaches them through plugins, libraries of their own
// that are opened when the environment names them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sparseloom/backend/onnxruntime/ort_library.h"
#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

/// A device that a plugin found.
struct OrtDevice {
  Provider provider{};
  std::string name;         ///< ours: "WEBGPU", "CUDA"
  std::string description;  ///< for people
  Ort::ConstEpDevice device;
  OrtAllocator* memory = nullptr;  ///< of the environment's: what it gives outlives sessions
};

struct OrtDevices {
  std::vector<std::unique_ptr<OrtDevice>> found;
  std::vector<AbsentProvider> absent;  ///< plugins that were opened and found no device
};

/// Opens the plugins that the environment names: SPARSELOOM_ONNXRUNTIME_WEBGPU and SPARSELOOM_ONNXRUNTIME_CUDA, each a
/// file. kFailedPrecondition: one cannot be opened, or does not fit the library (both are named).
Result<OrtDevices> open_ort_devices();

/// A tensor in a device's memory.
class OrtDeviceTensor final : public DeviceTensor {
 public:
  static Result<std::shared_ptr<OrtDeviceTensor>> make(const OrtDevice& device, const TensorSpec& spec);
  const TensorSpec& spec() const override { return spec_; }
  Status upload(std::span<const std::byte> from) override;
  Status download(std::span<std::byte> to) override;

  const OrtDevice& device() const { return device_; }
  const Ort::Value& value() const { return value_; }

 private:
  OrtDeviceTensor(const OrtDevice& device, TensorSpec spec, Ort::Value value)
      : device_(device), spec_(std::move(spec)), value_(std::move(value)) {}
  enum class Direction { kToDevice, kToHost };
  Status copy(std::byte* host, Direction direction);
  Status check_size(std::size_t bytes) const;

  const OrtDevice& device_;
  TensorSpec spec_;
  Ort::Value value_;
};

/// The tensor in host memory, as ONNX Runtime sees it.
Ort::Value host_value(const TensorSpec& spec, std::byte* data);

}  // namespace sparseloom::backend
