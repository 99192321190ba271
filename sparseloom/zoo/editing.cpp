#include "sparseloom/zoo/editing.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "sparseloom/base/file.h"
#include "sparseloom/base/names.h"
#include "sparseloom/zoo/chain.h"
#include "sparseloom/zoo/cut.h"
#include "sparseloom/zoo/cut_check.h"
#include "sparseloom/zoo/format.h"
#include "sparseloom/zoo/model_files.h"
#include "sparseloom/zoo/new_data.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::zoo {
namespace {

namespace fs = std::filesystem;
using backend::EdgeId;
using backend::Graph;

constexpr const char* kLockFile = ".lock";
constexpr const char* kUnfinished = ".unfinished-";  // folders that a process left that was killed

// Held while a process changes a zoo; the system lets it go with the process.
class ZooLock {
 public:
  static Result<ZooLock> acquire(const fs::path& root, const OnWait& on_wait) {
    const fs::path path = root / kLockFile;
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (fd < 0) return error(Code::kUnavailable, "{}: cannot write: {}", path.string(), errno_text());
    ZooLock lock(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (on_wait) on_wait();
    if (::flock(fd, LOCK_EX) == 0) return lock;
    return error(Code::kUnavailable, "{}: cannot lock: {}", path.string(), errno_text());
  }
  ZooLock(ZooLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ZooLock& operator=(ZooLock&&) = delete;
  ~ZooLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit ZooLock(int fd) : fd_(fd) {}
  static std::string errno_text() { return std::generic_category().message(errno); }
  int fd_;
};

// A zoo that this process alone changes.
struct LockedZoo {
  ZooLock lock;
  Zoo zoo;

  static Result<LockedZoo> open(const fs::path& root, const OnWait& on_wait) {
    SL_RETURN_IF_ERROR(load_zoo(root).status());  // before a lock file appears in somebody else's folder
    SL_ASSIGN_OR_RETURN(ZooLock lock, ZooLock::acquire(root, on_wait));
    SL_ASSIGN_OR_RETURN(Zoo zoo, load_zoo(root));
    return LockedZoo{std::move(lock), std::move(zoo)};
  }
};

// New files of a zoo, in a folder of their own until they are all there; gone if they never are.
class Staging {
 public:
  static Result<Staging> make(const fs::path& root) {
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(root, failure)) {  // of those killed: the lock is ours
      if (entry.path().filename().string().starts_with(kUnfinished)) fs::remove_all(entry.path(), failure);
    }
    const fs::path folder = root / (kUnfinished + std::to_string(::getpid()));
    fs::create_directories(folder, failure);
    if (failure) return error(Code::kUnavailable, "{}: {}", folder.string(), failure.message());
    return Staging(folder);
  }
  Staging(Staging&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  Staging& operator=(Staging&&) = delete;
  ~Staging() {
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  const fs::path& folder() const { return folder_; }

 private:
  explicit Staging(fs::path folder) : folder_(std::move(folder)) {}
  fs::path folder_;
};

Status copy_into(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  fs::create_directories(to.parent_path(), failure);
  if (!failure) fs::copy_file(from, to, failure);
  if (!failure) return {};
  const bool full = failure == std::errc::no_space_on_device;
  return error(full ? Code::kResourceExhausted : Code::kUnavailable, "{}: cannot copy to {}: {}", from.string(),
               to.string(), failure.message());
}

Result<FileEntry> entry_of(const fs::path& file, std::string path) {
  SL_ASSIGN_OR_RETURN(std::string hash, sha256_file(file));
  std::error_code failure;
  const std::uintmax_t bytes = fs::file_size(file, failure);
  if (failure) return error(Code::kUnavailable, "{}: {}", file.string(), failure.message());
  return FileEntry{std::move(path), {bytes}, std::move(hash)};
}

// What is in the folder, as the zoo lists it when the folder stands at `place` (relative to the zoo).
Status list_files(const fs::path& folder, const std::string& place, std::vector<FileEntry>& files) {
  std::vector<fs::path> found;
  std::error_code failure;
  for (const auto& entry : fs::recursive_directory_iterator(folder, failure)) {
    if (entry.is_regular_file()) found.push_back(entry.path());
  }
  if (failure) return error(Code::kUnavailable, "{}: {}", folder.string(), failure.message());
  for (const fs::path& file : found) {
    SL_ASSIGN_OR_RETURN(FileEntry entry,
                        entry_of(file, place + "/" + file.lexically_relative(folder).generic_string()));
    files.push_back(std::move(entry));
  }
  return {};
}

// Replaces zoo.json. From here on the zoo is what `zoo` says.
Status commit(Zoo& zoo) {
  std::erase_if(zoo.files, [](const FileEntry& entry) {  // of version 1: what they say is in zoo.json now
    return entry.path.ends_with("/task.json") || entry.path.ends_with("/variant.json");
  });
  std::sort(zoo.files.begin(), zoo.files.end(), [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
  return write_file(zoo.root / "zoo.json", zoo_json(zoo).dump(1) + "\n");
}

void forget_files(Zoo& zoo, const std::string& folder) {
  std::erase_if(zoo.files, [&](const FileEntry& entry) { return entry.path.starts_with(folder + "/"); });
}

std::string name_from(const fs::path& file) {
  std::string name = file.stem().string();
  for (char& c : name)
    if (!is_name(std::string("x") + c)) c = '-';
  if (!name.empty() && name.front() == '.') name.front() = '-';
  return name;
}

// --- what a model says of itself

std::string first_name(const Graph& graph, EdgeId id) {
  const backend::Edge& edge = graph.edge(id);
  return edge.aliases.empty() ? edge.spec.name : edge.aliases.front();  // as the model's file calls it
}

void describe_weights(const Graph& graph, Variant& variant) {
  double zeros = 0, int8 = 0, fp16 = 0, count = 0;
  for (const backend::Node& node : graph.nodes) {
    const auto weights = static_cast<double>(node.weights.count);
    count += weights;
    zeros += weights * node.weights.zeros;
    if (node.precision == backend::Precision::kInt8) int8 += weights;
    if (node.precision == backend::Precision::kFp16) fp16 += weights;
  }
  variant.parameters = static_cast<std::int64_t>(count);
  variant.weight_sparsity = count > 0 ? zeros / count : 0;
  constexpr double kMostly = 0.5, kPruned = 0.2;
  const bool pruned = variant.weight_sparsity > kPruned;
  if (int8 > kMostly * count && count > 0) {
    variant.compression.kind = pruned ? "unstructured+int8" : "int8";
  } else if (pruned) {
    variant.compression.kind = "unstructured";
  } else {
    variant.compression.kind = fp16 > kMostly * count && count > 0 ? "fp16" : "other";
  }
  variant.compression.level = pruned ? variant.weight_sparsity : 0;
}

// As many parts as asked for, or fewer where the model has no more places to cut.
Result<std::vector<Cut>> cuts_of_new_task(const Graph& graph, std::size_t parts, std::vector<std::string>& notes) {
  if (parts < 1) return error(Code::kInvalidArgument, "parts: 0; allowed: at least 1");
  if (graph.opaque()) {
    notes.push_back(fmt::format("ONNX Runtime runs it, whole: {}", graph.why_opaque));
    return std::vector<Cut>();
  }
  for (const backend::Node& node : graph.nodes) {
    if (!node.random || parts == 1) continue;
    notes.push_back(fmt::format("it draws random numbers ('{}'), so it stays whole", node.name));
    return std::vector<Cut>();
  }
  std::string why;
  for (std::size_t p = parts; p > 1; --p) {
    auto cuts = choose_cuts(graph, {p, {}});
    if (cuts.ok()) {
      if (p < parts) notes.push_back(fmt::format("cut into {} parts: {}", p, why));
      return cuts;
    }
    if (why.empty()) why = cuts.status().message();
  }
  if (parts > 1) notes.push_back(fmt::format("it stays whole: {}", why));
  return std::vector<Cut>();
}

// Every cut tensor of the task in a model that shall be a variant of it. What has no counterpart is listed, all of it.
Result<std::vector<Cut>> cuts_in_variant(const Graph& dense, const std::vector<Cut>& cuts, const Graph& graph) {
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    for (const EdgeId tensor : cuts[i].tensors) {
      const auto found = map_cuts(dense, {Cut{{tensor}}}, graph);
      if (!found.ok()) problems.push_back(fmt::format("cut {}: {}", i + 1, found.status().message()));
    }
  }
  if (problems.empty()) {
    SL_ASSIGN_OR_RETURN(auto mapped, map_cuts(dense, cuts, graph));
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      for (std::size_t k = 0; k < cuts[i].tensors.size(); ++k) {
        const TensorSpec& ours = dense.edge(cuts[i].tensors[k]).spec;
        const TensorSpec& theirs = graph.edge(mapped[i].tensors[k]).spec;
        if (ours.convertible(theirs)) continue;
        problems.push_back(
            fmt::format("cut {}: {}, where the first variant has {}", i + 1, theirs.describe(), ours.describe()));
      }
    }
    if (problems.empty()) {
      const Status separates = check_cuts(graph, mapped);
      if (separates.ok()) return mapped;
      problems.push_back(separates.message());
    }
  }
  return error(Code::kFailedPrecondition, "is no variant of this task's model: {}", fmt::join(problems, "; "));
}

// Largest difference of two chains' outputs over the largest number, on one made-up input; `inputs` are the graph's in
// the task's order.
Result<double> difference_of(const Task& task, const Graph& graph, const std::vector<EdgeId>& inputs, Chain& first,
                             Chain& second) {
  const std::vector<HostBuffer> made_up = seeded_inputs(graph, 0);
  for (Chain* chain : {&first, &second}) {
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const auto at = std::find(graph.inputs.begin(), graph.inputs.end(), inputs[k]);
      const HostBuffer& from = made_up[static_cast<std::size_t>(at - graph.inputs.begin())];
      if (from.size() != chain->input(k).size()) {
        return error(Code::kFailedPrecondition, "input '{}': {} bytes in the first variant's model, {} as it is served",
                     task.inputs[k].name, from.size(), chain->input(k).size());
      }
      std::copy_n(from.data(), from.size(), chain->input(k).data());
    }
    SL_RETURN_IF_ERROR(chain->run());
  }
  double difference = 0;
  for (std::size_t k = 0; k < task.outputs.size(); ++k) {
    difference = std::max(difference, compare(task.outputs[k], first.output(k), second.output(k)).max_rel);
  }
  return difference;
}

// On both splits, if it is known.
Status measure_accuracy(const Zoo& zoo, const Task& task, Whole& whole, Variant& variant, AddedVariant& added) {
  if (task.accuracy_known()) {
    SL_ASSIGN_OR_RETURN(variant.accuracy_profile, accuracy_on(zoo, task, task.profile, whole));
    if (task.test.samples > 0) {
      SL_ASSIGN_OR_RETURN(variant.accuracy_test, accuracy_on(zoo, task, task.test, whole));
    }
  }
  added.task = task.name;
  added.variant = variant.name;
  added.parts = task.stages();
  added.metric = task.metric;
  added.accuracy_kind = task.accuracy_kind;
  added.accuracy_profile = variant.accuracy_profile;
  added.accuracy_test = variant.accuracy_test;
  return {};
}

// --- the work

class Adding {
 public:
  Adding(const NewVariant& wanted, const backend::Runtime& runtime, Zoo& zoo, const fs::path& staging)
      : wanted_(wanted), runtime_(runtime), zoo_(zoo), staging_(staging) {}

  Result<AddedVariant> run() {
    SL_RETURN_IF_ERROR(choose_names());
    auto model = runtime_.read(wanted_.model, shapes());
    if (!model.ok()) return model.status();
    model_ = std::move(*model);
    SL_RETURN_IF_ERROR(is_new_ ? describe_task() : check_variant());
    describe_weights(model_->graph(), variant_);
    if (is_new_) variant_.compression = {.kind = "dense", .level = 0};
    SL_RETURN_IF_ERROR(copy_model());
    SL_ASSIGN_OR_RETURN(Whole whole, Whole::load(runtime_, *model_, task_, inputs_));
    SL_RETURN_IF_ERROR(check_pieces(whole));
    SL_RETURN_IF_ERROR(compare_with_first(whole));
    if (!wanted_.samples.empty()) SL_RETURN_IF_ERROR(add_samples(whole));
    SL_RETURN_IF_ERROR(place());
    SL_RETURN_IF_ERROR(measure(whole));
    SL_RETURN_IF_ERROR(commit(zoo_));
    return std::move(added_);
  }

 private:
  Status choose_names() {
    if (!is_name(wanted_.task)) {
      return error(Code::kInvalidArgument, "task '{}': is no name; letters, digits and -_.+ are allowed", wanted_.task);
    }
    const auto known =
        std::find_if(zoo_.tasks.begin(), zoo_.tasks.end(), [&](const Task& t) { return t.name == wanted_.task; });
    is_new_ = known == zoo_.tasks.end();
    position_ = static_cast<std::size_t>(known - zoo_.tasks.begin());
    if (!is_new_) task_ = *known;
    if (!is_new_ && (!wanted_.samples.empty() || !wanted_.labels.empty() || !wanted_.metric.empty())) {
      return error(Code::kInvalidArgument, "task '{}': samples, labels and metric are given with its first variant",
                   task_.name);
    }
    if (!wanted_.labels.empty() && wanted_.samples.empty())
      return error(Code::kInvalidArgument, "labels without samples");
    variant_.name = !wanted_.name.empty() ? wanted_.name : is_new_ ? "dense" : name_from(wanted_.model);
    if (!is_name(variant_.name) || variant_.name == "data") {
      return error(Code::kInvalidArgument, "variant '{}': is no name; letters, digits and -_.+ are allowed",
                   variant_.name);
    }
    if (!is_new_ && task_.variant(variant_.name).ok()) {
      return error(Code::kInvalidArgument, "task '{}': there is a variant '{}' already", task_.name, variant_.name);
    }
    return {};
  }

  // Dynamic inputs of a further variant take the task's shapes.
  std::map<std::string, Shape> shapes() const {
    if (is_new_ || !wanted_.shapes.empty()) return wanted_.shapes;
    return shapes_of(task_);
  }

  Status describe_task() {
    const Graph& graph = model_->graph();
    task_.name = wanted_.task;
    task_.description = wanted_.model.filename().string();
    task_.base_model = wanted_.model.stem().string();
    task_.metric = "none";
    task_.accuracy_kind = "unknown";
    inputs_ = graph.inputs;
    for (const EdgeId edge : graph.inputs) task_.inputs.push_back(graph.edge(edge).spec);
    for (const EdgeId edge : graph.outputs) {
      task_.outputs.push_back(graph.edge(edge).spec);
      task_.outputs.back().name = first_name(graph, edge);
    }
    SL_ASSIGN_OR_RETURN(const std::vector<Cut> cuts, cuts_of_new_task(graph, wanted_.parts, added_.notes));
    for (const Cut& cut : cuts) {
      auto& names = task_.cuts.emplace_back();
      for (const EdgeId tensor : cut.tensors) names.push_back(first_name(graph, tensor));
    }
    return {};
  }

  Status check_variant() {
    const std::string where = wanted_.model.string();
    SL_ASSIGN_OR_RETURN(first_, runtime_.read(task_.variants.front().model, shapes_of(task_)));
    if (model_->graph().opaque() && !task_.cuts.empty()) {
      return error(Code::kFailedPrecondition,
                   "{}; ONNX Runtime runs it whole, but task '{}' is cut into {} parts (zoo add --parts 1)",
                   model_->graph().why_opaque, task_.name, task_.stages());
    }
    SL_ASSIGN_OR_RETURN(inputs_, check_interface(task_, wanted_.model, model_->graph()));
    SL_ASSIGN_OR_RETURN(const std::vector<Cut> cuts, cuts_by_name(first_->graph(), task_.cuts));
    return cuts_in_variant(first_->graph(), cuts, model_->graph()).status().with_context(where);
  }

  Status copy_model() {
    SL_ASSIGN_OR_RETURN(const std::vector<fs::path> files, model_files(wanted_.model));
    const fs::path from = wanted_.model.parent_path();
    const fs::path folder = staging_ / variant_.name;
    for (const fs::path& file : files) {
      const std::string extension = file.extension().string();
      const bool own = file == wanted_.model || (wanted_.model.extension() == ".xml" && extension == ".bin");
      const fs::path name = own ? fs::path("model" + extension) : file.lexically_relative(from);
      SL_RETURN_IF_ERROR(copy_into(file, folder / name));
    }
    const std::string model = "model" + wanted_.model.extension().string();
    variant_.model = zoo_.root / task_.name / variant_.name / model;
    if (wanted_.model.extension() == ".onnx") variant_.onnx = variant_.model;
    variant_.onnx_only = model_->graph().opaque();
    return {};
  }

  // A new task whose pieces do not reproduce their model stays whole.
  Status check_pieces(Whole& whole) {
    if (!is_new_ || task_.cuts.empty()) return {};
    SL_ASSIGN_OR_RETURN(const std::vector<Cut> cuts, cuts_by_name(model_->graph(), task_.cuts));
    SL_ASSIGN_OR_RETURN(const auto pieces, cut_model(*model_, cuts));
    std::vector<std::shared_ptr<backend::Executable>> stages;
    for (const auto& piece : pieces) {
      SL_ASSIGN_OR_RETURN(auto executable, runtime_.compile(*piece, {}));
      stages.push_back(std::move(executable));
    }
    SL_ASSIGN_OR_RETURN(Chain chain, Chain::bind(std::move(stages)));
    constexpr std::uint64_t kSeeds = 2;
    SL_ASSIGN_OR_RETURN(const ChainCheck check, check_chain(model_->graph(), whole.chain(), chain, kSeeds));
    const double bound = difference_bound(model_->graph());
    if (check.difference.max_rel <= bound) return {};
    task_.cuts.clear();
    added_.notes.push_back(
        fmt::format("it stays whole: in {} parts its outputs differ by {:.3g}, relative to the largest; "
                    "at most {:g} is allowed",
                    pieces.size(), check.difference.max_rel, bound));
    return {};
  }

  Status compare_with_first(Whole& whole) {
    if (is_new_) return {};
    SL_ASSIGN_OR_RETURN(const auto first_inputs, check_interface(task_, task_.variants.front().model, first_->graph()));
    SL_ASSIGN_OR_RETURN(Whole first, Whole::load(runtime_, *first_, task_, first_inputs));
    SL_ASSIGN_OR_RETURN(added_.difference,
                        difference_of(task_, first_->graph(), first_inputs, first.chain(), whole.chain()));
    return {};
  }

  Status add_samples(Whole& whole) {
    SL_RETURN_IF_ERROR(decide_metric(wanted_, task_));
    SL_ASSIGN_OR_RETURN(const Samples samples, read_samples(task_, wanted_));
    if (samples.count < 2) added_.notes.push_back("one sample: there is no test split");
    return write_data(samples, whole, staging_ / "data", task_);
  }

  // Moves what was written to where zoo.json will look for it. Nothing that is listed now is touched.
  Status place() {
    const fs::path folder = zoo_.root / task_.name;
    std::error_code failure;
    fs::create_directories(folder, failure);
    for (const std::string& part : {variant_.name, std::string("data")}) {
      if (failure || !fs::exists(staging_ / part, failure)) continue;
      fs::remove_all(folder / part, failure);  // not in the zoo: left by a process that was killed
      if (!failure) fs::rename(staging_ / part, folder / part, failure);
      if (!failure) SL_RETURN_IF_ERROR(list_files(folder / part, task_.name + "/" + part, zoo_.files));
    }
    if (failure) return error(Code::kUnavailable, "{}: {}", folder.string(), failure.message());
    std::sort(zoo_.files.begin(), zoo_.files.end(),
              [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
    for (Split* split : {&task_.profile, &task_.test}) {
      if (!is_new_ || split->samples == 0) continue;
      for (fs::path& input : split->inputs) input = folder / input;
      split->labels = folder / split->labels;
    }
    return {};
  }

  Status measure(Whole& whole) {
    SL_RETURN_IF_ERROR(measure_accuracy(zoo_, task_, whole, variant_, added_));
    task_.variants.push_back(variant_);
    if (is_new_) {
      zoo_.tasks.push_back(task_);
    } else {
      zoo_.tasks[position_] = task_;
    }
    return {};
  }

  const NewVariant& wanted_;
  const backend::Runtime& runtime_;
  Zoo& zoo_;
  const fs::path& staging_;
  bool is_new_ = false;
  std::size_t position_ = 0;
  Task task_;
  Variant variant_;
  std::unique_ptr<backend::Model> model_, first_;
  std::vector<EdgeId> inputs_;  // of the model, in the task's order
  AddedVariant added_;
};

Result<Variant> derived_from(const Task& task, VariantId id, backend::Provider provider) {
  const Variant& base = task.variants[id.index()];
  Variant derived = base;
  derived.name = derived_name(base.name, provider);
  derived.derived_from = base.name;
  derived.provider = provider;
  const std::string where = fmt::format("task '{}', variant '{}'", task.name, derived.name);
  const backend::ProviderInfo& by = backend::info(provider);
  if (!by.computes_in && (by.runtime == "openvino" || base.onnx_only)) {
    return error(Code::kInvalidArgument, "{}: {} answers as '{}' does; there is nothing to derive", where, by.name,
                 base.name);
  }
  if (base.derived()) return error(Code::kInvalidArgument, "{}: '{}' is itself derived", where, base.name);
  if (task.variant(derived.name).ok()) return error(Code::kFailedPrecondition, "{}: there is one already", where);
  if (is_there_for(derived, provider)) return derived;
  return error(Code::kFailedPrecondition, "{}: '{}' is not there in a form that {} runs", where, base.name,
               provider_name(provider));
}

}  // namespace

Status init_zoo(const fs::path& root, const std::string& name) {
  Zoo zoo;
  zoo.root = root;
  zoo.name = name.empty() ? name_from(fs::absolute(root).lexically_normal().filename()) : name;
  if (!is_name(zoo.name)) {
    return error(Code::kInvalidArgument, "zoo '{}': is no name; letters, digits and -_.+ are allowed", zoo.name);
  }
  std::error_code failure;
  if (fs::exists(root / "zoo.json", failure))
    return error(Code::kFailedPrecondition, "{}: there is a zoo already", root.string());
  fs::create_directories(root, failure);
  if (failure) return error(Code::kUnavailable, "{}: {}", root.string(), failure.message());
  return commit(zoo);
}

Result<AddedVariant> add_variant(const fs::path& root, const NewVariant& variant, const backend::Runtime& runtime,
                                 const OnWait& on_wait) {
  SL_ASSIGN_OR_RETURN(LockedZoo locked, LockedZoo::open(root, on_wait));
  Zoo& zoo = locked.zoo;
  SL_ASSIGN_OR_RETURN(const Staging staging, Staging::make(root));
  return Adding(variant, runtime, zoo, staging.folder()).run();
}

Result<AddedVariant> derive_variant(const fs::path& root, const std::string& task_name, const std::string& name,
                                    backend::Provider provider, const backend::Runtime& runtime,
                                    const OnWait& on_wait) {
  SL_ASSIGN_OR_RETURN(LockedZoo locked, LockedZoo::open(root, on_wait));
  Zoo& zoo = locked.zoo;
  SL_ASSIGN_OR_RETURN(const TaskId id, zoo.find_task(task_name));
  Task& task = zoo.tasks[id.index()];
  SL_ASSIGN_OR_RETURN(const VariantId base, task.variant(name));
  SL_ASSIGN_OR_RETURN(Variant derived, derived_from(task, base, provider));
  const backend::Provider base_provider = is_there_for(task.variants[base.index()], backend::Provider::kOpenVino)
                                              ? backend::Provider::kOpenVino
                                              : backend::Provider::kOnnxRuntime;
  const VariantId added_at(task.variants.size());
  task.variants.push_back(derived);
  SL_ASSIGN_OR_RETURN(const Staging staging, Staging::make(root));
  PieceStore pieces(zoo, runtime, staging.folder());
  SL_ASSIGN_OR_RETURN(Whole first, Whole::of_pieces(runtime, pieces, task, id, base, base_provider));
  SL_ASSIGN_OR_RETURN(Whole second, Whole::of_pieces(runtime, pieces, task, id, added_at, provider));
  const fs::path& dense = task.variants.front().model;  // which has the task's types
  SL_ASSIGN_OR_RETURN(const auto model, runtime.read(dense, shapes_of(task)));
  SL_ASSIGN_OR_RETURN(const auto inputs, check_interface(task, dense, model->graph()));
  AddedVariant added;
  SL_ASSIGN_OR_RETURN(added.difference, difference_of(task, model->graph(), inputs, first.chain(), second.chain()));
  SL_RETURN_IF_ERROR(measure_accuracy(zoo, task, second, derived, added));
  task.variants.back() = derived;
  SL_RETURN_IF_ERROR(commit(zoo));
  return added;
}

Status remove_variant(const fs::path& root, const std::string& task_name, const std::string& variant_name,
                      const OnWait& on_wait) {
  SL_ASSIGN_OR_RETURN(LockedZoo locked, LockedZoo::open(root, on_wait));
  Zoo& zoo = locked.zoo;
  SL_ASSIGN_OR_RETURN(const TaskId id, zoo.find_task(task_name));
  Task& task = zoo.tasks[id.index()];
  fs::path folder = root / task_name;
  if (variant_name.empty()) {
    forget_files(zoo, task_name);
    zoo.tasks.erase(zoo.tasks.begin() + static_cast<std::ptrdiff_t>(id.index()));
  } else {
    SL_ASSIGN_OR_RETURN(const VariantId variant, task.variant(variant_name));
    if (variant.index() == 0) {
      return error(Code::kInvalidArgument,
                   "task '{}': '{}' is its first variant, which the others are compared with; remove the task",
                   task_name, variant_name);
    }
    for (const Variant& other : task.variants) {
      if (other.derived_from != variant_name) continue;
      return error(Code::kInvalidArgument, "task '{}': '{}' is derived from '{}'; remove that first", task_name,
                   other.name, variant_name);
    }
    folder /= variant_name;
    forget_files(zoo, task_name + "/" + variant_name);
    std::erase_if(zoo.files, [&](const FileEntry& entry) { return entry.path == task_name + "/accuracy.csv"; });
    task.variants.erase(task.variants.begin() + static_cast<std::ptrdiff_t>(variant.index()));
  }
  SL_RETURN_IF_ERROR(commit(zoo));
  std::error_code ignored;  // what stays is not in the zoo
  fs::remove_all(folder, ignored);
  return {};
}

}  // namespace sparseloom::zoo
