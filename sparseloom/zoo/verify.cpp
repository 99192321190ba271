#include "sparseloom/zoo/verify.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "sparseloom/zoo/cut.h"
#include "sparseloom/zoo/dataset.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::zoo {
namespace {

// Points of accuracy. A variant further below dense is of no use; if the fastest is as good as dense
// nothing is left to decide.
constexpr double kMostLoss = 8.0;
constexpr double kLeastLossOfFastest = 3.0;

// Remembers the first failure of a group.
class Group {
 public:
  Group(std::string name, const VerifyOptions& options) : name_(std::move(name)), options_(options) {}

  void add(const std::string& subject, const Status& status, const std::string& detail) {
    if (first_.ok() && !status.ok()) first_ = status;
    if (options_.on_check) options_.on_check({name_, subject, status.ok(), status.ok() ? detail : status.message()});
  }
  const Status& status() const { return first_; }

 private:
  std::string name_;
  const VerifyOptions& options_;
  Status first_;
};

std::string subject_of(const Task& task, const Variant& variant) { return task.name + "/" + variant.name; }

std::string boundary_text(const backend::Graph& graph, const std::vector<Cut>& cuts) {
  std::string text;
  for (const Cut& cut : cuts) {
    if (!text.empty()) text += "; ";
    for (std::size_t i = 0; i < cut.tensors.size(); ++i) {
      const TensorSpec& spec = graph.edge(cut.tensors[i]).spec;
      text += fmt::format("{}{}{}", i == 0 ? "" : " + ", to_string(spec.type), to_string(spec.shape));
    }
  }
  return text.empty() ? "one piece" : text;
}

struct LoadedTask {
  std::vector<backend::Graph> graphs;  // by variant
};

Status check_models(const Zoo& zoo, const backend::Runtime& runtime, const VerifyOptions& options,
                    std::vector<LoadedTask>& loaded) {
  Group group("models", options);
  for (const Task& task : zoo.tasks) {
    LoadedTask& target = loaded.emplace_back();
    for (const Variant& variant : task.variants) {
      const auto model = runtime.read(variant.model, shapes_of(task));
      Status status = model.status();
      if (model.ok()) {
        target.graphs.push_back((*model)->graph());
        status = check_form(variant, target.graphs.back());
        if (status.ok()) status = check_interface(task, variant.model, target.graphs.back()).status();
      }
      const std::string detail =
          status.ok() ? fmt::format("loads, {} operators", target.graphs.back().nodes.size()) : "";
      group.add(subject_of(task, variant), status, detail);
    }
  }
  return group.status();
}

Status check_cuts(const Zoo& zoo, const VerifyOptions& options, const std::vector<LoadedTask>& loaded) {
  Group group("cuts", options);
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const Task& task = zoo.tasks[t];
    const auto& graphs = loaded[t].graphs;
    const auto dense = cuts_by_name(graphs[0], task.cuts);
    group.add(subject_of(task, task.variants[0]), dense.status(), dense.ok() ? boundary_text(graphs[0], *dense) : "");
    if (!dense.ok()) continue;
    for (std::size_t v = 1; v < graphs.size(); ++v) {
      const auto mapped = map_cuts(graphs[0], *dense, graphs[v]);
      const Status status = mapped.status().with_context(task.variants[v].model.string());
      group.add(subject_of(task, task.variants[v]), status, mapped.ok() ? boundary_text(graphs[v], *mapped) : "");
    }
  }
  return group.status();
}

std::string sample_bytes(const Dataset& data, const Task& task, std::size_t sample) {
  std::string bytes;
  for (std::size_t i = 0; i < task.inputs.size(); ++i) {
    const auto input = data.input(sample, i);
    bytes.append(reinterpret_cast<const char*>(input.data()), input.size());
  }
  return bytes;
}

Result<std::string> check_task_data(const Zoo& zoo, const Task& task) {
  if (task.profile.samples == 0) return std::string("none: accuracy is unknown");
  SL_ASSIGN_OR_RETURN(const Dataset profile, Dataset::load(zoo, task, task.profile));
  if (task.test.samples == 0) return fmt::format("{} profile samples, no test split", profile.size());
  SL_ASSIGN_OR_RETURN(const Dataset test, Dataset::load(zoo, task, task.test));
  std::unordered_set<std::string> seen;
  for (std::size_t n = 0; n < profile.size(); ++n) seen.insert(sample_bytes(profile, task, n));
  for (std::size_t n = 0; n < test.size(); ++n) {
    if (!seen.contains(sample_bytes(test, task, n))) continue;
    return error(Code::kFailedPrecondition, "{}: sample {} also stands in the profile split; splits must be disjoint",
                 task.test.inputs[0].string(), n);
  }
  return fmt::format("{} profile and {} test samples, no sample in both", profile.size(), test.size());
}

Status check_data(const Zoo& zoo, const VerifyOptions& options) {
  Group group("data", options);
  for (const Task& task : zoo.tasks) {
    const auto found = check_task_data(zoo, task);
    group.add(task.name, found.status(), found.ok() ? *found : "");
  }
  return group.status();
}

