#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/backend/graph.h"
#include "sparseloom/backend/hybrid_plan.h"
#include "sparseloom/backend/provider.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/base/units.h"

namespace sparseloom::backend {

/// A device as a runtime names it: "CPU", "GPU.0", "NPU".
struct Device {
  std::string name;
  std::string description;            ///< full product name, for people
  std::vector<Provider> providers{};  ///< what runs a subgraph on it; of equally fast ones the earlier is used
  friend bool operator==(const Device&, const Device&) = default;
};

/// How to compile a subgraph.
struct CompileOptions {
  Provider provider = Provider::kOpenVino;
  std::string device = "CPU";
  int threads = 1;                                   ///< CPU only: threads that one inference uses
  SparseLayers sparse_layers = SparseLayers::kNone;  ///< CPU only
  /// CPU only: where threads that the runtime starts for this subgraph alone may run; empty: wherever they start.
  /// OpenVINO's threads are shared by all subgraphs and follow the calling thread.
  std::vector<CpuIndex> cores{};
  /// What Executor::load() compiled of an IR file is kept here between processes, with what was measured to choose
  /// sparse layers; empty: not kept, as other formats never are. A folder that cannot be written keeps nothing.
  std::filesystem::path cache_dir;
  /// Provider::kHybrid only, and required there: what its members execute.
  std::shared_ptr<const HybridOptions> hybrid{};
};

/// A tensor in a device's own memory, which is a memory domain: sessions of that device bind it without a copy. What
/// goes to or comes from the host is transferred, explicitly. Not thread-safe.
class DeviceTensor {
 public:
  virtual ~DeviceTensor() = default;
  virtual const TensorSpec& spec() const = 0;
  /// Copies exactly the tensor's bytes from the host, or to it once whatever the device still has to do before is done.
  virtual Status upload(std::span<const std::byte> from) = 0;
  virtual Status download(std::span<std::byte> to) = 0;
};

/// Memory that sessions bind begins at a multiple of so many bytes.
inline constexpr std::size_t kBindingAlignment = 64;

/// One thread's handle for running a compiled subgraph. Not thread-safe; sessions of one executable may be run by
/// different threads, but a runtime may let them take turns (OpenVINO does on a CPU). Bound memory must outlive the
/// session or be rebound before the next run.
class Session {
 public:
  virtual ~Session() = default;

  /// Binds caller-owned memory, which must hold exactly the tensor's bytes and be aligned (kBindingAlignment), as the
  /// place that input or output `index` is read from or written to. No copy is made where the runtime allows it.
  virtual Status bind_input(std::size_t index, std::span<const std::byte> data) = 0;
  virtual Status bind_output(std::size_t index, std::span<std::byte> data) = 0;

  /// The same in the memory of the executable's device, made by its new_tensor(), or by that of another executable
  /// there. kFailedPrecondition where that is the host's.
  virtual Status bind_input(std::size_t index, std::shared_ptr<DeviceTensor> tensor);
  virtual Status bind_output(std::size_t index, std::shared_ptr<DeviceTensor> tensor);

  /// Runs once, on the calling thread where the device is the CPU (so the thread's affinity decides the cores), and
  /// returns when the outputs are written. Every input and output must have been bound. Inputs bound to host memory are
  /// copied to a device that does not reach it, and outputs back: that is part of the run.
  virtual Status run() = 0;

  /// run() in two halves, for devices that work on their own: starts, and returns when the outputs are written. A start
  /// is followed by a wait. By default the CPU does everything at once, in start().
  virtual Status start() { return started_ = run(); }
  virtual Status wait() { return started_; }

  /// From any thread: a run that is under way may end early, with kCancelled. By default it does not.
  virtual void cancel() {}

 private:
  Status started_;
};

/// A subgraph compiled for one device. Thread-safe. Keeps its memory until destroyed.
class Executable {
 public:
  virtual ~Executable() = default;
  virtual const std::vector<TensorSpec>& inputs() const = 0;
  virtual const std::vector<TensorSpec>& outputs() const = 0;
  /// The device that has memory of its own, which new_tensor() makes tensors in; empty: it uses the host's.
  virtual std::string_view device_memory() const { return {}; }
  /// kFailedPrecondition where the device uses the host's memory; kResourceExhausted: too little of the device's.
  virtual Result<std::shared_ptr<DeviceTensor>> new_tensor(const TensorSpec& spec);
  /// How many layers run with sparse weights.
  virtual std::size_t sparse_layers() const { return 0; }
  /// Gives back memory that loading and a first run needed and that later runs hardly will; what they do need comes
  /// back. To be called after a first run.
  virtual void trim() {}
  /// A new session; several may exist. They share weights.
  virtual Result<std::unique_ptr<Session>> new_session() = 0;
};

/// Element types that a piece takes and returns; empty: those of the tensors.
struct PieceTypes {
  std::vector<ElementType> inputs{}, outputs{};
};

class Model;

/// What a narrowed model reads of the model that it is a part of.
struct NarrowedInput {
  std::size_t index = 0;             ///< which of that model's inputs
  std::optional<AxisRange> range{};  ///< what of it; none: all
};

/// The part of a model that computes a range of its output.
struct NarrowedModel {
  std::unique_ptr<Model> model;
  std::vector<NarrowedInput> inputs{};  ///< by input of `model`; one of the whole model's may stand there twice
};

/// A model that has been read but not compiled. Not thread-safe.
class Model {
 public:
  virtual ~Model() = default;
  virtual const Graph& graph() const = 0;

