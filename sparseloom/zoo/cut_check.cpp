#include "sparseloom/zoo/cut_check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <optional>
#include <random>

namespace sparseloom::zoo {
namespace {

using backend::EdgeId;
using backend::Graph;
using backend::Node;
using backend::NodeId;

bool is_float(ElementType type) {
  return type == ElementType::kF32 || type == ElementType::kF16 || type == ElementType::kBF16 ||
         type == ElementType::kF64;
}

std::uint16_t to_half(double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  int exponent = 0;
  const double mantissa = std::frexp(std::abs(value), &exponent);  // [0.5, 1) · 2^exponent
  if (mantissa == 0 || exponent < -13) return sign;                // subnormals are of no use as test inputs
  const auto bits = static_cast<std::uint16_t>((exponent + 14) * 1024L + std::lrint((mantissa * 2 - 1) * 1024));
  return static_cast<std::uint16_t>(sign | std::min<std::uint16_t>(bits, 0x7bff));
}

template <typename T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

void set_value(ElementType type, std::byte* p, double value) {
  switch (type) {
    case ElementType::kF32: return store(p, static_cast<float>(value));
    case ElementType::kF16: return store(p, to_half(value));
    case ElementType::kBF16:
      return store(p, static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16));
    case ElementType::kF64: return store(p, value);
    case ElementType::kI8: return store(p, static_cast<std::int8_t>(value));
    case ElementType::kI16: return store(p, static_cast<std::int16_t>(value));
    case ElementType::kI32: return store(p, static_cast<std::int32_t>(value));
    case ElementType::kI64: return store(p, static_cast<std::int64_t>(value));
    case ElementType::kU8:
    case ElementType::kBool: return store(p, static_cast<std::uint8_t>(value));
    case ElementType::kU16: return store(p, static_cast<std::uint16_t>(value));
    case ElementType::kU32: return store(p, static_cast<std::uint32_t>(value));
    case ElementType::kU64: return store(p, static_cast<std::uint64_t>(value));
  }
}

// Rows of the table a Gather reads from: its first axis with more than one entry (embeddings are [rows, width]).
double rows_of(const Graph& graph, const Node& gather) {
  for (const std::int64_t extent : graph.edge(gather.inputs.front()).spec.shape)
    if (extent > 1) return static_cast<double>(extent);
  return 1;
}

// The smallest table that `input` indexes, followed through whatever keeps it an integer. nullopt if it indexes none.
std::optional<double> smallest_table(const Graph& graph, EdgeId input) {
  std::optional<double> smallest;
  std::vector<bool> seen(graph.edges.size(), false);
  std::vector<EdgeId> open{input};
  while (!open.empty()) {
    const EdgeId edge = open.back();
    open.pop_back();
    if (seen[edge.index()]) continue;
    seen[edge.index()] = true;
    for (const NodeId id : graph.edge(edge).consumers) {
      const Node& node = graph.node(id);
      if (node.op.starts_with("Gather") && node.inputs.size() > 1 && node.inputs[1] == edge &&
          node.inputs.front() != edge) {
        const double rows = rows_of(graph, node);
        smallest = std::min(smallest.value_or(rows), rows);
        continue;
      }
      for (const EdgeId out : node.outputs) {
        const ElementType type = graph.edge(out).spec.type;
        if (!is_float(type) && type != ElementType::kBool) open.push_back(out);
      }
    }
  }
  return smallest;
}

class InputMaker {
 public:
  explicit InputMaker(std::uint64_t seed) : seed_(seed), random_(seed) {}

  HostBuffer make(const Graph& graph, EdgeId input) {
    const TensorSpec& spec = graph.edge(input).spec;
    HostBuffer buffer(spec.bytes());
    const std::size_t width = element_bytes(spec.type), count = buffer.size() / width;
    const auto table = is_float(spec.type) ? std::nullopt : smallest_table(graph, input);
    const std::size_t ones = count - random_() % (count / 2 + 1);
    for (std::size_t i = 0; i < count; ++i) {
      const double value = is_float(spec.type)    ? real()
                           : table                ? std::floor(unit() * std::min(*table, most(spec.type)))
                           : is_sample(spec.type) ? std::floor(unit() * 256) - (spec.type == ElementType::kI8 ? 128 : 0)
                           : i < ones             ? 1
                                                  : 0;
      set_value(spec.type, buffer.data() + i * width, value);
    }
    return buffer;
  }

 private:
  // Pixels and audio samples come as bytes.
  static bool is_sample(ElementType type) { return type == ElementType::kU8 || type == ElementType::kI8; }

