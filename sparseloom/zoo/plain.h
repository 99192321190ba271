#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::zoo {

/// A zoo made of one model file: one task, named `name`, of one variant and one stage, without data, whose accuracy is
/// unknown. `shapes`: of inputs that are dynamic in the file, by name. Its fingerprint follows from the content of
/// the files that the model is read from. kInvalidArgument: a name that is none; and what Runtime::read() reports.
Result<Zoo> plain_zoo(const std::string& name, const std::filesystem::path& file,
                      const std::map<std::string, Shape>& shapes, const backend::Runtime& runtime);

}  // namespace sparseloom::zoo
