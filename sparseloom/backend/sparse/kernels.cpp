#include "sparseloom/backend/sparse/kernels.h"

#include <algorithm>
#include <cstring>

// This file is compiled once per instruction set: foreach_target.h includes it again.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "sparseloom/backend/sparse/kernels.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>
#include <hwy/targets.h>

HWY_BEFORE_NAMESPACE();
namespace sparseloom::backend::sparse::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kPanelVectors = 4;
constexpr std::size_t kGroupRows = Matrix::kGroupRows;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

using Integers = hn::ScalableTag<std::int32_t>;

std::size_t PanelWidth() { return kPanelVectors * hn::Lanes(Floats()); }

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

void PackFromPositions(const float* HWY_RESTRICT x, std::size_t stride, std::size_t inputs, std::size_t positions,
                       float* HWY_RESTRICT panel) {
  const std::size_t width = PanelWidth();
  const std::size_t reached = VectorsFor(positions) * hn::Lanes(Floats());
  std::size_t p = 0;
#if HWY_TARGET != HWY_SCALAR
  const Quad quad;
  for (; p + 4 <= positions; p += 4) {
    const float* from = x + p * stride;
    std::size_t i = 0;
    for (; i + 4 <= inputs; i += 4) {
      auto a = hn::LoadU(quad, from + i);
      auto b = hn::LoadU(quad, from + stride + i);
      auto c = hn::LoadU(quad, from + 2 * stride + i);
      auto d = hn::LoadU(quad, from + 3 * stride + i);
      Transpose4(a, b, c, d);
      hn::Store(a, quad, panel + i * width + p);
      hn::Store(b, quad, panel + (i + 1) * width + p);
      hn::Store(c, quad, panel + (i + 2) * width + p);
      hn::Store(d, quad, panel + (i + 3) * width + p);
    }
    for (; i < inputs; ++i) {
      for (std::size_t k = 0; k < 4; ++k) panel[i * width + p + k] = from[k * stride + i];
    }
  }
#endif
  for (; p < reached; ++p) {
    for (std::size_t i = 0; i < inputs; ++i) panel[i * width + p] = p < positions ? x[p * stride + i] : 0.0F;
  }
}

// The next panel's positions of the same input: they lie in other pages than the next input's, where the hardware does
// not look ahead.
HWY_INLINE void PrefetchNext(const float* from) {
  constexpr std::size_t kLine = 64 / sizeof(float);
  const std::size_t width = PanelWidth();
  for (std::size_t at = width; at < 2 * width; at += kLine) hwy::Prefetch(from + at);
}

void PackFromInputs(const float* HWY_RESTRICT x, std::size_t stride, std::size_t inputs, std::size_t positions,
                    float* HWY_RESTRICT panel) {
  const Floats floats;
  const std::size_t width = PanelWidth(), lanes = hn::Lanes(floats), vectors = VectorsFor(positions);
  const std::size_t whole = positions / lanes;
  for (std::size_t i = 0; i < inputs; ++i) {
    const float* from = x + i * stride;
    float* to = panel + i * width;
    PrefetchNext(from);
    for (std::size_t v = 0; v < whole; ++v) hn::Store(hn::LoadU(floats, from + v * lanes), floats, to + v * lanes);
    for (std::size_t p = whole * lanes; p < vectors * lanes; ++p) to[p] = p < positions ? from[p] : 0.0F;
  }
}

void PackFromOffsets(const float* HWY_RESTRICT x, const std::uint32_t* HWY_RESTRICT offsets, std::size_t inputs,
                     std::size_t positions, float* HWY_RESTRICT panel) {
  const Floats floats;
  const std::size_t width = PanelWidth(), lanes = hn::Lanes(floats), vectors = VectorsFor(positions);
  for (std::size_t i = 0; i < inputs; ++i) {
    const float* from = x + offsets[i];
    float* to = panel + i * width;
    PrefetchNext(from);
    for (std::size_t v = 0; v < vectors; ++v) hn::Store(hn::LoadU(floats, from + v * lanes), floats, to + v * lanes);
  }
}

