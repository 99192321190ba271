// Private to soc: files of the kernel, each with a line in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom::soc {

/// Without the line's end. Errors: those of read_file.
Result<std::string> read_line(const std::filesystem::path& path);

/// A whole number. kMalformed quotes what stands there.
Result<std::int64_t> read_number(const std::filesystem::path& path);

/// The entries of a folder by name, sorted, that begin with `prefix`; none if there is no such folder.
std::vector<std::filesystem::path> entries(const std::filesystem::path& folder, const std::string& prefix = {});

}  // namespace sparseloom::soc
