#include "sparseloom/simulate/benchmark.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace sparseloom::simulate {
namespace {

constexpr std::uint64_t kMostLayers = 10'000;
constexpr std::uint64_t kMostId = std::numeric_limits<std::int64_t>::max();
constexpr double kMost = 1e9;  // of any time in seconds (thirty years) and of any priority

struct Layer {
  double latency = 0;
  double sparsity = 0;
};

/// A row of a model file.
struct Row {
  std::size_t sample = 0;  // by first appearance
  std::size_t layer = 0;
  std::uint64_t line = 0;
  Layer values;
};

/// A model file as it is read: rows may come in any order.
struct TraceFile {
  std::unordered_map<std::uint64_t, std::size_t> sample_of_id;
  std::vector<std::uint64_t> ids;           // by sample
  std::vector<std::vector<Layer>> samples;  // by sample and layer
  std::size_t layers = 0;
  bool by_architecture = false;  // files of one architecture are averaged: patterns of one model
};

/// Seconds a layer takes on the Sanger accelerator (MICRO'21), as the benchmark models it: 512 tokens of width 768, a
/// 64x64 array with 16 processing elements per row at 1 GHz, bandwidth not limiting.
double sanger_latency(double density, double load_balance) {
  constexpr double kTokens = 512, kWidth = 768, kTile = 64, kLinearGops = 64 * 16 * 2, kHertz = 1e9;
  const double subrows = density / load_balance / 0.25 * kTokens;
  const double projection_gops = kLinearGops / density * load_balance;
  const double linear = kTokens * kWidth * kWidth * 2 * 3 / 1e9 / kLinearGops;
  const double projection = kTokens * kWidth * kWidth * 2 / 1e9 / projection_gops;
  const double row = ((kWidth + kTile) + (subrows + kTile)) * (kTokens / kTile);
  return linear + subrows / kTile * row / kHertz + projection;
}

Result<double> number_in(const CsvReader& csv, std::size_t column, double least, double most, bool open) {
  SL_ASSIGN_OR_RETURN(const double value, csv.number(column));
  if (value <= most && (open ? value > least : value >= least)) return value;
  const std::string upper = std::isfinite(most) ? fmt::format(", at most {}", most) : "";
  return error(Code::kMalformed, "{}: got {}; allowed: {} {}{}", csv.where(column), value,
               open ? "more than" : "at least", least, upper);
}

// The two layouts, and what a row of each means.
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::vector<std::string_view> kSanger{"overall-sparsity", "50%-skip", "batch-indx", "layer-indx"};
const std::vector<std::string_view> kEyeriss{"overall-sparsity", "sim_lat", "batch-indx", "layer-indx"};

Result<Layer> sanger_layer(const CsvReader& csv, const std::vector<std::size_t>& column) {
  SL_ASSIGN_OR_RETURN(const double density, number_in(csv, column[0], 0, 1, true));
  SL_ASSIGN_OR_RETURN(const double load_balance, number_in(csv, column[1], 0, kInfinity, true));
  const double latency = sanger_latency(density, load_balance);
  if (latency <= kMost) return Layer{latency, 1 - density};
  return error(Code::kMalformed, "{}: got {}; too small: the layer takes more than {} s", csv.where(column[1]),
               load_balance, kMost);
}

Result<Layer> eyeriss_layer(const CsvReader& csv, const std::vector<std::size_t>& column) {
  SL_ASSIGN_OR_RETURN(const double sparsity, number_in(csv, column[0], 0, 1, false));
  SL_ASSIGN_OR_RETURN(const double latency, number_in(csv, column[1], 0, kMost, false));
  return Layer{latency, sparsity};
}

Result<Row> read_row(TraceFile& file, const CsvReader& csv, const std::vector<std::size_t>& column,
                     const Layer& layer) {
  SL_ASSIGN_OR_RETURN(const std::uint64_t id, csv.index(column[2], kMostId));
  SL_ASSIGN_OR_RETURN(const std::uint64_t index, csv.index(column[3], kMostLayers - 1));
  const auto [entry, is_new] = file.sample_of_id.try_emplace(id, file.ids.size());
  if (is_new) file.ids.push_back(id);
  file.layers = std::max<std::size_t>(file.layers, index + 1);
  return Row{entry->second, index, csv.line(), layer};
}

/// Puts rows where they belong, each sample's every layer once.
Status arrange(std::vector<Row> rows, TraceFile& file, const std::filesystem::path& path) {
  if (rows.empty()) return error(Code::kMalformed, "{}: no rows below its header", path.string());
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::pair(a.sample, a.layer) < std::pair(b.sample, b.layer);
  });
  std::size_t sample = 0, layer = 0;  // expected next
  const auto lacks = [&] {
    return error(Code::kMalformed, "{}: column 'layer-indx': sample {} lacks layer {}; others have {} layers",
                 path.string(), file.ids[sample], layer, file.layers);
  };
  for (const Row& row : rows) {
    if (row.sample == sample && layer > 0 && row.layer == layer - 1) {
      return error(Code::kMalformed, "{}:{}: column 'layer-indx': sample {} has layer {} already", path.string(),
                   row.line, file.ids[sample], row.layer);
    }
    if (layer == file.layers && row.sample == sample + 1) ++sample, layer = 0;
    if (row.sample != sample || row.layer != layer) return lacks();
    if (layer == 0) file.samples.emplace_back();
    file.samples.back().push_back(row.values);
    ++layer;
  }
  if (layer < file.layers) return lacks();
  for (std::size_t s = 0; s < file.samples.size(); ++s) {
    double total = 0;
    for (const Layer& each : file.samples[s]) total += each.latency;
    if (total > 0) continue;
    return error(Code::kMalformed, "{}: column 'sim_lat': sample {} takes no time at all", path.string(), file.ids[s]);
  }
  return {};
}