// The levels of a vector, as floats.
struct Quantizer {
  explicit HWY_INLINE Quantizer(const Quantization& to)
      : low(hn::Set(Floats(), to.low)),
        steps(hn::Set(Floats(), 1.0F / to.step)),
        last(hn::Set(Floats(), static_cast<float>(to.levels - 1))) {}
  HWY_INLINE Vector operator()(Vector x) const {
    const Vector at = hn::Mul(hn::Sub(x, low), steps);
    return hn::Round(hn::Min(hn::Max(at, hn::Zero(Floats())), last));
  }
  Vector low, steps, last;
};

// `store(levels, k)` for every vector from k on, and one lane at a time at the end.
template <typename Store>
HWY_INLINE void ForEachLevel(const float* x, std::size_t count, const Quantization& to, const Store& store) {
  const Floats floats;
  const std::size_t lanes = hn::Lanes(floats);
  const Quantizer levels(to);
  std::size_t k = 0;
  for (; k + lanes <= count; k += lanes) store(levels(hn::LoadU(floats, x + k)), k, lanes);
  for (; k < count; ++k) store(levels(hn::Set(floats, x[k])), k, std::size_t{1});
}

void Quantize(const float* x, std::size_t count, const Quantization& to, float* y) {
  const Floats floats;
  const Vector low = hn::Set(floats, to.low), step = hn::Set(floats, to.step);
  ForEachLevel(x, count, to, [&](Vector levels, std::size_t k, std::size_t lanes) HWY_ATTR {
    const Vector value = hn::MulAdd(levels, step, low);
    if (lanes > 1) return hn::StoreU(value, floats, y + k);
    y[k] = hn::GetLane(value);
  });
}

void QuantizeToWords(const float* x, std::size_t count, const Quantization& to, std::int32_t* y) {
  const Integers integers;
  ForEachLevel(x, count, to, [&](Vector levels, std::size_t k, std::size_t lanes) HWY_ATTR {
    const auto value = hn::ConvertTo(integers, levels);
    if (lanes > 1) return hn::StoreU(value, integers, y + k);
    y[k] = hn::GetLane(value);
  });
}

void QuantizeToBytes(const float* x, std::size_t count, const Quantization& to, std::uint8_t* y) {
  const Integers integers;
  const hn::Rebind<std::uint8_t, Integers> bytes;
  ForEachLevel(x, count, to, [&](Vector levels, std::size_t k, std::size_t lanes) HWY_ATTR {
    const auto value = hn::ConvertTo(integers, levels);
    if (lanes > 1) return hn::StoreU(hn::DemoteTo(bytes, value), bytes, y + k);
    y[k] = static_cast<std::uint8_t>(hn::GetLane(value));
  });
}

void PackQuadsFromOffsets(const std::int32_t* HWY_RESTRICT x, const std::uint32_t* HWY_RESTRICT offsets,
                          std::size_t inputs, std::size_t positions, std::uint32_t* HWY_RESTRICT panel) {
  const Integers integers;
  const std::size_t width = PanelWidth(), lanes = hn::Lanes(integers), vectors = VectorsFor(positions);
  for (std::size_t i = 0; i < inputs; i += 4, panel += width) {
    auto* to = reinterpret_cast<std::int32_t*>(panel);
    const auto at = [&](std::size_t k, std::size_t v) HWY_ATTR {
      return i + k < inputs ? hn::LoadU(integers, x + offsets[i + k] + v * lanes) : hn::Zero(integers);
    };
    for (std::size_t v = 0; v < vectors; ++v) {
      const auto low = hn::Or(at(0, v), hn::ShiftLeft<8>(at(1, v)));
      const auto high = hn::Or(hn::ShiftLeft<16>(at(2, v)), hn::ShiftLeft<24>(at(3, v)));
      hn::Store(hn::Or(low, high), integers, to + v * lanes);
    }
  }
}

void TakeEvery(const float* HWY_RESTRICT x, std::size_t step, std::size_t count, float* HWY_RESTRICT y) {
  std::size_t k = 0;
  if (step == 1) {
    std::memcpy(y, x, count * sizeof(float));
    return;
  }
#if HWY_TARGET != HWY_SCALAR
  if (step == 2) {  // of the last pair only the first number may be read
    const Floats floats;
    const std::size_t lanes = hn::Lanes(floats);
    for (; k + lanes < count; k += lanes) {
      const Vector low = hn::LoadU(floats, x + 2 * k), high = hn::LoadU(floats, x + 2 * k + lanes);
      hn::StoreU(hn::ConcatEven(floats, high, low), floats, y + k);
    }
  }
#endif
  for (; k < count; ++k) y[k] = x[k * step];
}