  /// The piece that computes `outputs` from `inputs` (tensors of graph()), with the constants it needs, as a model of
  /// its own whose parameters and results stand in the order given and carry the tensors' names. kInvalidArgument if
  /// `outputs` need a tensor that neither `inputs` nor constants provide (it is named). Where `types` gives another
  /// floating-point type than the tensor has, it is converted on the way in or out.
  virtual Result<std::unique_ptr<Model>> extract(const std::vector<EdgeId>& inputs, const std::vector<EdgeId>& outputs,
                                                 const PieceTypes& types) const = 0;
  Result<std::unique_ptr<Model>> extract(const std::vector<EdgeId>& inputs, const std::vector<EdgeId>& outputs) const {
    return extract(inputs, outputs, {});
  }

  /// The model that computes `range` of this one's only output. Of its inputs it reads no more than that takes where
  /// that lies in one piece in memory, else all. A
  /// convolution is divided by output channels, a matrix product by rows, columns or matrices, grouped and depthwise
  /// convolutions by whole groups, what works element by element along any axis, what works along rows by rows.
  /// kInvalidArgument: several outputs, or no range of the output; kFailedPrecondition names the operator that cannot
  /// be divided so.
  virtual Result<NarrowedModel> narrow(const AxisRange& range) const;

  /// Writes the model (and a weight file beside it, same stem). Weights are stored as they are, never converted.
  virtual Status save(const std::filesystem::path& path) const = 0;
};

/// Reads models so that they can be looked into, cut and saved. Thread-safe.
class GraphEditor {
 public:
  virtual ~GraphEditor() = default;

  /// Reads a model file of any format the runtime knows; what it cannot look into, but run, has an opaque graph.
  /// `shapes` gives the static shape of inputs that are dynamic (by
  /// input name; "" for a model's only input); if nothing but an input's first axis of several is dynamic it is 1.
  /// kNotFound, kDataLoss (truncated, not a model), kFailedPrecondition: a dynamic shape without an entry (says which
  /// input, and a shape for example), or a stateful model (the state is named).
  virtual Result<std::unique_ptr<Model>> read(const std::filesystem::path& path,
                                              const std::map<std::string, Shape>& shapes = {}) const = 0;
};

/// Compiles and runs models. Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual std::string name() const = 0;
  /// Names and versions of the libraries, part of the machine's fingerprint: "openvino 2026.4.1, onnxruntime 1.32.0".
  virtual std::string version() const = 0;
  virtual std::vector<Device> devices() const = 0;

  /// Compiles a model file for `options.provider`. kNotFound, kDataLoss, kInvalidArgument (a format that the provider
  /// does not read), kUnavailable (no such provider or device here).
  virtual Result<std::unique_ptr<Executable>> load(const std::filesystem::path& path,
                                                   const CompileOptions& options) const = 0;
  /// The same for a model that the provider's runtime has read; kInvalidArgument for others.
  virtual Result<std::unique_ptr<Executable>> compile(const Model& model, const CompileOptions& options) const = 0;

  /// Reads a model that this runtime runs and no editor reads, for the reason `why`: its graph is opaque. As
  /// GraphEditor::read(); shapes of outputs that the file leaves open are found by running it. kUnavailable: this
  /// runtime cannot.
  virtual Result<std::unique_ptr<Model>> read_whole(const std::filesystem::path& path,
                                                    const std::map<std::string, Shape>& shapes,
                                                    const std::string& why) const;

  /// What is not here because its library is missing or does not fit.
  virtual std::vector<AbsentProvider> absent() const { return {}; }
};

/// The device that runs what `provider` does: `preferred` if it offers the provider, else the first that does.
/// kUnavailable: none does, or why the provider is not here.
Result<std::string> device_for(const Executor& executor, Provider provider, std::string_view preferred = "CPU");

/// An inference runtime that edits models too.
class Runtime : public GraphEditor, public Executor {};

/// A runtime by name. "auto": OpenVINO, which reads and cuts models, and every other runtime that is found here, each
/// for its own providers. "openvino" alone; "scripted" runs no model: for tests and for measuring the engine itself.
/// The table is in runtimes.cpp. kInvalidArgument for an unknown name (the known ones are listed); kFailedPrecondition
/// if the environment names a library that cannot be used.
Result<std::unique_ptr<Runtime>> make_runtime(const std::string& name);

}  // namespace sparseloom::backend
