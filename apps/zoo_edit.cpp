#include "apps/zoo_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "cli/shapes.h"
#include "sparseloom/backend/runtime.h"
#include "sparseloom/zoo/editing.h"

namespace sparseloom::apps {
namespace {

struct EditOptions {
  std::string zoo = ".";
  std::string folder, name;  // of init
  std::string task, model, variant, samples, labels, metric;
  std::vector<std::string> shapes;
  std::size_t parts = 3;
  std::vector<std::string> variants, providers;  // of derive
};

void say_waiting() { fmt::print(stderr, "another process is changing this zoo; waiting for it\n"); }

Status init(const EditOptions& options) {
  SL_RETURN_IF_ERROR(zoo::init_zoo(options.folder, options.name));
  fmt::print("an empty zoo in {}; next: sparseloom zoo add TASK MODEL --zoo {}\n", options.folder, options.folder);
  return {};
}

std::string accuracy_text(const zoo::AddedVariant& added) {
  if (added.accuracy_kind == "unknown") return "accuracy unknown (--samples gives some to measure it with)";
  const char* const against = added.accuracy_kind == "labels" ? "labels" : "what the task's first variant answers";
  return fmt::format("{} against {}: {:.1f} % on the profile split, {:.1f} % on the test split", added.metric, against,
                     100 * added.accuracy_profile, 100 * added.accuracy_test);
}

void print_added(const zoo::AddedVariant& added, std::string_view of) {
  fmt::print("added {}/{}: {}\n", added.task, added.variant,
             added.parts == 1 ? std::string("whole") : fmt::format("in {} parts", added.parts));
  fmt::print("  {}\n", accuracy_text(added));
  if (added.difference > 0) {
    fmt::print("  on a made-up input its outputs lie {:.3g} from {}'s, relative to the largest\n", added.difference,
               of);
  }
  for (const std::string& note : added.notes) fmt::print("  note: {}\n", note);
}

Status add(const EditOptions& options) {
  SL_ASSIGN_OR_RETURN(auto shapes, cli::parse_shapes(options.shapes));
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("auto"));
  zoo::NewVariant wanted{.task = options.task, .model = options.model};
  wanted.name = options.variant;
  wanted.shapes = std::move(shapes);
  wanted.samples = options.samples;
  wanted.labels = options.labels;
  wanted.metric = options.metric;
  wanted.parts = options.parts;
  SL_ASSIGN_OR_RETURN(const zoo::AddedVariant added, zoo::add_variant(options.zoo, wanted, *runtime, say_waiting));
  print_added(added, "the first variant");
  return {};
}

// Those named, or those here that compute in another precision than models say.
Result<std::vector<backend::Provider>> providers_to_derive_by(const EditOptions& options,
                                                              const backend::Runtime& runtime) {
  std::vector<backend::Provider> found;
  for (const std::string& name : options.providers) {
    SL_ASSIGN_OR_RETURN(const backend::Provider provider, backend::find_provider(name));
    found.push_back(provider);
  }
  if (!found.empty()) return found;
  for (const backend::Provider provider : backend::user_providers()) {
    if (backend::info(provider).computes_in && device_for(runtime, provider).ok()) found.push_back(provider);
  }
  if (!found.empty()) return found;
  return error(Code::kUnavailable,
               "no device here computes in bf16 or fp16; --provider names another one whose answers differ");
}

// Those named, or all that are not derived; what has one already, or cannot have one, is said and left out. A variant
// and a provider that are both named are tried all the same.
Result<std::vector<std::string>> variants_to_derive(const EditOptions& options, backend::Provider provider) {
  const bool named = !options.variants.empty();
  if (named && !options.providers.empty()) return options.variants;
  SL_ASSIGN_OR_RETURN(const zoo::Zoo zoo, zoo::load_zoo(options.zoo));
  SL_ASSIGN_OR_RETURN(const zoo::TaskId id, zoo.find_task(options.task));
  std::vector<std::string> names;
  for (const zoo::Variant& variant : zoo.task(id).variants) {
    if (variant.derived() ||
        (named && std::find(options.variants.begin(), options.variants.end(), variant.name) == options.variants.end()))
      continue;
    zoo::Variant derived = variant;
    derived.provider = provider;
    const bool known = zoo.task(id).variant(zoo::derived_name(variant.name, provider)).ok();
    if (!known && zoo::is_there_for(derived, provider)) {
      names.push_back(variant.name);
    } else {
      fmt::print("{}/{}: left out: {}\n", options.task, variant.name,
                 known ? fmt::format("it has one by {}", provider_name(provider))
                       : fmt::format("not there in a form that {} runs", provider_name(provider)));
    }
  }
  for (const std::string& name : options.variants) SL_RETURN_IF_ERROR(zoo.task(id).variant(name).status());
  return names;
}

Status derive(const EditOptions& options) {
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("auto"));
  SL_ASSIGN_OR_RETURN(const auto providers, providers_to_derive_by(options, *runtime));
  for (const backend::Provider provider : providers) {
    SL_ASSIGN_OR_RETURN(const auto variants, variants_to_derive(options, provider));
    for (const std::string& variant : variants) {
      SL_ASSIGN_OR_RETURN(const zoo::AddedVariant added,
                          zoo::derive_variant(options.zoo, options.task, variant, provider, *runtime, say_waiting));
      print_added(added, variant);
    }
  }
  return {};
}