// What an entry's weights do with a vector of a panel.
struct F32 {
  using Tag = Floats;
  static HWY_INLINE Vector Start(const float* bias, std::uint32_t row) {
    return bias == nullptr ? hn::Zero(Floats()) : hn::Set(Floats(), bias[row]);
  }
  static HWY_INLINE Vector MultiplyAdd(Vector weight, Vector x, Vector sum) { return hn::MulAdd(weight, x, sum); }
};

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3_DL
#define SPARSELOOM_DOT 1
// In assembly, because Highway 1.0 does not name AVX-512 VNNI to the compiler, though it asks the CPU for it.
HWY_INLINE __m512i AddDot(__m512i sum, __m512i x, __m512i weights) {
  asm("vpdpbusd %[weights], %[x], %[sum]" : [sum] "+v"(sum) : [x] "v"(x), [weights] "vm"(weights));
  return sum;
}
#elif HWY_TARGET == HWY_AVX3
#define SPARSELOOM_DOT 1
HWY_INLINE __m512i AddDot(__m512i sum, __m512i x, __m512i weights) {
  return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(x, weights), _mm512_set1_epi16(1)));
}
#elif HWY_TARGET == HWY_AVX2
#define SPARSELOOM_DOT 1
HWY_INLINE __m256i AddDot(__m256i sum, __m256i x, __m256i weights) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(x, weights), _mm256_set1_epi16(1)));
}
#elif HWY_TARGET == HWY_SSE4
#define SPARSELOOM_DOT 1
HWY_INLINE __m128i AddDot(__m128i sum, __m128i x, __m128i weights) {
  return _mm_add_epi32(sum, _mm_madd_epi16(_mm_maddubs_epi16(x, weights), _mm_set1_epi16(1)));
}
#else
#define SPARSELOOM_DOT 0
#endif

// Bytes of a panel times i8, four at a time.
struct I8 {
  using Tag = Integers;
  using Sums = hn::Vec<Tag>;
  static HWY_INLINE Sums Start(const float* /*bias*/, std::uint32_t /*row*/) { return hn::Zero(Tag()); }
#if SPARSELOOM_DOT
  static HWY_INLINE Sums MultiplyAdd(Vector weights, Sums x, Sums sum) {
    return Sums{AddDot(sum.raw, x.raw, hn::BitCast(Tag(), weights).raw)};
  }
#elif HWY_TARGET == HWY_SCALAR
  static HWY_INLINE Sums MultiplyAdd(Vector weights, Sums x, Sums sum) {
    const auto w = static_cast<std::uint32_t>(hn::BitCast(Tag(), weights).raw);
    const auto bytes = static_cast<std::uint32_t>(x.raw);
    for (unsigned shift = 0; shift < 32; shift += 8) {
      sum.raw += static_cast<std::int8_t>(w >> shift & 0xff) * static_cast<std::int32_t>(bytes >> shift & 0xff);
    }
    return sum;
  }
#else
  static HWY_INLINE Sums MultiplyAdd(Vector weights, Sums x, Sums sum) {
    // Products fit 16 bits. They are added to their neighbours in 32, and those to theirs.
    const hn::Repartition<std::uint8_t, Tag> bytes;
    const hn::Repartition<std::int8_t, Tag> i8;
    const hn::Repartition<std::int16_t, Tag> i16;
    const auto w = hn::BitCast(i8, weights);
    const auto b = hn::BitCast(bytes, x);
    const auto pairs = [&](auto half_w, auto half_b) HWY_ATTR {
      const Tag tag;
      const auto products = hn::BitCast(tag, hn::Mul(hn::PromoteTo(i16, half_w), hn::PromoteTo(i16, half_b)));
      return hn::Add(hn::ShiftRight<16>(hn::ShiftLeft<16>(products)), hn::ShiftRight<16>(products));
    };
    const auto low = pairs(hn::LowerHalf(w), hn::LowerHalf(b));
    const auto high = pairs(hn::UpperHalf(hn::Half<decltype(i8)>(), w), hn::UpperHalf(hn::Half<decltype(bytes)>(), b));
    return hn::Add(sum, hn::Add(hn::ConcatEven(Tag(), high, low), hn::ConcatOdd(Tag(), high, low)));
  }
#endif
};

