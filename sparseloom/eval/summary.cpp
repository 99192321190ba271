#include "sparseloom/eval/summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "sparseloom/base/csv.h"

namespace sparseloom::eval {
namespace {

// Single original variants, whatever the SLO; those chosen for the SLO; and what today's servers do.
constexpr std::array kSingle{"sv-ao-np", "sv-ao-p", "sv-lo-np", "sv-lo-p"};
constexpr std::array kAdaptive{"av-np", "av-p"};
constexpr std::array kBaselines{"sv-ao-np", "sv-ao-p", "sv-lo-np", "sv-lo-p", "av-np", "av-p", "shared"};

const Summary* find(const std::vector<Summary>& all, const std::string& soc, std::string_view system) {
  for (const Summary& s : all) {
    if (s.soc == soc && s.system == system) return &s;
  }
  return nullptr;
}

// The least (or, with `largest`, the greatest) value that those of the systems have which are there.
template <typename Systems, typename Value>
std::optional<double> best(const std::vector<Summary>& all, const std::string& soc, const Systems& systems,
                           const Value& value, bool largest) {
  std::optional<double> result;
  for (const char* system : systems) {
    const Summary* s = find(all, soc, system);
    const std::optional<double> v = s == nullptr ? std::nullopt : value(*s);
    if (v) result = !result ? *v : largest ? std::max(*result, *v) : std::min(*result, *v);
  }
  return result;
}

// Nothing if theirs is 0.
std::optional<double> ratio(double ours, double theirs) {
  return theirs > 0 ? std::optional(ours / theirs) : std::nullopt;
}

std::optional<double> share_avoided(double ours, double theirs) {
  return theirs > 0 ? std::optional(1 - ours / theirs) : std::nullopt;
}

}  // namespace

bool is_baseline(std::string_view system) {
  return std::find(kBaselines.begin(), kBaselines.end(), system) != kBaselines.end();
}

std::vector<Summary> summarize(const std::vector<Row>& rows) {
  std::vector<Summary> all;
  std::vector<std::vector<double>> goodputs;
  for (const Row& row : rows) {
    auto found = std::find_if(all.begin(), all.end(),
                              [&](const Summary& s) { return s.soc == row.soc && s.system == row.system; });
    if (found == all.end()) {
      Summary summary;
      summary.soc = row.soc;
      summary.modelled = row.modelled;
      summary.system = row.system;
      found = all.insert(all.end(), std::move(summary));
      goodputs.emplace_back();
    }
    Summary& s = *found;
    const double weight = 1 / static_cast<double>(++s.cells);
    const auto mean = [weight](double& to, double value) { to += weight * (value - to); };
    mean(s.violation_rate, row.violation_rate.value);
    mean(s.violations.latency, row.violations.latency);
    mean(s.violations.accuracy, row.violations.accuracy);
    mean(s.violations.both, row.violations.both);
    mean(s.throughput_qps, row.throughput_qps);
    mean(s.completed_qps, row.completed_qps);
    mean(s.equal_qps, row.equal_qps);
    if (s.cells == 1) s.most_qps = row.most_qps;
    if (!row.most_qps) s.most_qps.reset();
    if (s.most_qps) mean(*s.most_qps, *row.most_qps);
    mean(s.resident_bytes, static_cast<double>(row.resident.count));
    if (row.goodput_qps) goodputs[static_cast<std::size_t>(found - all.begin())].push_back(row.goodput_qps->mean);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!goodputs[i].empty()) all[i].goodput_qps = mean95(goodputs[i]).mean;
  }
  return all;
}

std::vector<std::string> lost_cells(const std::vector<Row>& rows, const std::string& soc, const std::string& ours) {
  std::map<plan::GridCell, const Row*> own;
  for (const Row& row : rows) {
    if (row.soc == soc && row.system == ours) own[row.cell] = &row;
  }
  std::vector<std::string> lost;
  for (const Row& row : rows) {
    if (row.soc != soc || !is_baseline(row.system) || !own.contains(row.cell)) continue;
    if (own[row.cell]->violation_rate.low > row.violation_rate.high) {
      lost.push_back(fmt::format("{} to {}", row.cell.name(), row.system));
    }
  }
  return lost;
}

