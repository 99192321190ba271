#include "sparseloom/place/learned/environment.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sparseloom/place/processors.h"

namespace sparseloom::place {
namespace {

constexpr std::size_t kAllThatAreLeft = static_cast<std::size_t>(-1);
constexpr std::array<std::size_t, kWindows> kAhead{2, 4, 8, 16, kAllThatAreLeft};
constexpr double kMostOfFeature = 6;

float bounded(double value) { return static_cast<float>(std::clamp(value, -kMostOfFeature, kMostOfFeature)); }

// Straight about 0, the logarithm of what is large.
float squashed(double value) { return bounded(std::copysign(std::log1p(std::abs(value)), value)); }

// Of two times, of which either may be kCannot.
float log_ratio(double a, double b) {
  if (a == kCannot || b == kCannot)
    return bounded((a == kCannot ? kMostOfFeature : 0) - (b == kCannot ? kMostOfFeature : 0));
  return a > 0 && b > 0 ? bounded(std::log(a / b)) : 0;
}

bool are_same_processors(const Share& a, const Share& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](std::uint8_t x, std::uint8_t y) { return (x > 0) == (y > 0); });
}

using Seconds = std::array<double, kQuarters + 1>;

// Of the slower of both, by the other one's quarters.
Seconds divided(const OperatorGroup& group, const ProcessorPair& pair) {
  Seconds seconds{};
  for (std::size_t q = 0; q <= kQuarters; ++q)
    seconds[q] = std::max(group.seconds[pair.cpu][kQuarters - q], group.seconds[pair.other][q]);
  return seconds;
}

}  // namespace

Result<std::vector<ProcessorPair>> find_pairs(const CostTable& table) {
  const std::vector<std::size_t> cpus = of_kinds(table, {ProcessorKind::kCpu});
  const auto cpu = best_of(table, cpus);
  if (!cpu) return error(Code::kFailedPrecondition, "this machine has no CPU");
  std::vector<std::size_t> others = of_kinds(table, {ProcessorKind::kGpu, ProcessorKind::kOther});
  if (others.empty()) others = cpus;
  std::vector<ProcessorPair> pairs;
  for (const std::size_t other : others)
    if (other != *cpu) pairs.push_back({*cpu, other});
  if (!pairs.empty()) return pairs;
  return error(Code::kFailedPrecondition, "this machine has no processor beside '{}'", table.processors[*cpu].name);
}

Result<std::unique_ptr<Environment>> Environment::create(CostTable table, const ProcessorPair& pair, CostModel model,
                                                         RewardWeights weights) {
  for (const OperatorGroup& group : table.groups) {
    const Seconds seconds = divided(group, pair);
    if (std::any_of(seconds.begin(), seconds.end(), [](double s) { return s != kCannot; })) continue;
    return error(Code::kFailedPrecondition, "operator group '{}': '{}' and '{}' together do not run it", group.name,
                 table.processors[pair.cpu].name, table.processors[pair.other].name);
  }
  return std::unique_ptr<Environment>(new Environment(std::move(table), pair, model, std::move(weights)));
}

Result<std::vector<std::unique_ptr<Environment>>> environments_of(const CostTable& table, CostModel model,
                                                                  const RewardWeights& weights) {
  SL_ASSIGN_OR_RETURN(const std::vector<ProcessorPair> pairs, find_pairs(table));
  std::vector<std::unique_ptr<Environment>> environments;
  Status first;
  for (const ProcessorPair& pair : pairs) {
    auto made = Environment::create(table, pair, model, weights);
    if (made.ok()) {
      environments.push_back(std::move(made).value());
    } else if (first.ok()) {
      first = made.status();
    }
  }
  if (environments.empty()) return first;
  return environments;
}

Environment::Environment(CostTable table, const ProcessorPair& pair, CostModel model, RewardWeights weights)
    : table_(std::move(table)),
      pair_(pair),
      weights_(std::move(weights)),
      known_(table_.groups.size()),
      timeline_(table_, model) {
  for (std::uint8_t q = 0; q <= kQuarters; ++q) {
    shares_[q].resize(table_.processors.size());
    shares_[q][pair.other] = q;
    shares_[q][pair.cpu] = static_cast<std::uint8_t>(kQuarters - q);
  }
  const std::size_t count = table_.groups.size();
  std::vector<std::size_t> readers(count);
  for (std::size_t g = 0; g < count; ++g) {
    for (const Input& input : table_.groups[g].inputs)
      if (input.from) ++readers[input.from->index()];
    Known& known = known_[g];
    known.seconds = divided(table_.groups[g], pair);
    known.least = *std::min_element(known.seconds.begin(), known.seconds.end());
    unit_ += known.least / static_cast<double>(count);
  }
  if (!(unit_ > 0)) unit_ = 1;  // of groups that take no time
  for (std::size_t g = 0; g < count; ++g) know_group(g, readers[g]);
  look_ahead();
}

