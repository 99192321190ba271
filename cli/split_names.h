#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sparseloom::cli {

/// The names in "NAME,NAME,...". A backslash makes the character behind it part of a name: "\," is a comma, "\\" a
/// backslash.
std::vector<std::string> split_names(std::string_view text);

}  // namespace sparseloom::cli
