#pragma once

#include <map>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"

namespace sparseloom::cli {

/// Shapes by input name, as --shape gives them: "NAME=1,3,224,224", or "1,3,224,224" for a model's only input (name
/// ""). kInvalidArgument says what is wrong with which.
Result<std::map<std::string, Shape>> parse_shapes(const std::vector<std::string>& texts);

}  // namespace sparseloom::cli