Result<TraceFile> read_trace(const std::filesystem::path& path) {
  SL_ASSIGN_OR_RETURN(CsvReader csv, CsvReader::open(path));
  TraceFile file;
  const auto& columns = csv.columns();
  const bool eyeriss = std::find(columns.begin(), columns.end(), "sim_lat") != columns.end();
  file.by_architecture = eyeriss;
  SL_ASSIGN_OR_RETURN(const std::vector<std::size_t> column, csv.only(eyeriss ? kEyeriss : kSanger));
  std::vector<Row> rows;
  for (;;) {
    SL_ASSIGN_OR_RETURN(const bool any, csv.next());
    if (!any) break;
    SL_ASSIGN_OR_RETURN(const Layer layer, eyeriss ? eyeriss_layer(csv, column) : sanger_layer(csv, column));
    SL_ASSIGN_OR_RETURN(rows.emplace_back(), read_row(file, csv, column, layer));
  }
  SL_RETURN_IF_ERROR(arrange(std::move(rows), file, path));
  return file;
}

/// Means over samples, by layer; summed in the order of the file.
template <typename Value>
std::vector<double> means(const TraceFile& file, const Value& value) {
  std::vector<double> sums(file.layers, 0.0);
  for (const auto& sample : file.samples) {
    for (std::size_t k = 0; k < file.layers; ++k) sums[k] += value(sample[k]);
  }
  for (double& sum : sums) sum /= static_cast<double>(file.samples.size());
  return sums;
}

/// What a scheduler that is blind to patterns expects of an architecture.
struct ModelMean {
  std::string first;  // file
  std::vector<double> sums;
  double samples = 0;
};

Result<std::vector<std::filesystem::path>> trace_files(const std::filesystem::path& folder) {
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  std::filesystem::directory_iterator entries(folder, failed);
  if (failed) return error(Code::kNotFound, "{}: cannot be listed: {}", folder.string(), failed.message());
  for (const auto& entry : entries) {
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.stem() < b.stem(); });
  if (files.empty()) return error(Code::kNotFound, "{}: has no <model>.csv", folder.string());
  return files;
}

