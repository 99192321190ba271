#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "sparseloom/zoo/dataset.h"

namespace sparseloom::zoo {
namespace {

struct TypeName {
  std::string_view descr;
  ElementType type;
};
constexpr std::array<TypeName, 12> kTypes{{{"<f4", ElementType::kF32},
                                           {"<f2", ElementType::kF16},
                                           {"<f8", ElementType::kF64},
                                           {"|i1", ElementType::kI8},
                                           {"<i2", ElementType::kI16},
                                           {"<i4", ElementType::kI32},
                                           {"<i8", ElementType::kI64},
                                           {"|u1", ElementType::kU8},
                                           {"<u2", ElementType::kU16},
                                           {"<u4", ElementType::kU32},
                                           {"<u8", ElementType::kU64},
                                           {"|b1", ElementType::kBool}}};

constexpr std::string_view kMagic("\x93NUMPY", 6);

Status malformed(std::string_view where, std::string_view problem) {
  return error(Code::kMalformed, "{}: not a .npy file that sparseloom reads: {}", where, problem);
}

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// The header is a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class Header {
 public:
  Header(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  Result<NpyArray> read() {
    NpyArray array;
    bool descr = false, order = false, shape = false;
    if (!take('{')) return malformed(where_, "its header is no dictionary");
    while (!take('}')) {
      const std::string_view key = quoted();
      if (key.empty() || !take(':')) return malformed(where_, "its header is no dictionary");
      if (key == "descr") {
        SL_ASSIGN_OR_RETURN(array.type, type());
        descr = true;
      } else if (key == "fortran_order") {
        SL_RETURN_IF_ERROR(c_order());
        order = true;
      } else if (key == "shape") {
        SL_ASSIGN_OR_RETURN(array.shape, tuple());
        shape = true;
      } else {
        return malformed(where_, fmt::format("unknown header key '{}'", key));
      }
      if (!take(',') && peek() != '}') return malformed(where_, "its header is no dictionary");
    }
    if (!descr || !order || !shape) return malformed(where_, "its header lacks descr, fortran_order or shape");
    return array;
  }

 private:
  char peek() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
    return text_.empty() ? '\0' : text_.front();
  }
  bool take(char c) {
    if (text_.empty() || peek() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string_view quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return {};
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) return {};
    const std::string_view content = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return content;
  }
  bool word(std::string_view expected) {
    peek();
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }

  Result<ElementType> type() {
    const std::string_view descr = quoted();
    for (const TypeName& row : kTypes) {
      if (row.descr == descr) return row.type;
    }
    return malformed(where_, fmt::format("element type '{}'; little-endian numbers and |b1 are allowed", descr));
  }
  Status c_order() {
    if (word("False")) return {};
    return malformed(where_, "its fortran_order is not False; only C order is allowed");
  }
  Result<Shape> tuple() {
    Shape shape;
    if (!take('(')) return malformed(where_, "its shape is no tuple");
    while (!take(')')) {
      peek();
      std::int64_t extent = 0;
      const auto [end, failure] = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
      if (failure != std::errc() || extent < 0) return malformed(where_, "its shape is no tuple of extents");
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      shape.push_back(extent);
      if (!take(',') && peek() != ')') return malformed(where_, "its shape is no tuple of extents");
    }
    return shape;
  }

  std::string_view text_;
  std::string_view where_;
};

}  // namespace

Result<NpyArray> parse_npy(std::string_view bytes, std::string_view where) {
  if (!bytes.starts_with(kMagic)) return malformed(where, "it does not begin with \\x93NUMPY");
  if (bytes.size() < 8) return error(Code::kDataLoss, "{}: truncated in its header", where);
  const auto major = static_cast<unsigned char>(bytes[6]);
  if (major < 1 || major > 3) return malformed(where, fmt::format("version {}; 1 to 3 are allowed", major));
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  const std::size_t header_at = 8 + length_bytes;
  if (bytes.size() < header_at) return error(Code::kDataLoss, "{}: truncated in its header", where);
  const std::size_t header_bytes = little_endian(bytes.substr(8, length_bytes));
  if (bytes.size() - header_at < header_bytes) return error(Code::kDataLoss, "{}: truncated in its header", where);
  SL_ASSIGN_OR_RETURN(NpyArray array, Header(bytes.substr(header_at, header_bytes), where).read());
  const auto count = element_count(array.shape);
  if (!count.ok()) return malformed(where, count.status().message());
  const std::string_view data = bytes.substr(header_at + header_bytes);
  const std::size_t expected = *count * element_bytes(array.type);
  if (data.size() < expected) {
    return error(Code::kDataLoss, "{}: truncated: {} bytes of data, but {}{} takes {}", where, data.size(),
                 to_string(array.type), to_string(array.shape), expected);
  }
  if (data.size() > expected) {
    return malformed(where, fmt::format("{} bytes after its data", data.size() - expected));
  }
  array.data = HostBuffer(expected);
  if (expected > 0) std::memcpy(array.data.data(), data.data(), expected);
  return array;
}

std::string format_npy(ElementType type, const Shape& shape, std::span<const std::byte> data) {
  const auto name = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return t.type == type; });
  const std::string_view descr = name == kTypes.end() ? "<u2" : name->descr;  // NumPy has no bf16: its bits
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': (", descr);
  for (const std::int64_t extent : shape) header += fmt::format("{},", extent);
  header += "), }";
  constexpr std::size_t kBefore = 10, kAlignment = 64;  // magic, version and length; where data begins
  while ((kBefore + header.size() + 1) % kAlignment != 0) header += ' ';
  header += '\n';
  std::string text(kMagic);
  text += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  text += header;
  text.append(reinterpret_cast<const char*>(data.data()), data.size());
  return text;
}

}  // namespace sparseloom::zoo
