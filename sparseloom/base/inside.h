#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "sparseloom/base/status.h"

namespace sparseloom {

/// Why a file that says `path` may not mean it; empty if it may: a relative path of parts separated by '/', none of
/// them '.' or '..', so that it names something below the file's own folder. Does not look at the disk.
std::string path_problem(std::string_view path);

/// kFailedPrecondition if what `path` leads to, symbolic links followed, does not lie below `folder`; success if it is
/// not there at all.
Status check_inside(const std::filesystem::path& folder, const std::filesystem::path& path);

}  // namespace sparseloom
