#include "sparseloom/backend/openvino/ov_support.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ios>
#include <new>

namespace sparseloom::backend {
namespace {

struct TypeRow {
  ElementType ours;
  ov::element::Type_t theirs;
};

constexpr std::array<TypeRow, 13> kTypes{{{ElementType::kF32, ov::element::Type_t::f32},
                                          {ElementType::kF16, ov::element::Type_t::f16},
                                          {ElementType::kBF16, ov::element::Type_t::bf16},
                                          {ElementType::kF64, ov::element::Type_t::f64},
                                          {ElementType::kI8, ov::element::Type_t::i8},
                                          {ElementType::kI16, ov::element::Type_t::i16},
                                          {ElementType::kI32, ov::element::Type_t::i32},
                                          {ElementType::kI64, ov::element::Type_t::i64},
                                          {ElementType::kU8, ov::element::Type_t::u8},
                                          {ElementType::kU16, ov::element::Type_t::u16},
                                          {ElementType::kU32, ov::element::Type_t::u32},
                                          {ElementType::kU64, ov::element::Type_t::u64},
                                          {ElementType::kBool, ov::element::Type_t::boolean}}};

bool is_position(std::string_view line) {
  return line.starts_with("Exception from ") || (line.starts_with("Check '") && line.find(" failed at ") != line.npos);
}

}  // namespace

std::optional<ElementType> element_type_of(ov::element::Type type) {
  for (const TypeRow& row : kTypes) {
    if (type == row.theirs) return row.ours;
  }
  return std::nullopt;
}

ov::element::Type to_openvino(ElementType type) {
  for (const TypeRow& row : kTypes) {
    if (type == row.ours) return row.theirs;
  }
  return ov::element::dynamic;
}

Shape shape_of(const ov::PartialShape& shape) {
  if (shape.rank().is_dynamic()) return {-1};
  Shape extents;
  for (const ov::Dimension& d : shape) extents.push_back(d.is_static() ? d.get_length() : -1);
  return extents;
}

std::optional<std::vector<Extent>> extents_of(const ov::PartialShape& shape) {
  if (shape.rank().is_dynamic()) return std::nullopt;
  std::vector<Extent> extents;
  for (const ov::Dimension& d : shape) extents.push_back({d.get_min_length(), d.get_max_length()});
  return extents;
}

std::string one_line(std::string_view what) {
  constexpr std::size_t kMost = 400;
  constexpr std::string_view kUnknown = "No conversion rule found for operations: ";
  std::string text;
  if (const std::size_t found = what.find(kUnknown); found != what.npos) {
    const std::string_view names = what.substr(found + kUnknown.size());
    return fmt::format("OpenVINO does not support these operators: {}", names.substr(0, names.find('\n')));
  }
  while (!what.empty()) {
    const std::size_t end = std::min(what.find('\n'), what.size());
    std::string_view line = what.substr(0, end);
    what.remove_prefix(std::min(end + 1, what.size()));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == line.npos) continue;
    line = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
    if (is_position(line)) continue;
    if (!text.empty()) text += text.ends_with(':') ? " " : "; ";
    text += line;
  }
  if (text.empty()) return "OpenVINO gave no reason";
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  return text;
}

Status status_of_thrown(Code code, const std::string& context) {
  const int reason = errno;
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return error(Code::kResourceExhausted, "{}: not enough memory", context);
  } catch (const std::ios_base::failure&) {  // says no more than "basic_ios::clear"
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    return error(full ? Code::kResourceExhausted : Code::kUnavailable, "{}: a file cannot be read or written: {}",
                 context, std::strerror(reason));
  } catch (const std::exception& e) {
    return error(code, "{}: {}", context, one_line(e.what()));
  }
}

}  // namespace sparseloom::backend
