#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"

namespace sparseloom {

/// What a tensor is made of; kBool takes a byte.
enum class ElementType { kF32, kF16, kBF16, kF64, kI8, kI16, kI32, kI64, kU8, kU16, kU32, kU64, kBool };

/// "f32", "u8", ...: the names that files and messages use.
std::string_view to_string(ElementType type);
/// None: no type has that name.
std::optional<ElementType> element_type_from(std::string_view name);
/// Bytes that one element takes.
std::size_t element_bytes(ElementType type);

/// Extent per dimension, outermost first. Always static: a dynamic dimension never gets this far.
using Shape = std::vector<std::int64_t>;

/// "[1,3,224,224]".
std::string to_string(const Shape& shape);

/// Number of elements; kInvalidArgument for a negative extent or a product that does not fit.
Result<std::size_t> element_count(const Shape& shape);

/// What a tensor is, without its data.
struct TensorSpec {
  std::string name;
  ElementType type = ElementType::kF32;
  Shape shape;

  /// Size of the data. The shape must be valid (element_count succeeds).
  std::size_t bytes() const;
  /// "name f32[1,10]".
  std::string describe() const;
  /// Same type and shape; the name may differ.
  bool same_layout(const TensorSpec& other) const { return type == other.type && shape == other.shape; }
  /// Same shape, and the same type or another width of floating-point number (f32, f16, bf16): one can be converted to
  /// the other where models of different precision meet.
  bool convertible(const TensorSpec& other) const;
};

/// One element as a number; `at` need not be aligned.
double element_at(ElementType type, const std::byte* at);

/// Position of the first element of `data` that is NaN or infinite; none: all are finite, as integers always are.
std::optional<std::size_t> first_not_finite(ElementType type, std::span<const std::byte> data);

/// 64-byte aligned zero-initialised bytes that a tensor's data lives in. Movable, not copyable; moving leaves the bytes
/// where they are, and spans of them valid until the buffer that has them is destroyed. Threads that share one see to
/// the order of reads and writes themselves. std::bad_alloc if there is no memory.
class HostBuffer {
 public:
  HostBuffer() = default;
  explicit HostBuffer(std::size_t bytes);

  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::span<std::byte> span() { return {data_.get(), size_}; }
  std::span<const std::byte> span() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace sparseloom
