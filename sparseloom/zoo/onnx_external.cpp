#include "sparseloom/zoo/onnx_external.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace sparseloom::zoo {
namespace {

enum class Message { kModel, kTraining, kFunction, kGraph, kNode, kAttribute, kSparse, kTensor, kEntry };

struct Child {
  Message of;
  std::uint64_t field;
  Message is;
};

// Fields of onnx.proto3 through which tensors are reached.
constexpr std::array kChildren{
    Child{Message::kModel, 7, Message::kGraph},         Child{Message::kModel, 20, Message::kTraining},
    Child{Message::kModel, 25, Message::kFunction},     Child{Message::kTraining, 1, Message::kGraph},
    Child{Message::kTraining, 2, Message::kGraph},      Child{Message::kFunction, 7, Message::kNode},
    Child{Message::kFunction, 11, Message::kAttribute}, Child{Message::kGraph, 1, Message::kNode},
    Child{Message::kGraph, 5, Message::kTensor},        Child{Message::kGraph, 15, Message::kSparse},
    Child{Message::kNode, 5, Message::kAttribute},      Child{Message::kAttribute, 5, Message::kTensor},
    Child{Message::kAttribute, 6, Message::kGraph},     Child{Message::kAttribute, 10, Message::kTensor},
    Child{Message::kAttribute, 11, Message::kGraph},    Child{Message::kAttribute, 22, Message::kSparse},
    Child{Message::kAttribute, 23, Message::kSparse},   Child{Message::kSparse, 1, Message::kTensor},
    Child{Message::kSparse, 2, Message::kTensor},       Child{Message::kTensor, 13, Message::kEntry},
};
constexpr std::uint64_t kDataLocation = 14, kExternal = 1;  // of a TensorProto
constexpr std::uint64_t kKey = 1, kValue = 2;               // of a StringStringEntryProto
constexpr int kMostNesting = 100;                           // as protobuf itself allows

std::optional<Message> child(Message of, std::uint64_t field) {
  const auto found = std::find_if(kChildren.begin(), kChildren.end(),
                                  [&](const Child& row) { return row.of == of && row.field == field; });
  return found == kChildren.end() ? std::nullopt : std::optional(found->is);
}

// One field of a message: a number, or the bytes of a string or of a message inside.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;
  bool is_bytes = false;
  std::string_view bytes = {};
};

// Takes fields off the front of a message.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}
  bool at_end() const { return rest_.empty(); }

  std::optional<Field> next() {
    const auto tag = varint();
    if (!tag) return std::nullopt;
    Field field{.number = *tag >> 3};
    switch (*tag & 7) {
      case 0: return with_value(field, varint());
      case 1: return with_value(field, fixed(8));
      case 5: return with_value(field, fixed(4));
      case 2: {
        const auto length = varint();
        if (!length || *length > rest_.size()) return std::nullopt;
        field.is_bytes = true;
        field.bytes = rest_.substr(0, *length);
        rest_.remove_prefix(*length);
        return field;
      }
      default: return std::nullopt;  // groups, which ONNX has none of
    }
  }

 private:
  static std::optional<Field> with_value(Field field, std::optional<std::uint64_t> value) {
    if (!value) return std::nullopt;
    field.value = *value;
    return field;
  }
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  std::optional<std::uint64_t> fixed(std::size_t bytes) {
    if (rest_.size() < bytes) return std::nullopt;
    rest_.remove_prefix(bytes);
    return 0;  // no field of interest is one
  }

  std::string_view rest_;
};

class Walk {
 public:
  // False: not what it should be.
  bool message(Message kind, std::string_view bytes, int depth = 0) {
    if (depth > kMostNesting) return false;
    std::uint64_t lies = 0;
    std::string key, value;
    std::set<std::string> named;
    for (Fields fields(bytes); !fields.at_end();) {
      const auto field = fields.next();
      if (!field) return false;
      if (kind == Message::kTensor && field->number == kDataLocation) lies = field->value;
      if (kind == Message::kEntry && field->number == kKey) key = field->bytes;
      if (kind == Message::kEntry && field->number == kValue) value = field->bytes;
      const auto inside = field->is_bytes ? child(kind, field->number) : std::nullopt;
      if (inside && !message(*inside, field->bytes, depth + 1)) return false;
      if (inside == Message::kEntry && location_) named.insert(*location_);
    }
    if (kind == Message::kEntry) location_ = key == "location" ? std::optional(value) : std::nullopt;
    if (lies == kExternal) files_.merge(named);
    return true;
  }
  std::set<std::string>& files() { return files_; }

 private:
  std::optional<std::string> location_;  // that the last entry names, if it is one
  std::set<std::string> files_;
};

}  // namespace

Result<std::set<std::string>> onnx_external_files(std::span<const std::byte> bytes, std::string_view where) {
  Walk walk;
  if (walk.message(Message::kModel, {reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
    return std::move(walk.files());
  }
  return error(Code::kMalformed, "{}: not an ONNX model, or damaged", where);
}

}  // namespace sparseloom::zoo