/// The architecture of "resnet50_random80" is "resnet50".
std::string architecture(const std::string& model) { return model.substr(0, model.find('_')); }

}  // namespace

Result<std::unique_ptr<Benchmark>> Benchmark::load(const std::filesystem::path& folder) {
  std::unique_ptr<Benchmark> benchmark(new Benchmark);
  SL_ASSIGN_OR_RETURN(const auto paths, trace_files(folder));
  auto plan = std::make_shared<plan::Plan>();
  plan->planner = "traces";
  std::map<std::string, ModelMean> means_of;  // by architecture
  std::vector<std::string> mean_names;        // by model
  for (const std::filesystem::path& path : paths) {
    SL_ASSIGN_OR_RETURN(const TraceFile file, read_trace(path));
    const std::string name = path.stem().string();
    const auto latencies = means(file, [](const Layer& layer) { return layer.latency; });
    const auto sparsities = means(file, [](const Layer& layer) { return layer.sparsity; });
    plan::TaskPlan& task = plan->tasks.emplace_back();
    for (std::size_t k = 0; k < file.layers; ++k) {
      if (!(sparsities[k] < 1)) {
        return error(Code::kMalformed, "{}: column 'overall-sparsity': layer {} has an average sparsity of 1",
                     path.string(), k);
      }
      task.estimates.push_back({.latency = Seconds(latencies[k]), .sparsity = sparsities[k]});
    }
    task.sigma.resize(file.layers);
    task.placement.resize(file.layers);
    task.providers.assign(file.layers, backend::Provider::kScripted);

    mean_names.push_back(file.by_architecture ? architecture(name) : "file " + name);
    ModelMean& mean = means_of[mean_names.back()];
    if (mean.samples == 0) mean.first = path.string(), mean.sums.assign(file.layers, 0.0);
    if (mean.sums.size() != file.layers) {
      return error(Code::kMalformed, "{}: column 'layer-indx': {} layers; {}, of the same architecture, has {}",
                   path.string(), file.layers, mean.first, mean.sums.size());
    }
    const auto samples = static_cast<double>(file.samples.size());
    for (std::size_t k = 0; k < file.layers; ++k) mean.sums[k] += samples * latencies[k];
    mean.samples += samples;

    Model& model = benchmark->models_.emplace_back();
    model.sample_of_id = file.sample_of_id;
    for (const std::vector<Layer>& sample : file.samples) {
      std::vector<Seconds> times;
      for (const Layer& layer : sample) times.emplace_back(layer.latency);
      model.truth.push_back(sched::stage_times(std::move(times)));
      std::vector<double>& shown = model.sparsity.emplace_back();
      for (const Layer& layer : sample) shown.push_back(layer.sparsity);
    }
    benchmark->names_.push_back(name);
  }
  for (std::size_t m = 0; m < plan->tasks.size(); ++m) {
    const ModelMean& mean = means_of[mean_names[m]];
    plan::TaskPlan& task = plan->tasks[m];
    for (std::size_t k = 0; k < task.estimates.size(); ++k) {
      task.estimates[k].model_latency = Seconds(mean.sums[k] / mean.samples);
      task.latency += task.estimates[k].latency;
    }
  }
  benchmark->plan_ = std::move(plan);
  return benchmark;
}

std::shared_ptr<const plan::Plan> Benchmark::plan_for(std::size_t processors) const {
  auto plan = std::make_shared<plan::Plan>(*plan_);
  for (plan::TaskPlan& task : plan->tasks) task.pooled = processors > 1;
  return plan;
}