// Two products of a byte and an i8, added in 16 bits with saturation, limit the weights of a pair.
#if SPARSELOOM_DOT && HWY_TARGET > HWY_AVX3_DL
constexpr std::size_t kPairLimit = 32767 / 255;
#else
constexpr std::size_t kPairLimit = Layout{}.pair_limit;
#endif
#undef SPARSELOOM_DOT

Layout TheLayout() { return {PanelWidth(), kPairLimit}; }

// One entry of each of R rows. What limits the kernel is the number of loads (a core does two vectors a cycle and as
// many multiply-adds, and every multiply-add wants one): so rows that advance together share the loads of their weights
// and offsets, where there are vectors to shuffle.
template <std::size_t R>
struct Entry {
  HWY_INLINE Entry(const float* w, const std::uint16_t* o) : weights(w), offsets(o) {}
  template <typename Add>
  HWY_INLINE void for_each_row(const Add& add) const {
    for (std::size_t r = 0; r < R; ++r) add(r, hn::Set(Floats(), weights[r]), offsets[r]);
  }
  const float* weights;
  const std::uint16_t* offsets;
};

#if HWY_TARGET != HWY_SCALAR
template <>
struct Entry<3> {
  HWY_INLINE Entry(const float* w, const std::uint16_t* o) : weights(hn::LoadDup128(Floats(), w)) {
    std::memcpy(&offsets, o, sizeof offsets);  // and one more of each, which is not used: Matrix::kSlack
  }
  template <typename Add>
  HWY_INLINE void for_each_row(const Add& add) const {
    add(0, hn::Broadcast<0>(weights), offsets & 0xffff);
    add(1, hn::Broadcast<1>(weights), offsets >> 16 & 0xffff);
    add(2, hn::Broadcast<2>(weights), offsets >> 32 & 0xffff);
  }
  Vector weights;
  std::uint64_t offsets;
};
#endif

/// Groups of one size in one block.
struct Groups {
  const Matrix::Group* first;
  std::size_t count;
  const float* entries;  // four bytes each, whatever they are
  const std::uint16_t* offsets;
};

// R rows x V vectors of sums stay in registers while the rows' entries go by.
template <typename Arithmetic, std::size_t R, std::size_t V>
void MultiplyGroups(Groups groups, const void* HWY_RESTRICT panel, const float* HWY_RESTRICT bias, bool first,
                    void* HWY_RESTRICT all_sums) {
  const typename Arithmetic::Tag tag;
  using Number = hn::TFromD<typename Arithmetic::Tag>;
  auto* sums = static_cast<Number*>(all_sums);
  const std::size_t lanes = hn::Lanes(tag), width = PanelWidth();
  for (std::size_t g = 0; g < groups.count; ++g) {
    const Matrix::Group& group = groups.first[g];
    // Groups are sorted by their rows' entries, so rows come in no order that the hardware could foresee.
    const Matrix::Group& next = groups.first[std::min(g + 1, groups.count - 1)];
    hn::Vec<typename Arithmetic::Tag> sum[R][V];
    for (std::size_t r = 0; r < R; ++r) {
      const Number* from = sums + group.rows[r] * width;
      for (std::size_t v = 0; v < V; ++v) {
        hwy::Prefetch(sums + next.rows[r] * width + v * lanes);
        sum[r][v] = first ? Arithmetic::Start(bias, group.rows[r]) : hn::Load(tag, from + v * lanes);
      }
    }
    for (std::uint32_t entry = 0; entry < group.entries; ++entry, groups.entries += R, groups.offsets += R) {
      const Entry<R> e(groups.entries, groups.offsets);
      const auto add = [&](std::size_t r, Vector weights, std::size_t offset) HWY_ATTR {
        const auto* x = reinterpret_cast<const Number*>(static_cast<const char*>(panel) + offset);
        for (std::size_t v = 0; v < V; ++v) {
          sum[r][v] = Arithmetic::MultiplyAdd(weights, hn::Load(tag, x + v * lanes), sum[r][v]);
        }
      };
      e.for_each_row(add);
    }
    for (std::size_t r = 0; r < R; ++r) {
      for (std::size_t v = 0; v < V; ++v) hn::Store(sum[r][v], tag, sums + group.rows[r] * width + v * lanes);
    }
  }
}

