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
  if (!inputs.empty()) boundaries_.front() = {inputs, buffers_for(inputs)};
}

Result<std::unique_ptr<backend::Session>> Boundaries::bind(backend::Executable& executable, std::size_t stage) {
  SL_RETURN_IF_ERROR(fit(stage, executable.inputs(), stage));
  SL_RETURN_IF_ERROR(fit(stage + 1, executable.outputs(), stage));
  SL_ASSIGN_OR_RETURN(auto session, executable.new_session());
  for (std::size_t k = 0; k < at(stage).size(); ++k) SL_RETURN_IF_ERROR(session->bind_input(k, at(stage)[k].span()));
  for (std::size_t k = 0; k < at(stage + 1).size(); ++k) {
    SL_RETURN_IF_ERROR(session->bind_output(k, at(stage + 1)[k].span()));
  }
  return session;
}

// Makes the boundary one of these tensors of `stage`, or checks that it is.
Status Boundaries::fit(std::size_t boundary, const std::vector<TensorSpec>& tensors, std::size_t stage) {
  Boundary& there = boundaries_[boundary];
  if (there.buffers.empty()) {
    there = {tensors, buffers_for(tensors)};
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