std::optional<zoo::TaskId> Benchmark::find_model(const std::string& name) const {
  const auto found = std::lower_bound(names_.begin(), names_.end(), name);
  if (found == names_.end() || *found != name) return std::nullopt;
  return zoo::TaskId(static_cast<std::size_t>(found - names_.begin()));
}

std::optional<std::size_t> Benchmark::find_sample(zoo::TaskId model, std::uint64_t id) const {
  const auto& samples = models_[model.index()].sample_of_id;
  const auto found = samples.find(id);
  if (found == samples.end()) return std::nullopt;
  return found->second;
}

StageRun Benchmark::run(const Query& query, const sched::Dispatch& dispatch, Seconds) {
  const Model& model = models_[query.request.task.index()];
  const std::size_t stage = dispatch.stage.index();
  return {model.truth[query.sample].next[stage], model.sparsity[query.sample][stage]};
}

Result<RequestFile> RequestFile::open(const std::filesystem::path& path, const Benchmark& benchmark) {
  SL_ASSIGN_OR_RETURN(CsvReader csv, CsvReader::open(path));
  RequestFile file(std::move(csv), benchmark);
  SL_ASSIGN_OR_RETURN(file.column_, file.csv_.only({"arrival_s", "model", "sample", "priority", "slo_s"}));
  return file;
}

Result<std::optional<Query>> RequestFile::next() {
  SL_ASSIGN_OR_RETURN(const bool any, csv_.next());
  if (!any) {
    if (rows_ == 0) return error(Code::kMalformed, "{}: no rows below its header", csv_.where());
    return std::optional<Query>();
  }
  SL_ASSIGN_OR_RETURN(const double arrival, number_in(csv_, column_[kArrival], 0, kMost, false));
  const std::string name(csv_.cell(column_[kModel]));
  const std::optional<zoo::TaskId> model = benchmark_->find_model(name);
  if (!model) {
    return error(Code::kMalformed, "{}: no traces of model '{}'; there are: {}", csv_.where(column_[kModel]), name,
                 fmt::join(benchmark_->models(), ", "));
  }
  SL_ASSIGN_OR_RETURN(const std::uint64_t id, csv_.index(column_[kSample], kMostId));
  const std::optional<std::size_t> sample = benchmark_->find_sample(*model, id);
  if (!sample) {
    return error(Code::kMalformed, "{}: the traces of model '{}' have no sample {}", csv_.where(column_[kSample]), name,
                 id);
  }
  SL_ASSIGN_OR_RETURN(const double priority, number_in(csv_, column_[kPriority], 0, kMost, true));
  SL_ASSIGN_OR_RETURN(const double slo, number_in(csv_, column_[kSlo], 0, kMost, true));
  SL_RETURN_IF_ERROR(check_order(Seconds(arrival), *model));
  Query query{.request = {.id = sched::RequestId(rows_++),
                          .task = *model,
                          .arrival = Seconds(arrival),
                          .deadline = Seconds(arrival) + Seconds(slo),
                          .priority = priority},
              .sample = *sample,
              .truth = &benchmark_->truth(*model, *sample)};
  return std::optional(query);
}

Status RequestFile::check_order(Seconds arrival, zoo::TaskId model) {
  if (arrival < last_arrival_) {
    return error(Code::kMalformed, "{}: got {}, after {} in the row before; allowed: in order of arrival",
                 csv_.where(column_[kArrival]), arrival.count(), last_arrival_.count());
  }
  if (arrival > last_arrival_) at_last_arrival_.clear();
  if (std::find(at_last_arrival_.begin(), at_last_arrival_.end(), model) != at_last_arrival_.end()) {
    return error(Code::kMalformed, "{}: two requests for '{}' arrive at {}; allowed: one of a model at a time",
                 csv_.where(column_[kArrival]), benchmark_->models()[model.index()], arrival.count());
  }
  at_last_arrival_.push_back(model);
  last_arrival_ = arrival;
  return {};
}

}  // namespace sparseloom::simulate