  static double most(ElementType type) {
    return std::ldexp(1.0, static_cast<int>(std::min<std::size_t>(element_bytes(type) * 8 - 1, 50)));
  }

  double unit() { return std::ldexp(static_cast<double>(random_() >> 11), -53); }

  double real() {
    if (seed_ % 3 == 1) return unit();
    // G. E. P. Box, M. E. Muller, Ann. Math. Statist. 29 (1958)
    const double radius = std::sqrt(-2 * std::log(1 - unit()));
    return radius * std::cos(2 * std::numbers::pi * unit()) * (seed_ % 3 == 2 ? 0.5 : 1.0);
  }

  std::uint64_t seed_;
  std::mt19937_64 random_;
};

std::vector<HostBuffer> copy_outputs(const Graph& graph, const Chain& chain) {
  std::vector<HostBuffer> copies;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const auto bytes = chain.output(i);
    copies.emplace_back(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copies.back().data());
  }
  return copies;
}

Status run_on(Chain& chain, const std::vector<HostBuffer>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    std::copy(inputs[i].span().begin(), inputs[i].span().end(), chain.input(i).begin());
  return chain.run();
}

bool all_finite(const Graph& graph, const std::vector<HostBuffer>& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (first_not_finite(graph.edge(graph.outputs[i]).spec.type, outputs[i].span())) return false;
  return true;
}

}  // namespace

void Difference::merge(const Difference& other) {
  max_abs = std::max(max_abs, other.max_abs);
  max_rel = std::max(max_rel, other.max_rel);
  bit_identical = bit_identical && other.bit_identical;
}

Difference compare(const TensorSpec& spec, std::span<const std::byte> a, std::span<const std::byte> b) {
  Difference difference;
  if (std::equal(a.begin(), a.end(), b.begin(), b.end())) return difference;
  difference.bit_identical = false;
  double largest = 0;
  const std::size_t width = element_bytes(spec.type);
  for (std::size_t at = 0; at + width <= std::min(a.size(), b.size()); at += width) {
    const double x = element_at(spec.type, a.data() + at), y = element_at(spec.type, b.data() + at);
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    const double apart = std::abs(x - y);
    difference.max_abs = std::max(difference.max_abs, std::isnan(apart) ? HUGE_VAL : apart);
  }
  if (difference.max_abs > 0) difference.max_rel = largest > 0 ? difference.max_abs / largest : HUGE_VAL;
  return difference;
}

std::vector<HostBuffer> seeded_inputs(const Graph& graph, std::uint64_t seed) {
  InputMaker maker(seed);
  std::vector<HostBuffer> inputs;
  for (const EdgeId input : graph.inputs) inputs.push_back(maker.make(graph, input));
  return inputs;
}

Result<ChainCheck> check_chain(const Graph& graph, Chain& whole, Chain& chain, std::uint64_t seeds) {
  ChainCheck check;
  std::vector<HostBuffer> previous;
  std::vector<double> moved(graph.outputs.size(), 0);
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const auto inputs = seeded_inputs(graph, seed);
    SL_RETURN_IF_ERROR(run_on(whole, inputs));
    SL_RETURN_IF_ERROR(run_on(chain, inputs));
    auto outputs = copy_outputs(graph, whole);
    check.not_finite += all_finite(graph, outputs) ? 0 : 1;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const TensorSpec& spec = graph.edge(graph.outputs[i]).spec;
      check.difference.merge(compare(spec, outputs[i].span(), chain.output(i)));
      if (!previous.empty())
        moved[i] = std::max(moved[i], compare(spec, outputs[i].span(), previous[i].span()).max_rel);
    }
    previous = std::move(outputs);
  }
  if (!moved.empty()) check.sensitivity = *std::min_element(moved.begin(), moved.end());
  return check;
}

namespace {
constexpr double kLoosest = 0.03;
}  // namespace

double difference_bound(ElementType computed_in) {
  if (computed_in == ElementType::kBF16) return kLoosest;
  return computed_in == ElementType::kF16 ? 0.004 : 1e-4;
}

double difference_bound(const Graph& graph) {
  if (graph.opaque()) return kLoosest;
  double bound = difference_bound(ElementType::kF32);
  for (const Node& node : graph.nodes) {
    if (node.op == "FakeQuantize") bound = std::max(bound, 0.008);
    for (const EdgeId output : node.outputs) {
      const ElementType type = graph.edge(output).spec.type;
      if (!node.constant) bound = std::max(bound, difference_bound(type));
    }
  }
  return bound;
}

}  // namespace sparseloom::zoo
