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

// One non-zero of each of R rows. What limits the kernel is the number of loads (a core does two vectors a cycle and as
// many multiply-adds, and every multiply-add wants one): so rows that advance together share the loads of their weights
// and offsets, where there are vectors to shuffle.
template <std::size_t R>
struct Entry {
  HWY_INLINE Entry(const float* v, const std::uint16_t* o) : values(v), offsets(o) {}
  template <typename Add>
  HWY_INLINE void for_each_row(const Add& add) const {
    for (std::size_t r = 0; r < R; ++r) add(r, hn::Set(Floats(), values[r]), offsets[r]);
  }
  const float* values;
  const std::uint16_t* offsets;
};

#if HWY_TARGET != HWY_SCALAR
template <>
struct Entry<3> {
  HWY_INLINE Entry(const float* v, const std::uint16_t* o) : values(hn::LoadDup128(Floats(), v)) {
    std::memcpy(&offsets, o, sizeof offsets);  // and one more of each, which is not used: Matrix::kSlack
  }
  template <typename Add>
  HWY_INLINE void for_each_row(const Add& add) const {
    add(0, hn::Broadcast<0>(values), offsets & 0xffff);
    add(1, hn::Broadcast<1>(values), offsets >> 16 & 0xffff);
    add(2, hn::Broadcast<2>(values), offsets >> 32 & 0xffff);
  }
  Vector values;
  std::uint64_t offsets;
};
#endif

