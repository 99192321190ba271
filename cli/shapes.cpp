#include "cli/shapes.h"

#include <fmt/format.h>

#include <charconv>

namespace sparseloom::cli {

Result<std::map<std::string, Shape>> parse_shapes(const std::vector<std::string>& texts) {
  std::map<std::string, Shape> shapes;
  for (const std::string& text : texts) {
    const auto bad = [&](std::string_view why) {
      return error(Code::kInvalidArgument, "--shape {}: {}; expected NAME=1,3,224,224", text, why);
    };
    const std::size_t equals = text.rfind('=');
    const std::string name = equals == text.npos ? "" : text.substr(0, equals);
    const char* p = text.data() + (equals == text.npos ? 0 : equals + 1);
    const char* end = text.data() + text.size();
    Shape shape;
    for (;;) {
      std::int64_t extent = 0;
      const auto [next, failure] = std::from_chars(p, end, extent);
      if (failure != std::errc() || (next != end && *next != ',')) return bad("not a list of integers");
      if (extent < 1) return bad(fmt::format("{} is not a positive extent", extent));
      shape.push_back(extent);
      if (next == end) break;
      p = next + 1;
    }
    if (!element_count(shape).ok()) return bad("too many elements");
    if (!shapes.emplace(name, std::move(shape)).second) return bad("a second shape for the same input");
  }
  return shapes;
}

}  // namespace sparseloom::cli
