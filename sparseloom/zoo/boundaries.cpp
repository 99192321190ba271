#include "sparseloom/zoo/boundaries.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "sparseloom/base/sparsity.h"

namespace sparseloom::zoo {
namespace {

std::vector<HostBuffer> buffers_for(const std::vector<TensorSpec>& tensors) {
  std::vector<HostBuffer> buffers;
  for (const TensorSpec& tensor : tensors) buffers.emplace_back(tensor.bytes());
  return buffers;
}

// A session whose inputs are fetched from another device before it runs.
class Fetching final : public backend::Session {
 public:
  Fetching(std::unique_ptr<backend::Session> session, std::vector<std::shared_ptr<backend::DeviceTensor>> from,
           std::vector<std::span<std::byte>> to)
      : session_(std::move(session)), from_(std::move(from)), to_(std::move(to)) {}
  Status bind_input(std::size_t index, std::span<const std::byte> data) override {
    return session_->bind_input(index, data);
  }
  Status bind_output(std::size_t index, std::span<std::byte> data) override {
    return session_->bind_output(index, data);
  }
  Status run() override {
    for (std::size_t k = 0; k < from_.size(); ++k) SL_RETURN_IF_ERROR(from_[k]->download(to_[k]));
    return session_->run();
  }

 private:
  std::unique_ptr<backend::Session> session_;
  std::vector<std::shared_ptr<backend::DeviceTensor>> from_;
  std::vector<std::span<std::byte>> to_;
};

bool same_layouts(const std::vector<TensorSpec>& a, const std::vector<TensorSpec>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const TensorSpec& x, const TensorSpec& y) { return x.same_layout(y); });
}

std::string describe(const std::vector<TensorSpec>& tensors) {
  std::vector<std::string> parts;
  for (const TensorSpec& tensor : tensors) parts.push_back(tensor.describe());
  return fmt::format("({})", fmt::join(parts, ", "));
}

}  // namespace

Boundaries::Boundaries(std::size_t stages, const std::vector<TensorSpec>& inputs) : boundaries_(stages + 1) {
  if (!inputs.empty()) boundaries_.front() = {inputs, buffers_for(inputs), {}};
}

Result<std::unique_ptr<backend::Session>> Boundaries::bind(backend::Executable& executable, std::size_t stage,
                                                           const StageEnds& ends) {
  SL_RETURN_IF_ERROR(fit(stage, executable.inputs(), stage));
  SL_RETURN_IF_ERROR(fit(stage + 1, executable.outputs(), stage));
  SL_ASSIGN_OR_RETURN(auto session, executable.new_session());
  if (ends.input_on_device) {
    SL_ASSIGN_OR_RETURN(const auto tensors, on_device(stage, executable));
    for (std::size_t k = 0; k < tensors.size(); ++k) SL_RETURN_IF_ERROR(session->bind_input(k, tensors[k]));
  } else {
    for (std::size_t k = 0; k < at(stage).size(); ++k) SL_RETURN_IF_ERROR(session->bind_input(k, at(stage)[k].span()));
  }
  if (ends.output_on_device) {
    SL_ASSIGN_OR_RETURN(const auto tensors, on_device(stage + 1, executable));
    for (std::size_t k = 0; k < tensors.size(); ++k) SL_RETURN_IF_ERROR(session->bind_output(k, tensors[k]));
  } else {
    for (std::size_t k = 0; k < at(stage + 1).size(); ++k)
      SL_RETURN_IF_ERROR(session->bind_output(k, at(stage + 1)[k].span()));
  }
  const auto from = boundaries_[stage].on_device.find(ends.input_from);
  if (ends.input_from.empty() || from == boundaries_[stage].on_device.end()) return session;
  std::vector<std::span<std::byte>> to;
  for (HostBuffer& buffer : at(stage)) to.push_back(buffer.span());
  return std::unique_ptr<backend::Session>(std::make_unique<Fetching>(std::move(session), from->second, std::move(to)));
}

Result<std::vector<std::shared_ptr<backend::DeviceTensor>>> Boundaries::on_device(std::size_t boundary,
                                                                                  backend::Executable& executable) {
  Boundary& there = boundaries_[boundary];
  auto& tensors = there.on_device[std::string(executable.device_memory())];
  while (tensors.size() < there.tensors.size()) {
    SL_ASSIGN_OR_RETURN(auto tensor, executable.new_tensor(there.tensors[tensors.size()]));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Status Boundaries::upload(const backend::Executable& executable, std::size_t boundary) {
  const auto found = boundaries_[boundary].on_device.find(executable.device_memory());
  for (std::size_t k = 0; found != boundaries_[boundary].on_device.end() && k < at(boundary).size(); ++k)
    SL_RETURN_IF_ERROR(found->second[k]->upload(at(boundary)[k].span()));
  return {};
}

Status Boundaries::download(const backend::Executable& executable, std::size_t boundary) {
  const auto found = boundaries_[boundary].on_device.find(executable.device_memory());
  for (std::size_t k = 0; found != boundaries_[boundary].on_device.end() && k < at(boundary).size(); ++k)
    SL_RETURN_IF_ERROR(found->second[k]->download(at(boundary)[k].span()));
  return {};
}

// Makes the boundary one of these tensors of `stage`, or checks that it is.
Status Boundaries::fit(std::size_t boundary, const std::vector<TensorSpec>& tensors, std::size_t stage) {
  Boundary& there = boundaries_[boundary];
  if (there.buffers.empty()) {
    there.tensors = tensors;
    there.buffers = buffers_for(tensors);
    return {};
  }
  if (same_layouts(tensors, there.tensors)) return {};
  return error(Code::kFailedPrecondition, "stage {} {} {} where {} {} passed", stage,
               boundary == stage ? "takes" : "returns", describe(tensors), describe(there.tensors),
               there.tensors.size() == 1 ? "is" : "are");
}

void Boundaries::load(const Dataset& data, std::size_t sample) {
  std::vector<HostBuffer>& inputs = at(0);
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const auto bytes = data.input(sample, k);
    std::memcpy(inputs[k].data(), bytes.data(), bytes.size());
  }
}

double Boundaries::sparsity(std::size_t boundary) const {
  return sparseloom::sparsity(tensors(boundary), at(boundary));
}

}  // namespace sparseloom::zoo