std::vector<Target> targets(const std::vector<Row>& rows, const std::string& ours) {
  const std::vector<Summary> all = summarize(rows);
  std::vector<Target> result;
  for (const Summary& own : all) {
    if (own.system != ours) continue;
    const auto add = [&](const std::string& what, double asked, std::optional<double> measured) {
      result.push_back({own.soc, own.modelled, what, asked, measured});
    };
    const auto add_throughput = [&](const std::string& what, double asked, double other) {
      add(what, asked, ratio(own.throughput_qps, other));
      std::optional<double> most;
      for (const Summary& s : all) {
        if (s.soc == own.soc && s.most_qps) most = std::max(most.value_or(0), *s.most_qps);
      }
      result.back().equal_shares = ratio(own.equal_qps, other);
      if (most) result.back().limit = ratio(*most, other);
    };
    const auto violations = [](const Summary& s) { return std::optional(s.violation_rate); };
    const auto throughput = [](const Summary& s) { return std::optional(s.throughput_qps); };
    const auto goodput = [](const Summary& s) { return s.goodput_qps; };
    if (const auto other = best(all, own.soc, std::array{"sv-lo-np"}, violations, false)) {
      add(fmt::format("violations: 1 - {} / sv-lo-np", ours), 0.74, share_avoided(own.violation_rate, *other));
    }
    if (const auto other = best(all, own.soc, kAdaptive, violations, false)) {
      add(fmt::format("violations: 1 - {} / the better av", ours), 0.247, share_avoided(own.violation_rate, *other));
    }
    if (own.throughput_qps > 0) {
      if (const auto other = best(all, own.soc, std::array{"sv-ao-np"}, throughput, true)) {
        add_throughput(fmt::format("throughput: {} / sv-ao-np", ours), 2.31, *other);
      }
      if (const auto other = best(all, own.soc, kSingle, throughput, true)) {
        add_throughput(fmt::format("throughput: {} / the best sv", ours), 1.53, *other);
      }
    }
    if (own.goodput_qps) {
      if (const auto other = best(all, own.soc, kBaselines, goodput, true)) {
        add(fmt::format("goodput: {} / the best baseline", ours), 1.6, ratio(*own.goodput_qps, *other));
      }
    }
    const auto rivals = std::count_if(all.begin(), all.end(),
                                      [&](const Summary& s) { return s.soc == own.soc && is_baseline(s.system); });
    if (rivals > 0) {
      const double lost = static_cast<double>(lost_cells(rows, own.soc, ours).size());
      add("share of (cell, baseline) not lost", 1,
          1 - lost / static_cast<double>(own.cells) / static_cast<double>(rivals));
    }
  }
  return result;
}

std::string to_csv(const std::vector<Row>& rows) {
  std::string csv =
      "soc,modelled,system,accuracy_index,latency_index,violation_rate,violation_rate_low,violation_rate_high,"
      "late,inaccurate,both,throughput_qps,completed_qps,equal_qps,goodput_qps,goodput_half_width,resident_bytes\n";
  for (const Row& r : rows) {
    csv += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_quoted(r.soc), r.modelled, r.system,
        r.cell.accuracy_index, r.cell.latency_index, r.violation_rate.value, r.violation_rate.low,
        r.violation_rate.high, r.violations.latency, r.violations.accuracy, r.violations.both, r.throughput_qps,
        r.completed_qps, r.equal_qps, r.goodput_qps ? fmt::format("{}", r.goodput_qps->mean) : "",
        r.goodput_qps && !std::isnan(r.goodput_qps->half_width) ? fmt::format("{}", r.goodput_qps->half_width) : "",
        r.resident.count);
  }
  return csv;
}

}  // namespace sparseloom::eval
