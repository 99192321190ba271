// Private to this folder: what the loops share, once per instruction set (the guard changes with the target).
#if defined(SPARSELOOM_SPARSE_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SPARSELOOM_SPARSE_VECTORS_INL_H
#undef SPARSELOOM_SPARSE_VECTORS_INL_H
#else
#define SPARSELOOM_SPARSE_VECTORS_INL_H
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace sparseloom::backend::sparse::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kPanelVectors = 4;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

using Integers = hn::ScalableTag<std::int32_t>;

HWY_INLINE std::size_t PanelWidth() { return kPanelVectors * hn::Lanes(Floats()); }

// Vectors that so many positions reach.
HWY_INLINE std::size_t VectorsFor(std::size_t positions) {
  const std::size_t lanes = hn::Lanes(Floats());
  return (positions + lanes - 1) / lanes;
}

#if HWY_TARGET != HWY_SCALAR
// 4 x 4 numbers are transposed at a time, on every instruction set: in[r] are rows, out[c] columns.
using Quad = hn::Full128<float>;
HWY_INLINE void Transpose4(hn::Vec<Quad>& a, hn::Vec<Quad>& b, hn::Vec<Quad>& c, hn::Vec<Quad>& d) {
  const hn::RepartitionToWide<Quad> wide;
  const Quad quad;
  const auto ab_low = hn::BitCast(wide, hn::InterleaveLower(quad, a, b));
  const auto ab_high = hn::BitCast(wide, hn::InterleaveUpper(quad, a, b));
  const auto cd_low = hn::BitCast(wide, hn::InterleaveLower(quad, c, d));
  const auto cd_high = hn::BitCast(wide, hn::InterleaveUpper(quad, c, d));
  a = hn::BitCast(quad, hn::InterleaveLower(wide, ab_low, cd_low));
  b = hn::BitCast(quad, hn::InterleaveUpper(wide, ab_low, cd_low));
  c = hn::BitCast(quad, hn::InterleaveLower(wide, ab_high, cd_high));
  d = hn::BitCast(quad, hn::InterleaveUpper(wide, ab_high, cd_high));
}
#endif

}  // namespace sparseloom::backend::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPARSELOOM_SPARSE_VECTORS_INL_H
