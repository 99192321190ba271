#include "sparseloom/place/threshold_features.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "sparseloom/place/thresholds.h"

namespace sparseloom::place {
namespace {

/// A smaller share counts as this, so that logarithms are finite; a larger one as that: it is out of the question.
constexpr double kLeastShare = 1e-6, kMostShare = 4;
constexpr double kMostInputs = 4;

double log_count(double count) { return std::log10(1 + std::max(count, 0.0)); }
double log_share(double share) { return std::log10(std::max(share, kLeastShare)); }

// Where a value stands among those of the model, which `before` orders: 0..1.
template <typename Before>
double rank(const std::vector<double>& values, double value, Before before) {
  const auto at = std::lower_bound(values.begin(), values.end(), value, before) - values.begin();
  return std::min(1.0, static_cast<double>(at) / static_cast<double>(values.size() - 1));
}

// Where the sources of a row stand; without any, the row itself.
struct Read {
  double least = 1, greatest = 0;

  void add(double rank) {
    least = std::min(least, rank);
    greatest = std::max(greatest, rank);
  }
  Read or_own(double own) const { return least <= greatest ? *this : Read{own, own}; }
};

// Neighbouring groups as one; mostly a single one.
struct Row {
  double operations = 0, bytes = 0, result_bytes = 0;
  double activation_zeros = 0, weight_zeros = 0;  // mean of its groups
  double cpu = 0, gpu = 0;                        // seconds; where one cannot, the other's
  double cpu_cannot = 0, gpu_cannot = 0;          // share of its groups
  double inputs = 0, readers = 0;                 // mean of its groups
  double to_gpu = 0, to_cpu = 0;                  // seconds until all that it reads has come from the other
  double from_gpu = 0;                            // seconds until what the model returns is in the host's memory
  double intensity_rank = 0, zeros_rank = 0;
  Read intensities, sparsities;  // ranks of what it reads from outside

  double intensity() const { return bytes > 0 ? operations / bytes : 0; }
};

class Features {
 public:
  Features(const CostTable& table, CostModel model, const CpuAndGpu& pair)
      : table_(table), model_(model), pair_(pair), readers_(table.groups.size()), row_of_(table.groups.size()) {}

  Result<ThresholdFeatures> run() {
    for (const OperatorGroup& group : table_.groups) {
      for (const Input& input : group.inputs)
        if (input.from) ++readers_[input.from->index()];
      if (seconds(group, pair_.cpu) != kCannot) continue;
      return error(Code::kFailedPrecondition, "'{}' and '{}' together do not run the whole model",
                   table_.processors[pair_.cpu].name, table_.processors[pair_.gpu].name);
    }
    merge();
    connect();
    double cpu = 0, gpu = 0;
    for (const Row& row : rows_) {
      cpu += row.cpu;
      gpu += row.gpu;
    }
    whole_ = std::max(std::min(cpu, gpu), std::numeric_limits<double>::min());
    ThresholdFeatures features;
    for (const Row& row : rows_) features.groups.push_back(of_row(row));
    features.machine = of_machine(cpu, gpu);
    return features;
  }

 private:
  // Whole, on that one of the pair, or where that cannot on the other; kCannot: neither can.
  double seconds(const OperatorGroup& group, std::size_t on) const {
    const double own = group.seconds[on][kQuarters];
    return own != kCannot ? own : group.seconds[on == pair_.cpu ? pair_.gpu : pair_.cpu][kQuarters];
  }

  void merge() {
    const std::size_t count = std::min(table_.groups.size(), kMostFeatureRows);
    const ThresholdValues values = threshold_values(table_);
    for (std::size_t r = 0; r < count; ++r) {
      const std::size_t first = r * table_.groups.size() / count, end = (r + 1) * table_.groups.size() / count;
      Row& row = rows_.emplace_back();
      for (std::size_t g = first; g < end; ++g) {
        add(row, g, 1 / static_cast<double>(end - first));
        row_of_[g] = r;
      }
      row.intensity_rank = rank(values.intensities, row.intensity(), std::less<>());
      row.zeros_rank = rank(values.sparsities, row.activation_zeros, std::greater<>());
    }
  }

  void add(Row& row, std::size_t g, double mean) const {
    const OperatorGroup& group = table_.groups[g];
    row.operations += group.operations;
    row.bytes += group.bytes;
    row.result_bytes = group.result_bytes;
    row.activation_zeros += mean * group.activation_sparsity;
    row.weight_zeros += mean * group.weight_sparsity;
    row.cpu += seconds(group, pair_.cpu);
    row.gpu += seconds(group, pair_.gpu);
    row.cpu_cannot += group.seconds[pair_.cpu][kQuarters] == kCannot ? mean : 0;
    row.gpu_cannot += group.seconds[pair_.gpu][kQuarters] == kCannot ? mean : 0;
    row.inputs += mean * static_cast<double>(group.inputs.size());
    row.readers += mean * static_cast<double>(readers_[g]);
  }

