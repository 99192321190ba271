#include "sparseloom/profile/measure/activations.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "sparseloom/zoo/chain.h"

namespace sparseloom::profile {
namespace {

// Where a channel's positions lie in a tensor: element (group, channel, position) at group·group_stride +
// channel·channel_stride + position·position_stride.
struct Layout {
  std::size_t groups = 1, channels = 1, positions = 1;
  std::size_t group_stride = 0, channel_stride = 0, position_stride = 0;
};

Layout layout_of(const Shape& shape) {
  const auto product = [&](std::size_t from, std::size_t to) {
    std::size_t count = 1;
    for (std::size_t i = from; i < to; ++i) count *= static_cast<std::size_t>(shape[i]);
    return count;
  };
  const std::size_t rank = shape.size();
  Layout layout;
  if (rank >= 4) {  // batch, channels, positions
    layout.groups = product(0, 1);
    layout.channels = product(1, 2);
    layout.positions = product(2, rank);
    layout.position_stride = 1;
    layout.channel_stride = layout.positions;
    layout.group_stride = layout.channels * layout.positions;
  } else if (rank > 0) {  // positions, features
    layout.channels = product(rank - 1, rank);
    layout.positions = product(0, rank - 1);
    layout.position_stride = layout.channels;
    layout.channel_stride = 1;
  }
  return layout;
}

// The bits of an element that are not its sign: all of them nought, and it is zero.
std::uint64_t magnitude_bits(ElementType type) {
  switch (type) {
    case ElementType::kF64: return ~(std::uint64_t{1} << 63);
    case ElementType::kF32: return 0x7fffffff;
    case ElementType::kF16:
    case ElementType::kBF16: return 0x7fff;
    default: return ~std::uint64_t{0};
  }
}

template <typename Word>
ActivationZeros count(const Layout& layout, std::span<const std::byte> data, Word magnitude) {
  const auto is_zero = [&](std::size_t element) {
    Word word;
    std::memcpy(&word, data.data() + element * sizeof(Word), sizeof(Word));
    return (word & magnitude) == 0;
  };
  std::size_t zeros = 0, empty = 0, panels = 0;
  for (std::size_t g = 0; g < layout.groups; ++g) {
    for (std::size_t c = 0; c < layout.channels; ++c) {
      const std::size_t first = g * layout.group_stride + c * layout.channel_stride;
      for (std::size_t p = 0; p < layout.positions; p += kPanel) {
        const std::size_t end = std::min(p + kPanel, layout.positions);
        std::size_t here = 0;
        for (std::size_t i = p; i < end; ++i) here += is_zero(first + i * layout.position_stride) ? 1U : 0U;
        zeros += here;
        empty += here == end - p ? 1U : 0U;
        ++panels;
      }
    }
  }
  const auto elements = static_cast<double>(layout.groups * layout.channels * layout.positions);
  if (elements == 0) return {};
  return {static_cast<double>(zeros) / elements, static_cast<double>(empty) / static_cast<double>(panels)};
}

}  // namespace

ActivationZeros zeros_of(const TensorSpec& spec, std::span<const std::byte> data) {
  const Layout layout = layout_of(spec.shape);
  const std::uint64_t magnitude = magnitude_bits(spec.type);
  switch (element_bytes(spec.type)) {
    case 1: return count(layout, data, static_cast<std::uint8_t>(magnitude));
    case 2: return count(layout, data, static_cast<std::uint16_t>(magnitude));
    case 4: return count(layout, data, static_cast<std::uint32_t>(magnitude));
    default: return count(layout, data, magnitude);
  }
}

Result<std::vector<ActivationZeros>> measure_activations(const backend::Runtime& runtime, const backend::Model& model,
                                                         const std::vector<backend::EdgeId>& inputs,
                                                         const std::vector<backend::EdgeId>& tensors,
                                                         const zoo::Dataset& data, std::size_t samples,
                                                         const std::function<bool()>& stopped) {
  // All tensors as outputs of one model, which computes each of them once.
  SL_ASSIGN_OR_RETURN(const auto piece, model.extract(inputs, tensors));
  SL_ASSIGN_OR_RETURN(std::shared_ptr<backend::Executable> executable, runtime.compile(*piece, {}));
  SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind({executable}));
  std::vector<ActivationZeros> zeros(tensors.size());
  const auto share = 1 / static_cast<double>(samples);
  for (std::size_t n = 0; n < samples; ++n) {
    if (stopped && stopped()) return Status(Code::kCancelled, "stopped");
    chain.load(data, n);
    SL_RETURN_IF_ERROR(chain.run());
    for (std::size_t k = 0; k < tensors.size(); ++k) {
      const ActivationZeros one = zeros_of(model.graph().edge(tensors[k]).spec, chain.output(k));
      zeros[k].elements += share * one.elements;
      zeros[k].panels += share * one.panels;
    }
  }
  return zeros;
}

}  // namespace sparseloom::profile
