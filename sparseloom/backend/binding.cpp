#include "sparseloom/backend/binding.h"

#include <cstdint>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {
Status check_binding(std::string_view kind, const std::vector<TensorSpec>& specs, std::size_t index,
                     const std::byte* data, std::size_t bytes) {
  if (index >= specs.size())
    return error(Code::kInvalidArgument, "bind {} {}: the model has {}", kind, index, specs.size());
  const TensorSpec& spec = specs[index];
  if (bytes != spec.bytes()) {
    return error(Code::kInvalidArgument, "bind {} '{}': got {} bytes; it has {}", kind, spec.name, bytes, spec.bytes());
  }
  if (data == nullptr || reinterpret_cast<std::uintptr_t>(data) % kBindingAlignment != 0) {
    return error(Code::kInvalidArgument, "bind {} '{}': memory must be aligned to {} bytes", kind, spec.name,
                 kBindingAlignment);
  }
  return {};
}

Status check_binding(std::string_view kind, const std::vector<TensorSpec>& specs, std::size_t index,
                     const TensorSpec& given) {
  if (index >= specs.size())
    return error(Code::kInvalidArgument, "bind {} {}: the model has {}", kind, index, specs.size());
  if (given.same_layout(specs[index])) return {};
  return error(Code::kInvalidArgument, "bind {} '{}': got {}; it is {}", kind, specs[index].name, given.describe(),
               specs[index].describe());
}

Status never_bound(std::string_view kind, const TensorSpec& spec) {
  return error(Code::kFailedPrecondition, "run: {} '{}' was never bound", kind, spec.name);
}

namespace {

Status host_memory_only() {
  return error(Code::kFailedPrecondition, "a tensor in device memory, where the device uses the host's");
}

}  // namespace

// NOLINTNEXTLINE(performance-unnecessary-value-param): others keep it
Status Session::bind_input(std::size_t, std::shared_ptr<DeviceTensor>) { return host_memory_only(); }
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Status Session::bind_output(std::size_t, std::shared_ptr<DeviceTensor>) { return host_memory_only(); }
Result<std::unique_ptr<Model>> Executor::read_whole(const std::filesystem::path& path,
                                                    const std::map<std::string, Shape>&, const std::string&) const {
  return error(Code::kUnavailable, "{}: {} reads no model", path.string(), name());
}

Result<NarrowedModel> Model::narrow(const AxisRange&) const {
  return error(Code::kFailedPrecondition, "narrow: this model cannot be looked into");
}

Result<std::shared_ptr<DeviceTensor>> Executable::new_tensor(const TensorSpec&) { return host_memory_only(); }

}  // namespace sparseloom::backend
