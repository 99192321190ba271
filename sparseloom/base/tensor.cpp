#include "sparseloom/base/tensor.h"

#include <fmt/ranges.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace sparseloom {
namespace {

struct TypeRow {
  ElementType type;
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array<TypeRow, 13> kTypes{{{ElementType::kF32, "f32", 4},
                                          {ElementType::kF16, "f16", 2},
                                          {ElementType::kBF16, "bf16", 2},
                                          {ElementType::kF64, "f64", 8},
                                          {ElementType::kI8, "i8", 1},
                                          {ElementType::kI16, "i16", 2},
                                          {ElementType::kI32, "i32", 4},
                                          {ElementType::kI64, "i64", 8},
                                          {ElementType::kU8, "u8", 1},
                                          {ElementType::kU16, "u16", 2},
                                          {ElementType::kU32, "u32", 4},
                                          {ElementType::kU64, "u64", 8},
                                          {ElementType::kBool, "bool", 1}}};

// A floating-point number is NaN or infinite if all bits of its exponent are set.
template <typename Bits>
std::optional<std::size_t> first_with(Bits exponent, std::span<const std::byte> data) {
  for (std::size_t i = 0; (i + 1) * sizeof(Bits) <= data.size(); ++i) {
    Bits bits;
    std::memcpy(&bits, data.data() + i * sizeof(Bits), sizeof(Bits));
    if ((bits & exponent) == exponent) return i;
  }
  return std::nullopt;
}

const TypeRow& row(ElementType type) { return kTypes[static_cast<std::size_t>(type)]; }

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

double from_half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const double fraction = bits & 0x3ff;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 0x1f) return fraction == 0 ? sign * HUGE_VAL : std::numeric_limits<double>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

}  // namespace

std::string_view to_string(ElementType type) { return row(type).name; }

std::optional<ElementType> element_type_from(std::string_view name) {
  for (const TypeRow& r : kTypes) {
    if (r.name == name) return r.type;
  }
  return std::nullopt;
}

std::size_t element_bytes(ElementType type) { return row(type).bytes; }

double element_at(ElementType type, const std::byte* at) {
  switch (type) {
    case ElementType::kF32: return load<float>(at);
    case ElementType::kF16: return from_half(load<std::uint16_t>(at));
    case ElementType::kBF16: return std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint16_t>(at)) << 16);
    case ElementType::kF64: return load<double>(at);
    case ElementType::kI8: return load<std::int8_t>(at);
    case ElementType::kI16: return load<std::int16_t>(at);
    case ElementType::kI32: return load<std::int32_t>(at);
    case ElementType::kI64: return static_cast<double>(load<std::int64_t>(at));
    case ElementType::kU8:
    case ElementType::kBool: return load<std::uint8_t>(at);
    case ElementType::kU16: return load<std::uint16_t>(at);
    case ElementType::kU32: return load<std::uint32_t>(at);
    case ElementType::kU64: return static_cast<double>(load<std::uint64_t>(at));
  }
  return 0;
}

std::optional<std::size_t> first_not_finite(ElementType type, std::span<const std::byte> data) {
  switch (type) {
    case ElementType::kF16: return first_with<std::uint16_t>(0x7c00, data);
    case ElementType::kBF16: return first_with<std::uint16_t>(0x7f80, data);
    case ElementType::kF32: return first_with<std::uint32_t>(0x7f80'0000, data);
    case ElementType::kF64: return first_with<std::uint64_t>(0x7ff0'0000'0000'0000, data);
    default: return std::nullopt;
  }
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

Result<std::size_t> element_count(const Shape& shape) {
  constexpr std::size_t kMost = std::numeric_limits<std::int64_t>::max() / 16;  // so that bytes fit too
  std::size_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return error(Code::kInvalidArgument, "shape {}: extent {} is negative", to_string(shape), extent);
    const auto e = static_cast<std::size_t>(extent);
    if (e != 0 && count > kMost / e)
      return error(Code::kInvalidArgument, "shape {}: too many elements", to_string(shape));
    count *= e;
  }
  return count;
}

std::size_t TensorSpec::bytes() const { return element_count(shape).value() * element_bytes(type); }

bool TensorSpec::convertible(const TensorSpec& other) const {
  const auto floating = [](ElementType t) {
    return t == ElementType::kF32 || t == ElementType::kF16 || t == ElementType::kBF16;
  };
  return shape == other.shape && (type == other.type || (floating(type) && floating(other.type)));
}

std::string TensorSpec::describe() const { return fmt::format("{} {}{}", name, to_string(type), to_string(shape)); }

HostBuffer::HostBuffer(std::size_t bytes) : size_(bytes) {
  constexpr std::size_t kAlignment = 64;
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* raw = std::aligned_alloc(kAlignment, rounded == 0 ? kAlignment : rounded);
  if (raw == nullptr) throw std::bad_alloc();
  std::memset(raw, 0, rounded == 0 ? kAlignment : rounded);
  data_.reset(static_cast<std::byte*>(raw));
}

void HostBuffer::Free::operator()(std::byte* p) const { std::free(p); }

}  // namespace sparseloom
