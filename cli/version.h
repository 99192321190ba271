#pragma once

#include <string_view>

namespace sparseloom::cli {

/// Of this program.
inline constexpr std::string_view kVersion = SPARSELOOM_VERSION;

}  // namespace sparseloom::cli
