#include "sparseloom/profile/estimate/stitch_kernel.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sparseloom::profile {
namespace {

constexpr std::size_t kAmplitude = 0, kConstant = 1, kNoise = 2, kParts = 3;

double weight(const StitchKernel::Parameters& p, std::size_t part) { return std::exp(p[kParts + 2 * part]); }

double matern(double squared, double log_length) {
  const double r = std::numbers::sqrt3 * std::sqrt(squared) * std::exp(-log_length);
  return (1 + r) * std::exp(-r);
}

}  // namespace

StitchKernel::StitchKernel(const OutputDistances& distances)
    : distances_(distances), front_stages_(distances.parts.back().stages.back() > 1 ? 2 : 1) {}

bool StitchKernel::in_front(const OutputDistances::Part& part) const { return part.stages.back() < front_stages_; }

StitchKernel::Parameters StitchKernel::prior() const {
  Parameters p{std::log(0.8), std::log(0.3), std::log(0.005)};
  for (const OutputDistances::Part& part : distances_.parts) {
    const bool alone_in_front = in_front(part) && part.stages.size() < front_stages_;
    p.push_back(std::log(alone_in_front ? 0.5 : 1.0));
    p.push_back(std::log(part.stages.front() == 0 ? 0.3 : 0.4));
  }
  return p;
}

double StitchKernel::noise(const Parameters& p) { return std::exp(p[kNoise]); }

double StitchKernel::variance(const Parameters& p) const {
  double front = std::exp(p[kConstant]);
  double later = 1;
  for (std::size_t t = 0; t < distances_.parts.size(); ++t) {
    in_front(distances_.parts[t]) ? front += weight(p, t) : later *= 1 + weight(p, t);
  }
  return std::exp(p[kAmplitude]) * front * later;
}

std::vector<double> StitchKernel::matrix(const Parameters& p, const std::vector<zoo::Sigma>& a,
                                         const std::vector<zoo::Sigma>& b) const {
  const double constant = std::exp(p[kConstant]), amplitude = std::exp(p[kAmplitude]);
  std::vector<double> front(a.size() * b.size(), constant), later(a.size() * b.size(), 1.0);
  for (std::size_t t = 0; t < distances_.parts.size(); ++t) {
    const OutputDistances::Part& part = distances_.parts[t];
    std::vector<std::size_t> columns;
    for (const zoo::Sigma& sigma : b) columns.push_back(part.choice(sigma, distances_.variants));
    std::vector<double> known(part.squared.size(), -1);  // a pair of choices occurs many times: computed once
    for (std::size_t i = 0; i < a.size(); ++i) {
      const std::size_t row = part.choice(a[i], distances_.variants) * part.choices;
      for (std::size_t j = 0; j < b.size(); ++j) {
        double& alike = known[row + columns[j]];
        if (alike < 0) alike = weight(p, t) * matern(part.squared[row + columns[j]], p[kParts + 2 * t + 1]);
        const std::size_t at = i * b.size() + j;
        in_front(part) ? front[at] += alike : later[at] *= 1 + alike;
      }
    }
  }
  for (std::size_t at = 0; at < front.size(); ++at) front[at] *= amplitude * later[at];
  return front;
}

}  // namespace sparseloom::profile