  // What rows read of each other.
  void connect() {
    for (std::size_t g = 0; g < table_.groups.size(); ++g) {
      const OperatorGroup& group = table_.groups[g];
      Row& row = rows_[row_of_[g]];
      if (group.returned) row.from_gpu += seconds_to_host(table_, pair_.gpu, group.result_bytes);
      for (const Input& input : group.inputs) {
        if (!input.from) {
          row.to_gpu += seconds_from_host(table_, pair_.gpu, input.bytes);
          row.intensities.add(0);
          row.sparsities.add(0);
        } else if (const std::size_t from = row_of_[input.from->index()]; from != row_of_[g]) {
          const double bytes = table_.groups[input.from->index()].result_bytes;
          row.to_gpu += handover_seconds(table_, pair_.cpu, pair_.gpu, bytes);
          row.to_cpu += handover_seconds(table_, pair_.gpu, pair_.cpu, bytes);
          row.intensities.add(rows_[from].intensity_rank);
          row.sparsities.add(rows_[from].zeros_rank);
        }
      }
    }
  }

  std::array<float, kGroupFeatures.size()> of_row(const Row& row) const {
    const Read intensities = row.intensities.or_own(row.intensity_rank);
    const Read sparsities = row.sparsities.or_own(row.zeros_rank);
    const double to_gpu = row.to_gpu / whole_, to_cpu = row.to_cpu / whole_;
    const double cpu = row.cpu / whole_, gpu = row.gpu / whole_;
    return as_floats<kGroupFeatures.size()>({row.intensity_rank,
                                             intensities.least,
                                             intensities.greatest,
                                             row.zeros_rank,
                                             sparsities.least,
                                             sparsities.greatest,
                                             log_count(row.operations),
                                             log_count(row.bytes),
                                             log_count(row.result_bytes),
                                             log_count(row.intensity()),
                                             row.activation_zeros,
                                             row.weight_zeros,
                                             log_share(cpu),
                                             log_share(gpu),
                                             std::min(cpu, kMostShare),
                                             std::min(gpu, kMostShare),
                                             row.cpu_cannot,
                                             row.gpu_cannot,
                                             log_share(to_gpu),
                                             log_share(to_cpu),
                                             std::min(to_gpu, kMostShare),
                                             std::min(to_cpu, kMostShare),
                                             std::min(row.inputs, kMostInputs),
                                             log_count(row.readers),
                                             std::min(row.from_gpu / whole_, kMostShare)});
  }

  std::array<float, kMachineFeatures.size()> of_machine(double cpu, double gpu) const {
    const PlacedProcessor& on_cpu = table_.processors[pair_.cpu];
    const PlacedProcessor& on_gpu = table_.processors[pair_.gpu];
    const bool apart = on_cpu.memory_domain != on_gpu.memory_domain;
    double written = 0, inputs = 0;
    for (const OperatorGroup& group : table_.groups) {
      written += group.result_bytes;
      for (const Input& input : group.inputs) inputs += input.bytes;
    }
    const double per_byte = apart ? table_.handover.seconds_per_byte / whole_ : 0;
    return as_floats<kMachineFeatures.size()>(
        {std::log10(std::max(whole_, kLeastShare)), log_share(cpu / whole_) - log_share(gpu / whole_),
         log_share(table_.handover.synchronisation / whole_), log_share(on_cpu.launch / whole_),
         log_share(on_gpu.launch / whole_), log_share(apart ? table_.handover.latency / whole_ : 0),
         log_share(written * per_byte), apart ? 1.0 : 0.0, log_count(static_cast<double>(table_.groups.size())),
         model_ == CostModel::kAdditive ? 1.0 : 0.0, log_share(inputs * per_byte)});
  }

  template <std::size_t N>
  static std::array<float, N> as_floats(const std::array<double, N>& numbers) {
    std::array<float, N> floats{};
    std::transform(numbers.begin(), numbers.end(), floats.begin(), [](double x) { return static_cast<float>(x); });
    return floats;
  }

  const CostTable& table_;
  CostModel model_;
  CpuAndGpu pair_;
  std::vector<std::size_t> readers_, row_of_;  // by group
  std::vector<Row> rows_;
  double whole_ = 0;  // seconds of the model on the faster of the two
};

}  // namespace

Result<ThresholdFeatures> threshold_features(const CostTable& table, CostModel model) {
  SL_ASSIGN_OR_RETURN(const CpuAndGpu pair, cpu_and_gpu(table));
  return Features(table, model, pair).run();
}

}  // namespace sparseloom::place