// R rows x V vectors of sums stay in registers while the rows' non-zeros go by.
template <std::size_t R, std::size_t V>
void MultiplyGroups(const Matrix::Group* HWY_RESTRICT groups, std::size_t count, const float* HWY_RESTRICT values,
                    const std::uint16_t* HWY_RESTRICT offsets, const float* HWY_RESTRICT panel,
                    const float* HWY_RESTRICT bias, bool first, float* HWY_RESTRICT sums) {
  const Floats floats;
  const std::size_t lanes = hn::Lanes(floats), width = PanelWidth();
  for (std::size_t g = 0; g < count; ++g) {
    const Matrix::Group& group = groups[g];
    // Groups are sorted by their rows' non-zeros, so rows come in no order that the hardware could foresee.
    const Matrix::Group& next = groups[std::min(g + 1, count - 1)];
    Vector sum[R][V];
    for (std::size_t r = 0; r < R; ++r) {
      const float* from = sums + group.rows[r] * width;
      for (std::size_t v = 0; v < V; ++v) {
        hwy::Prefetch(sums + next.rows[r] * width + v * lanes);
        sum[r][v] = !first            ? hn::Load(floats, from + v * lanes)
                    : bias == nullptr ? hn::Zero(floats)
                                      : hn::Set(floats, bias[group.rows[r]]);
      }
    }
    for (std::uint32_t entry = 0; entry < group.entries; ++entry, values += R, offsets += R) {
      const Entry<R> e(values, offsets);
      const auto add = [&](std::size_t r, Vector weight, std::size_t offset) HWY_ATTR {
        const auto* x = reinterpret_cast<const float*>(reinterpret_cast<const char*>(panel) + offset);
        for (std::size_t v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(weight, hn::Load(floats, x + v * lanes), sum[r][v]);
      };
      e.for_each_row(add);
    }
    for (std::size_t r = 0; r < R; ++r) {
      for (std::size_t v = 0; v < V; ++v) hn::Store(sum[r][v], floats, sums + group.rows[r] * width + v * lanes);
    }
  }
}

template <std::size_t V>
void MultiplyVectors(const Matrix& matrix, std::size_t index, const float* panel, const float* bias, float* sums) {
  const Matrix::Block& block = matrix.blocks()[index];
  const Matrix::Group* groups = matrix.groups().data() + block.first_group;
  const float* values = matrix.values().data() + block.first_entry;
  const std::uint16_t* offsets = matrix.offsets().data() + block.first_entry;
  MultiplyGroups<kGroupRows, V>(groups, block.triples, values, offsets, panel, bias, index == 0, sums);
  std::size_t entries = 0;
  for (std::size_t g = 0; g < block.triples; ++g) entries += kGroupRows * groups[g].entries;
  MultiplyGroups<1, V>(groups + block.triples, block.singles, values + entries, offsets + entries, panel, bias,
                       index == 0, sums);
}

void Multiply(const Matrix& matrix, std::size_t block, const float* panel, const float* bias, std::size_t positions,
              float* sums) {
  switch (VectorsFor(positions)) {
    case 1: return MultiplyVectors<1>(matrix, block, panel, bias, sums);
    case 2: return MultiplyVectors<2>(matrix, block, panel, bias, sums);
    case 3: return MultiplyVectors<3>(matrix, block, panel, bias, sums);
    default: return MultiplyVectors<4>(matrix, block, panel, bias, sums);
  }
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

HWY_INLINE float Finished(float value, const Epilogue& epilogue, const float* residual) {
  if (residual != nullptr) value += *residual;
  return epilogue.relu && value < 0.0F ? 0.0F : value;
}

// `at` is where the numbers go, relative to y: the residual's lie there too.
template <typename Tag>
HWY_INLINE hn::Vec<Tag> Finished(Tag tag, hn::Vec<Tag> value, const Epilogue& epilogue, std::size_t at) {
  if (epilogue.residual != nullptr) value = hn::Add(value, hn::LoadU(tag, epilogue.residual + at));
  return epilogue.relu ? hn::IfThenZeroElse(hn::Lt(value, hn::Zero(tag)), value) : value;
}

void UnpackToPositions(const float* HWY_RESTRICT sums, std::size_t outputs, std::size_t positions,
                       const Epilogue& epilogue, float* HWY_RESTRICT y, std::size_t stride) {
  const std::size_t width = PanelWidth();
  const auto one = [&](std::size_t p, std::size_t o) {
    const std::size_t at = p * stride + o;
    y[at] = Finished(sums[o * width + p], epilogue, epilogue.residual == nullptr ? nullptr : epilogue.residual + at);
  };
  std::size_t p = 0;
#if HWY_TARGET != HWY_SCALAR
  const Quad quad;
  for (; p + 4 <= positions; p += 4) {
    std::size_t o = 0;
    for (; o + 4 <= outputs; o += 4) {
      auto a = hn::Load(quad, sums + o * width + p);
      auto b = hn::Load(quad, sums + (o + 1) * width + p);
      auto c = hn::Load(quad, sums + (o + 2) * width + p);
      auto d = hn::Load(quad, sums + (o + 3) * width + p);
      Transpose4(a, b, c, d);
      const std::size_t at = p * stride + o;
      hn::StoreU(Finished(quad, a, epilogue, at), quad, y + at);
      hn::StoreU(Finished(quad, b, epilogue, at + stride), quad, y + at + stride);
      hn::StoreU(Finished(quad, c, epilogue, at + 2 * stride), quad, y + at + 2 * stride);
      hn::StoreU(Finished(quad, d, epilogue, at + 3 * stride), quad, y + at + 3 * stride);
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

void UnpackToOutputs(const float* HWY_RESTRICT sums, std::size_t outputs, std::size_t positions,
                     const Epilogue& epilogue, float* HWY_RESTRICT y, std::size_t stride) {
  const Floats floats;
  const std::size_t width = PanelWidth(), lanes = hn::Lanes(floats);
  for (std::size_t o = 0; o < outputs; ++o) {
    const float* from = sums + o * width;
    std::size_t p = 0;
    for (; p + lanes <= positions; p += lanes) {
      const std::size_t at = o * stride + p;
      hn::StoreU(Finished(floats, hn::LoadU(floats, from + p), epilogue, at), floats, y + at);
    }
    for (; p < positions; ++p) {
      const std::size_t at = o * stride + p;
      y[at] = Finished(from[p], epilogue, epilogue.residual == nullptr ? nullptr : epilogue.residual + at);
    }
  }
}

}  // namespace sparseloom::backend::sparse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sparseloom::backend::sparse::kernels {

HWY_EXPORT(PanelWidth);
HWY_EXPORT(PackFromPositions);
HWY_EXPORT(PackFromInputs);
HWY_EXPORT(PackFromOffsets);
HWY_EXPORT(TakeEvery);
HWY_EXPORT(Multiply);
HWY_EXPORT(MultiplyAdds);
HWY_EXPORT(UnpackToPositions);
HWY_EXPORT(UnpackToOutputs);

std::size_t panel_width() { return HWY_DYNAMIC_DISPATCH(PanelWidth)(); }

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

void multiply(const Matrix& matrix, std::size_t block, const float* panel, const float* bias, std::size_t positions,
              float* sums) {
  HWY_DYNAMIC_DISPATCH(Multiply)(matrix, block, panel, bias, positions, sums);
}

std::size_t multiply_adds(std::size_t rounds) { return HWY_DYNAMIC_DISPATCH(MultiplyAdds)(rounds); }

void unpack_to_positions(const float* sums, std::size_t outputs, std::size_t positions, const Epilogue& epilogue,
                         float* y, std::size_t stride) {
  HWY_DYNAMIC_DISPATCH(UnpackToPositions)(sums, outputs, positions, epilogue, y, stride);
}

void unpack_to_outputs(const float* sums, std::size_t outputs, std::size_t positions, const Epilogue& epilogue,
                       float* y, std::size_t stride) {
  HWY_DYNAMIC_DISPATCH(UnpackToOutputs)(sums, outputs, positions, epilogue, y, stride);
}

}  // namespace sparseloom::backend::sparse::kernels
#endif
