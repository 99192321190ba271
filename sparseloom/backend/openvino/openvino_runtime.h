// The OpenVINO runtime (https://docs.openvino.ai): reads IR and every format its frontends know, runs on its devices.
#pragma once

#include <memory>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

std::unique_ptr<Runtime> make_openvino_runtime();

}  // namespace sparseloom::backend
