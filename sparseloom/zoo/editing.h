#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::zoo {

/// A model that becomes a variant.
struct NewVariant {
  std::string task;
  std::filesystem::path model;            ///< .onnx or .xml; copied, with every file that it is read from
  std::string name{};                     ///< empty: "dense" for a task's first, else the file's stem
  std::map<std::string, Shape> shapes{};  ///< of dynamic inputs; the batch is 1 if nothing is said
  /// Samples to measure accuracy with, a new task's alone: a .npy file (samples first) for a model's only input, or a
  /// folder with one <input>.npy each. Empty: accuracy stays unknown.
  std::filesystem::path samples{};
  std::filesystem::path labels{};  ///< .npy, i32 [samples]; empty: what the first variant answers (fidelity)
  std::string metric{};            ///< top1, top5 or fidelity; empty: top1 if the first output holds one f32 per class
  std::size_t parts = 3;           ///< a new task's: cut into so many, or as many as it can be
};

/// What became of it.
struct AddedVariant {
  std::string task, variant;
  std::size_t parts = 1;
  std::string metric, accuracy_kind;
  double accuracy_profile = 0, accuracy_test = 0;  ///< if known
  /// Largest difference of its outputs from the first variant's, or of a derived one from those of the variant that it
  /// is derived from, over the largest number, on one made-up input.
  double difference = 0;
  std::vector<std::string> notes;  ///< what was decided, for people
};

/// Called when another process changes the same zoo and this one waits for it.
using OnWait = std::function<void()>;

// All of these leave a zoo that loads, whatever happens: files are written beside what is there, and zoo.json, which
// decides what is in the zoo, is replaced last and at once. Two at a time take turns. A zoo of format version 1 becomes
// one of version 2.

/// Makes an empty zoo. kInvalidArgument: no name of a zoo; kFailedPrecondition: there is one.
Status init_zoo(const std::filesystem::path& root, const std::string& name);

/// Adds a variant, and its task if there is none of that name: reads the model, chooses cuts (of a new task) or finds
/// them in it, copies files, data and hashes, and measures its accuracy on the whole model, if that is known. Inputs
/// are split into profile and test halves by a seed. kInvalidArgument: a name that is taken or none, samples or labels
/// that do not fit; kFailedPrecondition: the model is no variant of the task's, explained tensor by tensor; errors of
/// reading and writing.
Result<AddedVariant> add_variant(const std::filesystem::path& root, const NewVariant& variant,
                                 const backend::Runtime& runtime, const OnWait& on_wait = {});

/// Adds a derived variant: `variant` of the task as `provider` runs it, whose answers are others by more than rounding.
/// It copies nothing; its accuracy is measured on its pieces, as it is served.
/// kInvalidArgument: no such variant, it is a derived one, or the provider answers as it does; kFailedPrecondition:
/// there is this one already, or the variant is not there in a form that the provider runs; kUnavailable: no device
/// here offers the provider.
Result<AddedVariant> derive_variant(const std::filesystem::path& root, const std::string& task,
                                    const std::string& variant, backend::Provider provider,
                                    const backend::Runtime& runtime, const OnWait& on_wait = {});

/// Takes a variant out, or with an empty `variant` the whole task. kInvalidArgument: no such name, the first variant of
/// several, or one that others are derived from.
Status remove_variant(const std::filesystem::path& root, const std::string& task, const std::string& variant,
                      const OnWait& on_wait = {});

}  // namespace sparseloom::zoo