template <typename Arithmetic, std::size_t V>
void MultiplyVectors(const Matrix& matrix, std::size_t index, const void* panel, const float* bias, void* sums) {
  const Matrix::Block& block = matrix.blocks()[index];
  Groups groups{.first = matrix.groups().data() + block.first_group,
                .count = block.triples,
                .entries = reinterpret_cast<const float*>(matrix.entries().data()) + block.first_entry,
                .offsets = matrix.offsets().data() + block.first_entry};
  MultiplyGroups<Arithmetic, kGroupRows, V>(groups, panel, bias, index == 0, sums);
  for (std::size_t g = 0; g < block.triples; ++g) {
    groups.entries += kGroupRows * groups.first[g].entries;
    groups.offsets += kGroupRows * groups.first[g].entries;
  }
  groups.first += block.triples;
  groups.count = block.singles;
  MultiplyGroups<Arithmetic, 1, V>(groups, panel, bias, index == 0, sums);
}

template <typename Arithmetic>
void MultiplyAs(const Matrix& matrix, std::size_t block, const void* panel, const float* bias, std::size_t positions,
                void* sums) {
  switch (VectorsFor(positions)) {
    case 1: return MultiplyVectors<Arithmetic, 1>(matrix, block, panel, bias, sums);
    case 2: return MultiplyVectors<Arithmetic, 2>(matrix, block, panel, bias, sums);
    case 3: return MultiplyVectors<Arithmetic, 3>(matrix, block, panel, bias, sums);
    default: return MultiplyVectors<Arithmetic, 4>(matrix, block, panel, bias, sums);
  }
}

void Multiply(const Matrix& matrix, std::size_t block, const void* panel, const float* bias, std::size_t positions,
              void* sums) {
  if (matrix.kind() == Entries::kI8) return MultiplyAs<I8>(matrix, block, panel, bias, positions, sums);
  return MultiplyAs<F32>(matrix, block, panel, bias, positions, sums);
}

std::size_t MultiplyAdds(std::size_t rounds) {
  constexpr std::size_t kSums = 12;  // more than latency times throughput, fewer than registers
  const Floats floats;
  Vector sums[kSums];
  for (std::size_t k = 0; k < kSums; ++k) sums[k] = hn::Set(floats, static_cast<float>(k));
  const Vector half = hn::Set(floats, rounds > 0 ? 0.5F : 0.25F);
  for (std::size_t round = 0; round < rounds; ++round) {
    for (Vector& sum : sums) sum = hn::MulAdd(sum, half, half);
  }
  Vector all = sums[0];
  for (std::size_t k = 1; k < kSums; ++k) all = hn::Add(all, sums[k]);
  if (hn::GetLane(all) < 0) return 0;  // never: but the sums are needed
  return rounds * kSums * 2 * hn::Lanes(floats);
}

// Sums, of whichever kind, as results. `at` is where they go, relative to y: the residual's numbers lie there too.
struct F32Sums {
  F32Sums(const void* from, const Finish& /*finish*/) : sums(static_cast<const float*>(from)) {}
  HWY_INLINE float One(std::size_t at, std::size_t /*output*/) const { return sums[at]; }
  /// Neighbouring positions of one output.
  template <typename Tag>
  HWY_INLINE hn::Vec<Tag> OfOutput(Tag tag, std::size_t at, std::size_t /*output*/) const {
    return hn::LoadU(tag, sums + at);
  }
  /// What Raw() gave, transposed: one position of neighbouring outputs.
  template <typename Tag>
  HWY_INLINE hn::Vec<Tag> OfOutputs(Tag /*tag*/, hn::Vec<Tag> value, std::size_t /*output*/) const {
    return value;
  }
  template <typename Tag>
  HWY_INLINE hn::Vec<Tag> Raw(Tag tag, std::size_t at) const {
    return hn::LoadU(tag, sums + at);
  }
  const float* sums;
};

