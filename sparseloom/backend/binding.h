// Private to backend: what the sessions of all runtimes check alike of the memory that they are bound to.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"

namespace sparseloom::backend {

/// `kind` is "input" or "output". kInvalidArgument: no such tensor, memory of another size, or not aligned.
Status check_binding(std::string_view kind, const std::vector<TensorSpec>& specs, std::size_t index,
                     const std::byte* data, std::size_t bytes);

/// The same for a tensor in device memory, which has to have the layout.
Status check_binding(std::string_view kind, const std::vector<TensorSpec>& specs, std::size_t index,
                     const TensorSpec& given);

/// What run() answers while a tensor was never bound: kFailedPrecondition.
Status never_bound(std::string_view kind, const TensorSpec& spec);

}  // namespace sparseloom::backend
