#include "sparseloom/profile/estimate/output_distances.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "sparseloom/profile/measure/stage_sessions.h"

namespace sparseloom::profile {
namespace {

std::size_t depth_of(const OutputDistances::Part& part) { return part.stages.back() + 1; }

// Adds one sample's squared differences and squares of all choices' outputs.
class Sums {
 public:
  explicit Sums(std::size_t choices) : differences_(choices * choices), outputs_(choices) {}

  std::vector<float>& output(std::size_t choice) { return outputs_[choice]; }

  void add_sample(bool logits) {
    if (logits) {
      for (auto& output : outputs_) centre(output);
    }
    const std::size_t n = outputs_.size();
    for (std::size_t a = 0; a < n; ++a) {
      squares_ += product(outputs_[a], outputs_[a]);
      for (std::size_t b = 0; b < a; ++b) differences_[a * n + b] += difference(outputs_[a], outputs_[b]);
    }
  }

  void finish(OutputDistances::Part& part) const {
    const std::size_t n = part.choices;
    const double mean_square = squares_ / static_cast<double>(n);
    for (std::size_t a = 0; a < n && mean_square > 0; ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        part.squared[a * n + b] = part.squared[b * n + a] = differences_[a * n + b] / mean_square;
      }
    }
  }

 private:
  static void centre(std::vector<float>& values) {
    const float mean = std::accumulate(values.begin(), values.end(), 0.0F) / static_cast<float>(values.size());
    for (float& value : values) value -= mean;
  }
  static double product(const std::vector<float>& a, const std::vector<float>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  }
  static double difference(const std::vector<float>& a, const std::vector<float>& b) {
    float sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return static_cast<double>(sum);
  }

  std::vector<double> differences_;
  double squares_ = 0;
  std::vector<std::vector<float>> outputs_;  // [choice]: of the sample at hand
};

// What stands behind stage `depth`-1, the f32 tensors one after another.
std::vector<float> floats_at(StageSessions& sessions, const std::vector<TensorSpec>& specs, std::size_t depth) {
  std::vector<float> values;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].type != ElementType::kF32) continue;
    const auto bytes = sessions.at(depth)[i].span();
    const std::size_t before = values.size();
    values.resize(before + bytes.size() / sizeof(float));
    std::memcpy(values.data() + before, bytes.data(), bytes.size());
  }
  return values;
}

class Probe {
 public:
  Probe(StageSessions sessions, const StageTable& stages, const zoo::Dataset& data)
      : sessions_(std::move(sessions)), stages_(stages), data_(data), kept_(sessions_.stages() + 1) {
    for (std::size_t s = 0; s < kept_.size(); ++s) kept_[s].resize(sessions_.bytes(s));
  }

  // One sample's outputs for all choices of a part, the stages in front of it being dense.
  Status run(const OutputDistances::Part& part, std::size_t sample, Sums& sums) {
    sessions_.load(data_, sample);
    for (std::size_t s = 0; s < part.stages.front(); ++s) SL_RETURN_IF_ERROR(run_stage(s, 0));
    std::size_t choice = 0;
    return walk(part, part.stages.front(), choice, sums);
  }
  std::size_t stage_runs() const { return stage_runs_; }

 private:
  Status run_stage(std::size_t s, std::size_t v) {
    ++stage_runs_;
    return sessions_.run(s, v);
  }

  Status walk(const OutputDistances::Part& part, std::size_t s, std::size_t& choice, Sums& sums) {
    if (s == depth_of(part)) {
      sums.output(choice++) = floats_at(sessions_, stages_.front()[s - 1]->outputs(), s);
      return {};
    }
    sessions_.take(s, kept_[s].data());  // a runtime may write over its inputs' neighbours, a deeper walk does
    for (std::size_t v = 0; v < sessions_.variants(); ++v) {
      sessions_.put(s, kept_[s].data());
      SL_RETURN_IF_ERROR(run_stage(s, v));
      SL_RETURN_IF_ERROR(walk(part, s + 1, choice, sums));
    }
    return {};
  }

  StageSessions sessions_;
  const StageTable& stages_;
  const zoo::Dataset& data_;
  std::vector<std::vector<std::byte>> kept_;  // [s]: what stage s takes while its variants are tried
  std::size_t stage_runs_ = 0;
};

}  // namespace

std::size_t OutputDistances::Part::choice(const zoo::Sigma& sigma, std::size_t of_variants) const {
  std::size_t index = 0;
  for (const std::size_t s : stages) index = index * of_variants + sigma[s].index();
  return index;
}

OutputDistances output_parts(std::size_t variants, std::size_t stages) {
  OutputDistances distances;
  distances.variants = variants;
  const auto add = [&](std::vector<std::size_t> of) {
    const std::size_t choices = of.size() == 1 ? variants : variants * variants;
    distances.parts.push_back({std::move(of), choices, std::vector<double>(choices * choices)});
  };
  for (std::size_t s = 0; s < stages; ++s) {
    add({s});
    if (s == 1 && stages > 2) add({0, 1});
  }
  return distances;
}

Result<OutputDistances> measure_distances(const StageTable& stages, const zoo::Dataset& data, std::size_t samples,
                                          const Control& control) {
  OutputDistances distances = output_parts(stages.size(), stages.front().size());
  SL_ASSIGN_OR_RETURN(StageSessions sessions, StageSessions::bind(stages));
  Probe probe(std::move(sessions), stages, data);
  distances.samples = std::min(samples, data.size());
  for (OutputDistances::Part& part : distances.parts) {
    Sums sums(part.choices);
    for (std::size_t n = 0; n < distances.samples; ++n) {
      if (control.stopped()) return Status(Code::kCancelled, "stopped");
      SL_RETURN_IF_ERROR(probe.run(part, n * data.size() / distances.samples, sums));
      sums.add_sample(depth_of(part) == stages.front().size());
    }
    sums.finish(part);
  }
  distances.stage_runs = probe.stage_runs();
  return distances;
}

}  // namespace sparseloom::profile
