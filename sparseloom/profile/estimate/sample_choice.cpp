#include "sparseloom/profile/estimate/sample_choice.h"

#include <algorithm>
#include <set>

namespace sparseloom::profile {
namespace {

class Chooser {
 public:
  explicit Chooser(const SampleQuestion& question)
      : q_(question),
        n_(question.candidates.size()),
        covariance_(question.kernel.matrix(question.parameters, question.candidates, question.candidates)),
        taken_(n_, false) {
    for (const zoo::Sigma& sigma : q_.together) visit(sigma);
    for (const zoo::Sigma& sigma : q_.observed) {
      cover(sigma);
      const auto at = std::find(q_.candidates.begin(), q_.candidates.end(), sigma);
      if (at != q_.candidates.end()) take(static_cast<std::size_t>(at - q_.candidates.begin()));
    }
  }

  std::vector<zoo::Sigma> choose() {
    std::vector<zoo::Sigma> chosen;
    while (chosen.size() < q_.count) {
      const auto best = next();
      if (best == n_) break;
      chosen.push_back(q_.candidates[best]);
      cover(chosen.back());
      visit(chosen.back());
      take(best);
    }
    return chosen;
  }

 private:
  std::size_t next() const {
    std::size_t most_new = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      if (!taken_[i]) most_new = std::max(most_new, new_pairs(q_.candidates[i]));
    }
    std::size_t best = n_;
    double most = -1;
    for (std::size_t i = 0; i < n_; ++i) {
      if (taken_[i] || new_pairs(q_.candidates[i]) < most_new) continue;
      const double worth = gain(i) / static_cast<double>(passes(q_.candidates[i]));
      if (worth > most) {
        most = worth;
        best = i;
      }
    }
    return best;
  }

  // By how much measuring i lowers the relevance-weighted sum of variances.
  double gain(std::size_t i) const {
    double sum = 0;
    for (std::size_t j = 0; j < n_; ++j) sum += q_.relevance[j] * covariance_[i * n_ + j] * covariance_[i * n_ + j];
    return sum / (covariance_[i * n_ + i] + StitchKernel::noise(q_.parameters));
  }

  std::size_t passes(const zoo::Sigma& sigma) const {
    std::size_t count = 1;
    for (std::size_t d = 1; d < sigma.size(); ++d) {
      count += visited_.contains({sigma.begin(), sigma.begin() + static_cast<std::ptrdiff_t>(d)}) ? 0 : 1;
    }
    return count;
  }

  std::size_t new_pairs(const zoo::Sigma& sigma) const {
    if (is_original(sigma)) return 0;
    std::size_t count = 0;
    for (std::size_t s = 0; s < sigma.size(); ++s) count += covered_.contains({s, sigma[s]}) ? 0 : 1;
    return count;
  }
  void cover(const zoo::Sigma& sigma) {
    for (std::size_t s = 0; s < sigma.size() && !is_original(sigma); ++s) covered_.insert({s, sigma[s]});
  }
  void visit(const zoo::Sigma& sigma) {
    for (std::size_t d = 1; d < sigma.size(); ++d) {
      visited_.insert({sigma.begin(), sigma.begin() + static_cast<std::ptrdiff_t>(d)});
    }
  }

  // The posterior after i is measured: a rank-one step.
  void take(std::size_t i) {
    taken_[i] = true;
    const std::vector<double> row(covariance_.begin() + static_cast<std::ptrdiff_t>(i * n_),
                                  covariance_.begin() + static_cast<std::ptrdiff_t>((i + 1) * n_));
    const double variance = row[i] + StitchKernel::noise(q_.parameters);
    for (std::size_t a = 0; a < n_; ++a) {
      const double factor = row[a] / variance;
      for (std::size_t b = 0; b < n_; ++b) covariance_[a * n_ + b] -= factor * row[b];
    }
  }

  const SampleQuestion& q_;
  std::size_t n_;
  std::vector<double> covariance_;
  std::vector<bool> taken_;
  std::set<std::pair<std::size_t, zoo::VariantId>> covered_;
  std::set<zoo::Sigma> visited_;  // prefixes
};

}  // namespace

bool is_original(const zoo::Sigma& sigma) {
  return std::all_of(sigma.begin(), sigma.end(), [&](zoo::VariantId v) { return v == sigma.front(); });
}

std::vector<zoo::Sigma> choose_samples(const SampleQuestion& question) { return Chooser(question).choose(); }

}  // namespace sparseloom::profile