void Environment::know_group(std::size_t g, std::size_t readers) {
  const OperatorGroup& group = table_.groups[g];
  Known& known = known_[g];
  std::vector<float>& features = known.features;
  features.push_back(log_ratio(known.seconds[0], known.seconds[kQuarters]));
  features.push_back(log_ratio(known.least, unit_));
  for (const double seconds : known.seconds) features.push_back(log_ratio(seconds, known.least));
  features.push_back(group.along ? 1 : 0);
  features.push_back(group.returned ? 1 : 0);
  features.push_back(squashed(static_cast<double>(group.inputs.size())));
  features.push_back(squashed(static_cast<double>(readers)));
  features.push_back(bounded(std::log1p(group.intensity()) / 2));
  features.push_back(bounded(group.weight_sparsity));
  features.push_back(bounded(group.activation_sparsity));
  features.push_back(squashed(handover_seconds(table_, pair_.cpu, pair_.other, group.result_bytes) / unit_));
  features.push_back(squashed(handover_seconds(table_, pair_.other, pair_.cpu, group.result_bytes) / unit_));
}

// What the next groups take if all of them are divided alike, as far as they can be.
void Environment::look_ahead() {
  const std::size_t count = known_.size();
  std::array<std::vector<double>, kQuarters + 1> sums;
  for (std::size_t q = 0; q <= kQuarters; ++q) {
    sums[q].assign(count + 1, 0);
    for (std::size_t g = 0; g < count; ++g)
      sums[q][g + 1] = sums[q][g] + (known_[g].seconds[q] == kCannot ? known_[g].least : known_[g].seconds[q]);
  }
  for (std::size_t g = 0; g < count; ++g) {
    std::vector<float>& features = known_[g].features;
    for (const std::size_t ahead : kAhead) {
      const std::size_t end = ahead < count - g ? g + ahead : count;
      std::array<double, kQuarters + 1> window{};
      for (std::size_t q = 0; q <= kQuarters; ++q) window[q] = sums[q][end] - sums[q][g];
      const double least = *std::min_element(window.begin(), window.end());
      for (const double seconds : window) features.push_back(squashed((seconds - least) / unit_));
    }
    features.push_back(static_cast<float>(count - g) / static_cast<float>(count));
  }
}

void Environment::reset() {
  timeline_.clear();
  placement_.clear();
}

Observation Environment::observe() const {
  const std::size_t g = timeline_.groups();
  const Known& known = known_[g];
  const double now = std::max(timeline_.free_at(pair_.cpu), timeline_.free_at(pair_.other));
  std::array<double, kQuarters + 1> ends{};
  for (std::uint8_t q = 0; q <= kQuarters; ++q)
    ends[q] = known.seconds[q] == kCannot ? kCannot : timeline_.end_of(shares_[q]);
  const double first = *std::min_element(ends.begin(), ends.end());
  double read = 0, there = 0;
  for (const Input& input : table_.groups[g].inputs) {
    if (!input.from) continue;
    const double bytes = table_.groups[input.from->index()].result_bytes;
    read += bytes;
    there += part(bytes, timeline_.quarters(input.from->index(), pair_.other));
  }
  Observation features{};
  std::size_t at = 0;
  features[at++] = squashed((first - now) / unit_);
  for (const double end : ends) features[at++] = squashed((end - first) / unit_);
  features[at++] = squashed((timeline_.free_at(pair_.cpu) - now) / unit_);
  features[at++] = squashed((timeline_.free_at(pair_.other) - now) / unit_);
  features[at++] = read > 0 ? 1 : 0;
  features[at++] = read > 0 ? static_cast<float>(there / read) : 0;
  features[at++] = g > 0 ? static_cast<float>(part(1, timeline_.quarters(g - 1, pair_.other))) : 0;
  std::copy(known.features.begin(), known.features.end(), features.begin() + static_cast<std::ptrdiff_t>(at));
  return features;
}

std::uint8_t Environment::project(double share) const {
  const Known& known = known_[timeline_.groups()];
  std::uint8_t best = 0;
  double least = kCannot;
  for (std::uint8_t q = 0; q <= kQuarters; ++q) {
    const double distance = std::abs(share * kQuarters - q);
    if (known.seconds[q] == kCannot || distance >= least) continue;
    least = distance;
    best = q;
  }
  return best;
}

double Environment::step(std::uint8_t quarters) {
  const double before = timeline_.latency();
  const std::size_t group = timeline_.groups();
  const Share& share = shares_[quarters];
  double off = weights_.energy != 0 ? weights_.energy * weights_.joules(group, share) : 0;
  if (group > 0 && !are_same_processors(share, placement_.back())) off += weights_.switching;
  timeline_.add(share);
  placement_.push_back(share);
  return before - timeline_.latency() - off;
}

}  // namespace sparseloom::place
