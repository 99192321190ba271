#pragma once

#include <string>
#include <string_view>

namespace sparseloom {

/// `text` with its control characters written as \n, \t or \x1b, so that a terminal shows names that files bring and
/// does not obey them. UTF-8 stays as it is.
std::string printable(std::string_view text);

}  // namespace sparseloom
