// Private to this folder: the part of a model that computes a range of its output.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>
#include <vector>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

struct NarrowedOv {
  std::shared_ptr<ov::Model> model;
  std::vector<NarrowedInput> inputs;
};

/// As Model::narrow(). The range is pulled through the operators, from the output towards the inputs: what an operator
/// needs of each of its inputs to compute the range, until that is a parameter, a constant, or all of a tensor.
Result<NarrowedOv> narrow(const ov::Model& model, const AxisRange& range);

}  // namespace sparseloom::backend
