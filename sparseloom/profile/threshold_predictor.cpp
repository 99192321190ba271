#include "sparseloom/profile/threshold_predictor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "sparseloom/base/json.h"

namespace sparseloom::profile {
namespace {

constexpr std::int64_t kPredictorVersion = 1;
constexpr std::size_t kRows = place::kMostFeatureRows;

// What the network reads and returns, in order.
enum PredictorInput : std::size_t { kGroups, kMachine, kMask };
const std::vector<TensorSpec>& predictor_inputs() {
  static const std::vector<TensorSpec> specs{{"groups", ElementType::kF32, {1, kRows, place::kGroupFeatures.size()}},
                                             {"machine", ElementType::kF32, {1, place::kMachineFeatures.size()}},
                                             {"mask", ElementType::kF32, {1, kRows}}};
  return specs;
}
const std::vector<TensorSpec>& predictor_outputs() {
  static const std::vector<TensorSpec> specs{{"scores", ElementType::kF32, {1, 2, place::kThresholdSteps}}};
  return specs;
}

Status check_ports(std::string_view what, const std::vector<TensorSpec>& found, const std::vector<TensorSpec>& wanted) {
  if (found.size() != wanted.size()) {
    return error(Code::kFailedPrecondition, "a network of {} {}; {} are expected", found.size(), what, wanted.size());
  }
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    if (found[k].type == wanted[k].type && found[k].shape == wanted[k].shape) continue;
    return error(Code::kFailedPrecondition, "of the network's {}: {}; allowed: {}", what, found[k].describe(),
                 wanted[k].describe());
  }
  return {};
}

template <std::size_t N>
void read_numbers(JsonObject& object, std::string_view key, std::array<float, N>& into, bool positive) {
  const auto elements = object.array(key);
  if (!object.ok()) return;
  if (elements.size() != N) return object.fail(key, fmt::format("{} numbers; allowed: {}", elements.size(), N));
  for (std::size_t k = 0; k < N; ++k) {
    const Json& number = *elements[k].first;
    if (!number.is_number() || (positive && !(number.get<double>() > 0)))
      return object.fail(key, fmt::format("[{}]: allowed: a number{}", k, positive ? " above 0" : ""));
    into[k] = number.get<float>();
  }
}

template <std::size_t N>
void read_scaling(JsonObject& object, const std::string& of, Scaling<N>& scaling) {
  read_numbers(object, of + "_mean", scaling.mean, false);
  read_numbers(object, of + "_scale", scaling.scale, true);
}

template <std::size_t N>
void put_scaled(const std::array<float, N>& numbers, const Scaling<N>& scaling, std::span<std::byte> into) {
  std::array<float, N> scaled{};
  for (std::size_t k = 0; k < N; ++k) scaled[k] = (numbers[k] - scaling.mean[k]) / scaling.scale[k];
  std::memcpy(into.data(), scaled.data(), sizeof(scaled));
}

}  // namespace

Result<ThresholdPredictor> ThresholdPredictor::load(const backend::Runtime& runtime,
                                                    const std::filesystem::path& file) {
  SL_ASSIGN_OR_RETURN(const Json json, read_json(file));
  JsonObject object(json, file.string());
  const std::int64_t version = object.integer("format_version");
  const std::string set = object.string("feature_set");
  if (!object.ok()) return object.finish();
  if (version != kPredictorVersion) {
    return error(Code::kFailedPrecondition, "{}: format_version {} is of another release; this one reads {}",
                 file.string(), version, kPredictorVersion);
  }
  if (set != place::kThresholdFeatureSet) {
    return error(Code::kFailedPrecondition, "{}: feature_set '{}' is of another release; this one has '{}'",
                 file.string(), set, place::kThresholdFeatureSet);
  }
  const std::string network = object.string("network");
  object.object("training");  // how it came about, for people
  Scaling<place::kGroupFeatures.size()> groups;
  Scaling<place::kMachineFeatures.size()> machine;
  read_scaling(object, "group", groups);
  read_scaling(object, "machine", machine);
  SL_RETURN_IF_ERROR(object.finish());
  const std::filesystem::path path = file.parent_path() / network;
  SL_ASSIGN_OR_RETURN(std::shared_ptr<backend::Executable> executable, runtime.load(path, {}));
  for (const Status& status : {check_ports("inputs", executable->inputs(), predictor_inputs()),
                               check_ports("outputs", executable->outputs(), predictor_outputs())})
    if (!status.ok()) return status.with_context(path.string());
  SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind({std::move(executable)}));
  ThresholdPredictor predictor(std::move(chain));
  predictor.groups_ = groups;
  predictor.machine_ = machine;
  return predictor;
}

Result<place::Thresholds> ThresholdPredictor::predict(const place::CostTable& table, place::CostModel model) {
  SL_ASSIGN_OR_RETURN(const place::ThresholdFeatures features, place::threshold_features(table, model));
  for (const PredictorInput input : {kGroups, kMask}) {
    const std::span<std::byte> bytes = network_.input(input);
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
  }
  constexpr std::size_t kRowBytes = place::kGroupFeatures.size() * sizeof(float);
  for (std::size_t g = 0; g < features.groups.size(); ++g) {
    put_scaled(features.groups[g], groups_, network_.input(kGroups).subspan(g * kRowBytes, kRowBytes));
    const float here = 1;
    std::memcpy(network_.input(kMask).data() + g * sizeof(float), &here, sizeof(float));
  }
  put_scaled(features.machine, machine_, network_.input(kMachine));
  SL_RETURN_IF_ERROR(network_.run());
  std::array<std::array<float, place::kThresholdSteps>, 2> scores{};
  std::memcpy(scores.data(), network_.output(0).data(), sizeof(scores));
  const auto best = [](const auto& of) {
    return static_cast<std::size_t>(std::max_element(of.begin(), of.end()) - of.begin());
  };
  const place::ThresholdValues values = place::threshold_values(table);
  return place::Thresholds{.sparsity = place::threshold_at(values.sparsities, best(scores[0])),
                           .intensity = place::threshold_at(values.intensities, best(scores[1]))};
}

}  // namespace sparseloom::profile
