#include "sparseloom/metrics.h"

#include <algorithm>
#include <cmath>

namespace sparseloom {
namespace {

constexpr double kFirstEnd = 1e-6;  // seconds
constexpr double kBinsPerOctave = 4;

}  // namespace

Seconds LatencyHistogram::upper_end(std::size_t bin) {
  return Seconds(kFirstEnd * std::exp2(static_cast<double>(bin) / kBinsPerOctave));
}

void LatencyHistogram::add(Seconds duration) {
  const double bin = std::ceil(kBinsPerOctave * std::log2(std::max(duration.count(), kFirstEnd) / kFirstEnd));
  ++bins_[std::min(static_cast<std::size_t>(bin), kBins - 1)];
  ++count_;
  sum_ += duration;
}

Seconds LatencyHistogram::quantile(double q) const {
  if (count_ == 0) return Seconds(0);
  const auto rank = static_cast<std::uint64_t>(std::max(1.0, std::ceil(q * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  std::size_t bin = 0;
  while (bin + 1 < kBins && (seen += bins_[bin]) < rank) ++bin;
  return upper_end(bin);
}

}  // namespace sparseloom
