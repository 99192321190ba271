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

#include "sparseloom/backend/sparse/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sparseloom::backend::sparse::kernels::HWY_NAMESPACE {

constexpr std::size_t kGroupRows = Matrix::kGroupRows;

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

}  // namespace sparseloom::backend::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sparseloom::backend::sparse::kernels {

HWY_EXPORT(TheLayout);
HWY_EXPORT(Multiply);
HWY_EXPORT(MultiplyAdds);

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

void multiply(const Matrix& matrix, std::size_t block, const void* panel, const float* bias, std::size_t positions,
              void* sums) {
  HWY_DYNAMIC_DISPATCH(Multiply)(matrix, block, panel, bias, positions, sums);
}

std::size_t multiply_adds(std::size_t rounds) { return HWY_DYNAMIC_DISPATCH(MultiplyAdds)(rounds); }

}  // namespace sparseloom::backend::sparse::kernels
#endif
