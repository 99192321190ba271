#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sparseloom/base/csv.h"
#include "sparseloom/simulate/compare.h"

namespace sparseloom::simulate {

/// The traces of the public Sparse-DySta benchmark (arXiv 2310.11096): what every layer of every sample takes. A model
/// file is a task, its layers are the stages. Layouts and rules: docs/simulate.md.
class Benchmark final : public World {
 public:
  /// Reads every *.csv of a folder, in the order of their names; a file's columns tell whether it is of the Sanger or
  /// of the Eyeriss v2 accelerator. Errors give file, line and column: missing or unexpected columns, numbers that are
  /// not finite, negative latencies, density or load balance 0, sparsity out of 0..1 or always 1, a layer given twice
  /// or missing, no rows. kMalformed; and those of CsvReader::open.
  static Result<std::unique_ptr<Benchmark>> load(const std::filesystem::path& folder);

  /// A task per model file, all on processor 0: what schedulers may expect. Its estimates are means over samples; their
  /// model_latency is the mean over the pattern files of one architecture, weighted by samples.
  std::shared_ptr<const plan::Plan> plan() const { return plan_; }
  /// Where every stage may run on whichever of `processors` equal processors is free.
  std::shared_ptr<const plan::Plan> plan_for(std::size_t processors) const;

  const std::vector<std::string>& models() const { return names_; }
  std::size_t samples(zoo::TaskId model) const { return models_[model.index()].truth.size(); }
  std::optional<zoo::TaskId> find_model(const std::string& name) const;
  /// Position of a sample that the file calls `id`.
  std::optional<std::size_t> find_sample(zoo::TaskId model, std::uint64_t id) const;
  /// What each stage of a sample will take.
  const sched::StageTimes& truth(zoo::TaskId model, std::size_t sample) const {
    return models_[model.index()].truth[sample];
  }

  StageRun run(const Query& query, const sched::Dispatch& dispatch, Seconds) override;

 private:
  struct Model {
    std::unordered_map<std::uint64_t, std::size_t> sample_of_id;
    std::vector<sched::StageTimes> truth;       // by sample
    std::vector<std::vector<double>> sparsity;  // by sample and layer
  };
  Benchmark() = default;

  std::vector<std::string> names_;  // by zoo::TaskId
  std::vector<Model> models_;
  std::shared_ptr<const plan::Plan> plan_;
};

/// A request file of the benchmark, read as a stream.
class RequestFile final : public RequestSource {
 public:
  /// `benchmark` must outlive it. Errors: those of CsvReader::open and of the header; kMalformed if there are no rows.
  static Result<RequestFile> open(const std::filesystem::path& path, const Benchmark& benchmark);

  /// The next request, or nothing at the end. Its id counts rows from 0. Errors give file, line and column: an unknown
  /// model or sample, arrivals out of order, priority or SLO not positive, two requests with one arrival and model.
  Result<std::optional<Query>> next() override;

 private:
  enum Column { kArrival, kModel, kSample, kPriority, kSlo };
  RequestFile(CsvReader csv, const Benchmark& benchmark) : csv_(std::move(csv)), benchmark_(&benchmark) {}
  Status check_order(Seconds arrival, zoo::TaskId model);

  CsvReader csv_;
  const Benchmark* benchmark_;
  std::vector<std::size_t> column_;
  std::size_t rows_ = 0;
  Seconds last_arrival_{0};
  std::vector<zoo::TaskId> at_last_arrival_;
};

}  // namespace sparseloom::simulate