Status remove(const EditOptions& options) {
  SL_RETURN_IF_ERROR(zoo::remove_variant(options.zoo, options.task, options.variant, say_waiting));
  fmt::print("removed {}{}{}\n", options.task, options.variant.empty() ? "" : "/", options.variant);
  return {};
}

}  // namespace

std::function<std::function<Status()>()> add_zoo_editing(CLI::App& command) {
  auto options = std::make_shared<EditOptions>();
  CLI::App* const making = command.add_subcommand("init", "make an empty zoo");
  making->add_option("DIR", options->folder, "its folder; made if need be")->required();
  making->add_option("--name", options->name, "its name (default: the folder's)");
  CLI::App* const adding = command.add_subcommand(
      "add",
      "add a model as a variant of a task, and the task if there is none: copies it, finds or chooses where it is "
      "cut, measures its accuracy");
  adding->add_option("TASK", options->task, "name of the task")->required();
  adding->add_option("MODEL", options->model, "ONNX (.onnx) or OpenVINO IR (.xml)")->required();
  adding->add_option("--variant", options->variant, "its name (default: dense for a task's first, else the file's)");
  adding->add_option("--samples", options->samples,
                     "a new task's samples: a .npy file, samples first, or a folder with one <input>.npy per input");
  adding->add_option("--labels", options->labels,
                     "a .npy file of their labels, i32 or i64 (default: what the task's first variant answers)");
  adding->add_option("--metric", options->metric,
                     "top1, top5 or fidelity (default: top1 if the first output holds classes)");
  adding->add_option("--parts", options->parts, "cut a new task's models into so many parts (default 3)");
  adding->add_option("--shape", options->shapes, "static shape of a dynamic input: NAME=1,3,224,224 (default: batch 1)")
      ->allow_extra_args(false);
  CLI::App* const deriving = command.add_subcommand(
      "derive",
      "add variants that are those of a task run in another precision (dense@bf16) or by another runtime "
      "(int8@onnxruntime), with accuracies of their own; copies nothing");
  deriving->add_option("TASK", options->task, "name of the task")->required();
  deriving->add_option("--variant", options->variants, "of this variant (default: of all)")->allow_extra_args(false);
  deriving
      ->add_option("--provider", options->providers,
                   "run by this provider (default: those of this machine that compute in bf16 or fp16)")
      ->allow_extra_args(false);
  CLI::App* const removing = command.add_subcommand("remove", "take a variant, or a whole task, out of a zoo");
  removing->add_option("TASK", options->task, "name of the task")->required();
  removing->add_option("--variant", options->variant, "this variant only");
  for (CLI::App* const sub : {adding, deriving, removing})
    sub->add_option("--zoo", options->zoo, "folder of the zoo (default: the current folder)");
  return [=]() -> std::function<Status()> {
    if (making->parsed()) return [options] { return init(*options); };
    if (adding->parsed()) return [options] { return add(*options); };
    if (deriving->parsed()) return [options] { return derive(*options); };
    if (removing->parsed()) return [options] { return remove(*options); };
    return {};
  };
}

}  // namespace sparseloom::apps
