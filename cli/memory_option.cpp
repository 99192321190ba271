#include "cli/memory_option.h"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace sparseloom::cli {

Result<std::optional<Bytes>> parse_memory(const std::string& text) {
  if (text.empty()) return std::optional<Bytes>();
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, value);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  constexpr std::array<std::pair<std::string_view, double>, 5> kUnits{
      {{"", 1}, {"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}}};
  for (const auto& [name, factor] : kUnits) {
    if (failure != std::errc() || unit != name || !(value * factor >= 1 && value * factor <= 0x1p53)) continue;
    return std::optional(Bytes{static_cast<std::uint64_t>(value * factor)});
  }
  return error(Code::kInvalidArgument, "--memory: '{}'; allowed is a positive number of bytes, or of KiB, MiB or GiB",
               text);
}

}  // namespace sparseloom::cli