struct I8Sums {
  I8Sums(const void* from, const Finish& f)
      : sums(static_cast<const std::int32_t*>(from)), scales(f.scales), bias(f.epilogue.bias) {}
  HWY_INLINE float One(std::size_t at, std::size_t output) const {
    return static_cast<float>(sums[at]) * scales[output] + bias[output];
  }
  template <typename Tag>
  HWY_INLINE hn::Vec<Tag> OfOutput(Tag tag, std::size_t at, std::size_t output) const {
    return hn::MulAdd(Raw(tag, at), hn::Set(tag, scales[output]), hn::Set(tag, bias[output]));
  }
  template <typename Tag>
  HWY_INLINE hn::Vec<Tag> OfOutputs(Tag tag, hn::Vec<Tag> value, std::size_t output) const {
    return hn::MulAdd(value, hn::LoadU(tag, scales + output), hn::LoadU(tag, bias + output));
  }
  template <typename Tag>
  HWY_INLINE hn::Vec<Tag> Raw(Tag tag, std::size_t at) const {
    return hn::ConvertTo(tag, hn::LoadU(hn::RebindToSigned<Tag>(), sums + at));
  }
  const std::int32_t* sums;
  const float* scales;
  const float* bias;
};

HWY_INLINE float Finished(float value, const Epilogue& epilogue, std::size_t at) {
  if (epilogue.residual != nullptr) value += epilogue.residual[at];
  return epilogue.relu && value < 0.0F ? 0.0F : value;
}

template <typename Tag>
HWY_INLINE hn::Vec<Tag> Finished(Tag tag, hn::Vec<Tag> value, const Epilogue& epilogue, std::size_t at) {
  if (epilogue.residual != nullptr) value = hn::Add(value, hn::LoadU(tag, epilogue.residual + at));
  return epilogue.relu ? hn::IfThenZeroElse(hn::Lt(value, hn::Zero(tag)), value) : value;
}

template <typename Sums>
void UnpackSumsToPositions(const Sums sums, std::size_t outputs, std::size_t positions, const Epilogue& epilogue,
                           float* HWY_RESTRICT y, std::size_t stride) {
  const std::size_t width = PanelWidth();
  const auto one = [&](std::size_t p, std::size_t o) {
    const std::size_t at = p * stride + o;
    y[at] = Finished(sums.One(o * width + p, o), epilogue, at);
  };
  std::size_t p = 0;
#if HWY_TARGET != HWY_SCALAR
  const Quad quad;
  for (; p + 4 <= positions; p += 4) {
    std::size_t o = 0;
    for (; o + 4 <= outputs; o += 4) {
      auto a = sums.Raw(quad, o * width + p);
      auto b = sums.Raw(quad, (o + 1) * width + p);
      auto c = sums.Raw(quad, (o + 2) * width + p);
      auto d = sums.Raw(quad, (o + 3) * width + p);
      Transpose4(a, b, c, d);
      std::size_t at = p * stride + o;
      for (const auto row : {a, b, c, d}) {
        hn::StoreU(Finished(quad, sums.OfOutputs(quad, row, o), epilogue, at), quad, y + at);
        at += stride;
      }
    }
    for (; o < outputs; ++o) {
      for (std::size_t k = 0; k < 4; ++k) one(p + k, o);
    }
  }
#endif
  for (; p < positions; ++p) {
    for (std::size_t o = 0; o < outputs; ++o) one(p, o);
  }
}

template <typename Sums>
void UnpackSumsToOutputs(const Sums sums, std::size_t outputs, std::size_t positions, const Epilogue& epilogue,
                         float* HWY_RESTRICT y, std::size_t stride) {
  const Floats floats;
  const std::size_t width = PanelWidth(), lanes = hn::Lanes(floats);
  for (std::size_t o = 0; o < outputs; ++o) {
    std::size_t p = 0;
    for (; p + lanes <= positions; p += lanes) {
      const std::size_t at = o * stride + p;
      hn::StoreU(Finished(floats, sums.OfOutput(floats, o * width + p, o), epilogue, at), floats, y + at);
    }
    for (; p < positions; ++p) {
      const std::size_t at = o * stride + p;
      y[at] = Finished(sums.One(o * width + p, o), epilogue, at);
    }
  }
}

void UnpackToPositions(const void* sums, std::size_t outputs, std::size_t positions, const Finish& finish, float* y,
                       std::size_t stride) {
  if (finish.scales == nullptr) {
    return UnpackSumsToPositions(F32Sums(sums, finish), outputs, positions, finish.epilogue, y, stride);
  }
  UnpackSumsToPositions(I8Sums(sums, finish), outputs, positions, finish.epilogue, y, stride);
}

