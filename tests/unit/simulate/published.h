// The public benchmark's schedulers written down as its rules are stated (docs/simulate.md): one processor, a list of
// running requests that every decision scans from front to back. Slow and plain, to compare the real ones with.
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace sparseloom::simulate::testing {

struct PublishedRequest {
  double arrival = 0, deadline = 0, priority = 1;
  std::vector<double> latency, sparsity;                         // by layer: what will happen
  std::vector<double> model_mean, pattern_mean, usual_sparsity;  // by layer: what is expected
};

class Published {
 public:
  explicit Published(std::string policy) : policy_(std::move(policy)) {}

  /// Finish times, in the order of the requests.
  std::vector<double> play(const std::vector<PublishedRequest>& requests) {
    std::vector<double> finish(requests.size());
    std::size_t next = 0;
    for (std::size_t ended = 0; ended < requests.size();) {
      if (running_.empty()) {
        clock_ = requests[next].arrival;
        admit(requests, next++);
      } else {
        while (next < requests.size() && requests[next].arrival < clock_) admit(requests, next++);
      }
      const std::size_t chosen = pick();
      Running& r = running_[chosen];
      clock_ += r.request->latency[r.done++];
      r.last_run = clock_;
      if (r.done < r.request->latency.size()) continue;
      finish[r.index] = clock_;
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(chosen));
      ++ended;
    }
    return finish;
  }

 private:
  struct Running {
    const PublishedRequest* request = nullptr;
    std::size_t index = 0, done = 0;
    double last_run = 0, token = -1;
  };

  bool oracle() const { return policy_ == "dysta_oracle"; }
  bool monitored() const {
    return policy_ == "sjf_sparse" || policy_ == "sdrm3_sparse" || policy_ == "dysta" || policy_ == "stretch";
  }

  void admit(const std::vector<PublishedRequest>& requests, std::size_t index) {
    running_.push_back({&requests[index], index, 0, requests[index].arrival, -1});
  }

  const std::vector<double>& estimates(const Running& r) const {
    return oracle() ? r.request->latency : monitored() ? r.request->pattern_mean : r.request->model_mean;
  }
  double gamma(const Running& r) const {
    if (!monitored() || r.done == 0) return 1;
    double sum = 0;
    for (std::size_t k = 0; k < r.done; ++k) sum += (1 - r.request->sparsity[k]) / (1 - r.request->usual_sparsity[k]);
    return sum / static_cast<double>(r.done);
  }
  double sum_from(const Running& r, std::size_t first) const {
    double sum = 0;
    for (std::size_t k = first; k < estimates(r).size(); ++k) sum += estimates(r)[k];
    return sum;
  }
  double remaining(const Running& r) const { return gamma(r) * sum_from(r, r.done); }

  template <typename Score>
  std::size_t least(const Score& score) const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < running_.size(); ++i) {
      if (score(running_[i]) < score(running_[best])) best = i;
    }
    return best;
  }

  template <typename Score>
  std::size_t scan_for_greatest(const Score& score) const {
    std::size_t best = 0;
    double best_score = -1;
    for (std::size_t i = 0; i < running_.size(); ++i) {
      const double s = score(running_[i]);
      const bool held_came_first = running_[best].request->arrival < running_[i].request->arrival;
      if (best_score < 0 || (best_score <= s && !(best_score == s && held_came_first))) best = i, best_score = s;
    }
    return best;
  }

  std::size_t prema() {
    double most = 0;
    for (Running& r : running_) {
      if (r.token < 0) {
        r.token = r.request->priority;
      } else {
        r.token += r.request->priority * ((clock_ - r.last_run) / sum_from(r, 0));
        most = std::max(most, r.token);
      }
    }
    const double threshold = most >= 9 ? 9 : most >= 3 ? 3 : 1;
    const bool any =
        std::any_of(running_.begin(), running_.end(), [&](const Running& r) { return r.token >= threshold; });
    return least([&](const Running& r) {
      return any && r.token < threshold ? std::numeric_limits<double>::infinity() : remaining(r);
    });
  }

  std::size_t pick() {
    if (policy_ == "fcfs") return least([](const Running& r) { return r.request->arrival; });
    if (policy_ == "sjf" || policy_ == "sjf_sparse") return least([&](const Running& r) { return remaining(r); });
    if (policy_ == "prema") return prema();
    if (policy_ == "planaria") {
      return scan_for_greatest([&](const Running& r) { return r.request->priority / (r.request->deadline - clock_); });
    }
    if (policy_ == "sdrm3" || policy_ == "sdrm3_sparse") {
      return scan_for_greatest([&](const Running& r) {
        const double urgency = std::min(1.0, remaining(r) / (r.request->deadline - clock_));
        return urgency + 1.0 * ((clock_ - r.last_run) / (gamma(r) * estimates(r)[r.done]));
      });
    }
    if (policy_ == "stretch") {  // not published: ours
      return least([&](const Running& r) {
        const double product = remaining(r) * sum_from(r, 0), spare = r.request->deadline - clock_ - remaining(r);
        const double competing = static_cast<double>(running_.size()) * (1 + spare / (3 * sum_from(r, 0)));
        return spare < 0 ? product * 1.5 : product / (1 + 1 / competing);
      });
    }
    return least([&](const Running& r) {  // the forms of dysta
      const double slack = r.request->deadline - clock_;
      const double waited = (clock_ - r.last_run) / sum_from(r, 0) / static_cast<double>(running_.size());
      return remaining(r) + 0.01 * (std::max(0.0, slack - remaining(r)) + waited);
    });
  }

  std::string policy_;
  std::vector<Running> running_;  // in the order of admission
  double clock_ = 0;
};

}  // namespace sparseloom::simulate::testing
