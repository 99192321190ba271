#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/place/cost_table.h"
#include "sparseloom/profile/measure/activations.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::profile {

/// Zeros of what the operator groups of a model read.
struct GroupZeros {
  std::vector<std::vector<ActivationZeros>> reads;     ///< by group and tensor that it reads
  std::vector<std::optional<ActivationZeros>> groups;  ///< of all that it reads together; none: it reads nothing
};

/// Measures them on the first `samples` of `data` (at most those there are), each tensor once; `reads` has the tensors
/// that each group reads. A group's zeros are the mean of its tensors', each with the weight of its elements.
/// Otherwise like measure_activations().
Result<GroupZeros> measure_group_zeros(const backend::Runtime& runtime, const backend::Model& model,
                                       const std::vector<backend::EdgeId>& inputs,
                                       const std::vector<std::vector<backend::EdgeId>>& reads, const zoo::Dataset& data,
                                       std::size_t samples, const std::function<bool()>& stopped);

/// Enters them into a table of the same groups: ρ, which modelled times do not depend on.
void set_activation_sparsity(place::CostTable& table, const GroupZeros& zeros);

}  // namespace sparseloom::profile
