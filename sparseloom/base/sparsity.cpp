#include "sparseloom/base/sparsity.h"

#include <cstdint>
#include <cstring>

namespace sparseloom {
namespace {

// Short runs in many places: neighbours resemble each other, and a run still fills two cache lines of floats.
constexpr std::size_t kRun = 32;
constexpr std::size_t kRuns = kSparsitySample / kRun;

// Zeros among `Count` elements, those of a floating-point type by their bits but the sign's. A constant count and a sum
// as wide as an element (which holds kRun) let the compiler use whole vectors.
template <std::size_t Count, typename Word>
std::size_t zeros_in(const std::byte* first, Word without_sign) {
  static_assert(Count < 256);
  Word zeros = 0;
  for (std::size_t i = 0; i < Count; ++i) {
    Word element;
    std::memcpy(&element, first + i * sizeof(Word), sizeof(Word));
    zeros = static_cast<Word>(zeros + ((element & without_sign) == 0 ? 1 : 0));
  }
  return zeros;
}

// Where part `k` of many has its run, in 0..room-1. Multiples of the golden ratio spread evenly and never fall into
// step with the rows and planes of a tensor, which equal distances would.
std::size_t place(std::size_t k, std::size_t room) {
  const std::uint32_t fraction = static_cast<std::uint32_t>(k) * 0x9E3779B9U;
  return static_cast<std::size_t>((std::uint64_t{fraction} * room) >> 32);
}

template <typename Word>
double share(std::span<const std::byte> data, Word without_sign) {
  const auto at = [&](std::size_t element) { return data.data() + element * sizeof(Word); };
  const std::size_t elements = data.size() / sizeof(Word);
  if (elements == 0) return 0;
  std::size_t zeros = 0;
  if (elements > kSparsitySample) {
    const std::size_t part = elements / kRuns;
    for (std::size_t k = 0; k < kRuns; ++k) {
      zeros += zeros_in<kRun>(at(k * part + place(k, part - kRun + 1)), without_sign);
    }
    return static_cast<double>(zeros) / kSparsitySample;
  }
  std::size_t i = 0;
  for (; i + kRun <= elements; i += kRun) zeros += zeros_in<kRun>(at(i), without_sign);
  for (; i < elements; ++i) zeros += zeros_in<1>(at(i), without_sign);
  return static_cast<double>(zeros) / static_cast<double>(elements);
}

}  // namespace

double sparsity(ElementType type, std::span<const std::byte> data) {
  switch (type) {
    case ElementType::kF64: return share<std::uint64_t>(data, ~std::uint64_t{0} >> 1);
    case ElementType::kF32: return share<std::uint32_t>(data, ~std::uint32_t{0} >> 1);
    case ElementType::kF16:
    case ElementType::kBF16: return share<std::uint16_t>(data, 0x7FFF);
    case ElementType::kI64:
    case ElementType::kU64: return share<std::uint64_t>(data, ~std::uint64_t{0});
    case ElementType::kI32:
    case ElementType::kU32: return share<std::uint32_t>(data, ~std::uint32_t{0});
    case ElementType::kI16:
    case ElementType::kU16: return share<std::uint16_t>(data, 0xFFFF);
    case ElementType::kI8:
    case ElementType::kU8:
    case ElementType::kBool: return share<std::uint8_t>(data, 0xFF);
  }
  return 0;
}

double sparsity(std::span<const TensorSpec> tensors, std::span<const HostBuffer> buffers) {
  double zeros = 0, elements = 0;
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const std::size_t count = buffers[k].size() / element_bytes(tensors[k].type);
    zeros += sparsity(tensors[k].type, buffers[k].span()) * static_cast<double>(count);
    elements += static_cast<double>(count);
  }
  return elements == 0 ? 0 : zeros / elements;
}

}  // namespace sparseloom
