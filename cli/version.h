#pragma once

#include <string_view>

namespace sparseloom::apps {

/// Of this program.
inline constexpr std::string_view kVersion = SPARSELOOM_VERSION;

}  // namespace sparseloom::apps
