#include <algorithm>
#include <cstring>

#include "sparseloom/backend/sparse/kernels.h"

// This file is compiled once per instruction set: foreach_target.h includes it again.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "sparseloom/backend/sparse/packing.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>
#include <hwy/targets.h>

#include "sparseloom/backend/sparse/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sparseloom::backend::sparse::kernels::HWY_NAMESPACE {

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

HWY_EXPORT(Quantize);
HWY_EXPORT(QuantizeToWords);
HWY_EXPORT(QuantizeToBytes);
HWY_EXPORT(PackQuadsFromOffsets);
HWY_EXPORT(PackFromPositions);
HWY_EXPORT(PackFromInputs);
HWY_EXPORT(PackFromOffsets);
HWY_EXPORT(TakeEvery);
HWY_EXPORT(UnpackToPositions);
HWY_EXPORT(UnpackToOutputs);

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
