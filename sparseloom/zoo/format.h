// Private to zoo: what the JSON files of a zoo say, read strictly but without touching the file system (so that it can
// be fuzzed). docs/zoo-format.md describes the format.
#pragma once

#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::zoo {

/// Whether `text` may name a zoo, task or variant: letters, digits and -_.+, no dot in front. Names become folders,
/// columns and keys of reports.
bool is_name(std::string_view text);

/// zoo.json. Version 1 names its tasks, which describe themselves in files of their own; version 2 describes them.
struct ZooFile {
  std::string name;
  std::vector<std::string> tasks;
  std::vector<FileEntry> files;  ///< sorted by path
  /// By task, in version 2: paths are relative to the task's folder, those of a variant to its own.
  std::vector<Task> described{};
  std::string descriptions{};  ///< of all of them, what a fingerprint covers
};

/// task.json: a Task whose paths are relative to its folder, and the names of its variants.
struct TaskFile {
  Task task;
  std::vector<std::string> variants;
};

// `where` names the file. kMalformed; kFailedPrecondition for a format_version of another release.
Result<ZooFile> parse_zoo_file(const Json& json, const std::string& where);
Result<TaskFile> parse_task_file(const Json& json, const std::string& where);
/// The Variant's model path is relative to its folder.
Result<Variant> parse_variant_file(const Json& json, const std::string& where);

/// zoo.json of version 2 that says what `zoo` is; the paths of its tasks lie below its root.
Json zoo_json(const Zoo& zoo);

}  // namespace sparseloom::zoo