void UnpackToOutputs(const void* sums, std::size_t outputs, std::size_t positions, const Finish& finish, float* y,
                     std::size_t stride) {
  if (finish.scales == nullptr) {
    return UnpackSumsToOutputs(F32Sums(sums, finish), outputs, positions, finish.epilogue, y, stride);
  }
  UnpackSumsToOutputs(I8Sums(sums, finish), outputs, positions, finish.epilogue, y, stride);
}

}  // namespace sparseloom::backend::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sparseloom::backend::sparse::kernels {

HWY_EXPORT(TheLayout);
HWY_EXPORT(Quantize);
HWY_EXPORT(QuantizeToWords);
HWY_EXPORT(QuantizeToBytes);
HWY_EXPORT(PackQuadsFromOffsets);
HWY_EXPORT(PackFromPositions);
HWY_EXPORT(PackFromInputs);
HWY_EXPORT(PackFromOffsets);
HWY_EXPORT(TakeEvery);
HWY_EXPORT(Multiply);
HWY_EXPORT(MultiplyAdds);
HWY_EXPORT(UnpackToPositions);
HWY_EXPORT(UnpackToOutputs);

Layout layout() { return HWY_DYNAMIC_DISPATCH(TheLayout)(); }

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) names.emplace_back(hwy::TargetName(target));
  // Highway asks for AES beside NEON, and where it is missing falls back on what the compiler may use: NEON again.
  if (names.empty()) names.emplace_back(hwy::TargetName(HWY_STATIC_TARGET));
  return names;
}

std::string instruction_set() { return instruction_sets().front(); }

void use_instruction_set(const std::string& name) {
  hwy::SetSupportedTargetsForTest(0);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (hwy::TargetName(target) == name) return hwy::SetSupportedTargetsForTest(target);
  }
}

void quantize(const float* x, std::size_t count, const Quantization& to, float* y) {
  HWY_DYNAMIC_DISPATCH(Quantize)(x, count, to, y);
}

void quantize_to_levels(const float* x, std::size_t count, const Quantization& to, std::int32_t* y) {
  HWY_DYNAMIC_DISPATCH(QuantizeToWords)(x, count, to, y);
}

void quantize_to_levels(const float* x, std::size_t count, const Quantization& to, std::uint8_t* y) {
  HWY_DYNAMIC_DISPATCH(QuantizeToBytes)(x, count, to, y);
}

void pack_quads_from_offsets(const std::int32_t* x, const std::uint32_t* offsets, std::size_t inputs,
                             std::size_t positions, std::uint32_t* panel) {
  HWY_DYNAMIC_DISPATCH(PackQuadsFromOffsets)(x, offsets, inputs, positions, panel);
}

void pack_from_positions(const float* x, std::size_t stride, std::size_t inputs, std::size_t positions, float* panel) {
  HWY_DYNAMIC_DISPATCH(PackFromPositions)(x, stride, inputs, positions, panel);
}

void pack_from_inputs(const float* x, std::size_t stride, std::size_t inputs, std::size_t positions, float* panel) {
  HWY_DYNAMIC_DISPATCH(PackFromInputs)(x, stride, inputs, positions, panel);
}

void pack_from_offsets(const float* x, const std::uint32_t* offsets, std::size_t inputs, std::size_t positions,
                       float* panel) {
  HWY_DYNAMIC_DISPATCH(PackFromOffsets)(x, offsets, inputs, positions, panel);
}

void take_every(const float* x, std::size_t step, std::size_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(TakeEvery)(x, step, count, y);
}

void multiply(const Matrix& matrix, std::size_t block, const void* panel, const float* bias, std::size_t positions,
              void* sums) {
  HWY_DYNAMIC_DISPATCH(Multiply)(matrix, block, panel, bias, positions, sums);
}

std::size_t multiply_adds(std::size_t rounds) { return HWY_DYNAMIC_DISPATCH(MultiplyAdds)(rounds); }

void unpack_to_positions(const void* sums, std::size_t outputs, std::size_t positions, const Finish& finish, float* y,
                         std::size_t stride) {
  HWY_DYNAMIC_DISPATCH(UnpackToPositions)(sums, outputs, positions, finish, y, stride);
}

void unpack_to_outputs(const void* sums, std::size_t outputs, std::size_t positions, const Finish& finish, float* y,
                       std::size_t stride) {
  HWY_DYNAMIC_DISPATCH(UnpackToOutputs)(sums, outputs, positions, finish, y, stride);
}

}  // namespace sparseloom::backend::sparse::kernels
#endif