struct Fastest {
  std::size_t variant = 0;
  std::string by;
};

Fastest fastest_of(const Task& task, const std::vector<std::optional<Seconds>>& latencies) {
  Fastest best;
  const bool measured = latencies.size() == task.variants.size() &&
                        std::all_of(latencies.begin(), latencies.end(), [](const auto& l) { return l.has_value(); });
  best.by = measured ? "by measured latency" : "by parameters, not measured here";
  const auto cost = [&](std::size_t v) {
    if (measured) return latencies[v]->count();
    const Variant& variant = task.variants[v];
    const bool int8 = variant.compression.kind.find("int8") != std::string::npos;
    return static_cast<double>(variant.parameters) * (int8 ? 0.25 : 1.0);
  };
  for (std::size_t v = 1; v < task.variants.size(); ++v) {
    if (cost(v) < cost(best.variant)) best.variant = v;
  }
  return best;
}

Status check_task_spread(const Task& task, const Fastest& fastest, std::string_view split, double Variant::*accuracy) {
  if (task.accuracy_kind == "fidelity") return {};  // nothing was tuned: the spread is what compression costs
  const auto loss = [&](std::size_t v) { return 100 * (task.variants[0].*accuracy - task.variants[v].*accuracy); };
  constexpr double kRounding = 1e-9;
  for (std::size_t v = 1; v < task.variants.size(); ++v) {
    if (loss(v) <= kMostLoss + kRounding) continue;
    return error(Code::kFailedPrecondition,
                 "task '{}': variant '{}' is {:.1f} points below dense on {}; at most {:.0f}", task.name,
                 task.variants[v].name, loss(v), split, kMostLoss);
  }
  if (loss(fastest.variant) >= kLeastLossOfFastest - kRounding) return {};
  return error(
      Code::kFailedPrecondition,
      "task '{}': the fastest variant '{}' ({}) is {:.1f} points below dense on {}; at least {:.0f}, or nothing "
      "is left to decide",
      task.name, task.variants[fastest.variant].name, fastest.by, loss(fastest.variant), split, kLeastLossOfFastest);
}

std::string spread_text(const Task& task, const Fastest& fastest, double Variant::*accuracy) {
  double least = 1;
  for (const Variant& variant : task.variants) least = std::min(least, variant.*accuracy);
  const Variant& fast = task.variants[fastest.variant];
  return fmt::format("{}dense {:.1f} %, worst {:.1f} %, fastest '{}' {:.1f} % ({})",
                     task.accuracy_kind == "fidelity" ? "fidelity, no bound on it: " : "",
                     100 * (task.variants[0].*accuracy), 100 * least, fast.name, 100 * (fast.*accuracy), fastest.by);
}

Status check_spread(const Zoo& zoo, const VerifyOptions& options) {
  Group group("spread", options);
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const Task& task = zoo.tasks[t];
    if (!task.accuracy_known()) continue;
    const Fastest fastest =
        fastest_of(task, t < options.latencies.size() ? options.latencies[t] : std::vector<std::optional<Seconds>>());
    const auto check = [&](std::string_view split, double Variant::*accuracy) {
      const Status status = options.bound_spread ? check_task_spread(task, fastest, split, accuracy) : Status();
      group.add(fmt::format("{} {}", task.name, split), status, spread_text(task, fastest, accuracy));
    };
    check("profile", &Variant::accuracy_profile);
    if (task.test.samples > 0) check("test", &Variant::accuracy_test);
  }
  return group.status();
}

Status check_hashes(const Zoo& zoo, const VerifyOptions& options) {
  Group group("files", options);
  Bytes total;
  for (const FileEntry& entry : zoo.files) total += entry.bytes;
  group.add(zoo.name, check_files(zoo),
            fmt::format("{} files, {:.1f} MiB, all hashes right", zoo.files.size(), to_mib(total)));
  return group.status();
}

}  // namespace

Status verify(const Zoo& zoo, const backend::Runtime& runtime, const VerifyOptions& options) {
  SL_RETURN_IF_ERROR(check_hashes(zoo, options));
  std::vector<LoadedTask> loaded;
  SL_RETURN_IF_ERROR(check_models(zoo, runtime, options, loaded));
  SL_RETURN_IF_ERROR(check_cuts(zoo, options, loaded));
  SL_RETURN_IF_ERROR(check_data(zoo, options));
  return check_spread(zoo, options);
}

Bytes model_bytes(const Zoo& zoo, const Task& task, VariantId variant) {
  const Variant& of = task.variants[variant.index()];
  const std::string folder = task.name + "/" + (of.derived() ? of.derived_from : of.name) + "/";
  Bytes total;
  for (const FileEntry& entry : zoo.files) {
    if (entry.path.starts_with(folder) && !entry.path.ends_with(".json")) total += entry.bytes;
  }
  return total;
}

}  // namespace sparseloom::zoo
