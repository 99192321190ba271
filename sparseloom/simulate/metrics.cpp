#include "sparseloom/simulate/metrics.h"

#include <algorithm>
#include <cmath>

namespace sparseloom::simulate {
namespace {

// A nanosecond to thirty years; what lies outside counts as the nearer end.
constexpr double kSmallest = 1e-9, kLargest = 1e9, kFactor = 1.002;

}  // namespace

void QuantileSketch::add(double value) {
  const double bin = std::log(std::clamp(value, kSmallest, kLargest) / kSmallest) / std::log(kFactor);
  const auto index = static_cast<std::size_t>(bin);
  if (index >= counts_.size()) counts_.resize(index + 1);
  ++counts_[index];
  ++total_;
}

double QuantileSketch::quantile(double q) const {
  if (total_ == 0) return 0;
  const double rank = std::max(1.0, std::ceil(q * static_cast<double>(total_)));  // nearest rank, as reports use
  const auto wanted = static_cast<std::uint64_t>(rank) - 1;
  std::size_t bin = 0;
  for (std::uint64_t seen = counts_[0]; seen <= wanted; seen += counts_[bin]) ++bin;
  return kSmallest * std::pow(kFactor, static_cast<double>(bin) + 0.5);
}

void Meter::ran(const sched::Request& /*request*/, const sched::Dispatch& dispatch, Seconds start, Seconds end,
                bool waited) {
  ++sums_.stages;
  sums_.preemptions += waited ? 1 : 0;
  pools_.each_taken(dispatch.processor, [&](soc::ProcessorId p) { busy_[p.index()] += end - start; });
}

void Meter::finished(const Query& query, Seconds at) {
  const sched::Request& request = query.request;
  if (sums_.requests == 0 || request.arrival < first_arrival_) first_arrival_ = request.arrival;
  last_finish_ = std::max(last_finish_, at);
  ++sums_.requests;
  sums_.violations += at > request.deadline ? 1 : 0;
  const Seconds taken = at - request.arrival;
  normalised_ += taken / query.truth->remaining.front();
  latencies_.add(taken.count());
}

Metrics Meter::metrics() const {
  Metrics m = sums_;
  if (m.requests == 0) return m;
  const auto requests = static_cast<double>(m.requests);
  const Seconds whole = last_finish_ - first_arrival_;
  m.antt = normalised_ / requests;
  m.throughput = requests / whole.count();
  m.p50 = Seconds(latencies_.quantile(0.50));
  m.p95 = Seconds(latencies_.quantile(0.95));
  m.p99 = Seconds(latencies_.quantile(0.99));
  for (const Seconds busy : busy_) m.utilisation.push_back(busy / whole);
  return m;
}

}  // namespace sparseloom::simulate
