#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom {

/// Keeps keys in the order they were written, so that output reads as it was composed.
using Json = nlohmann::ordered_json;

/// Parses text; `where` (usually the file's path) opens the message, which gives line and column. A key that stands
/// twice in an object is refused, with the object's place. kMalformed.
Result<Json> parse_json(std::string_view text, std::string_view where);

/// Reads and parses a file. kNotFound, kUnavailable, kMalformed.
Result<Json> read_json(const std::filesystem::path& path);

/// One JSON object being read with strict keys. Errors name the file and the path inside it:
/// "w.json: arrivals[2].rate: expected a number, got a string". Remember the first failure: read all keys, then ask
/// finish() once, which also refuses keys nobody asked for (naming the allowed ones).
class JsonObject {
 public:
  /// `where` names the file and the place in it. `json` must outlive the reader.
  JsonObject(const Json& json, std::string where);

  std::string string(std::string_view key);
  double number(std::string_view key);
  std::int64_t integer(std::string_view key);
  bool boolean(std::string_view key);
  std::vector<std::string> strings(std::string_view key);
  std::vector<std::int64_t> integers(std::string_view key);
  /// Elements of an array of anything, each with the place it stands at, for a nested JsonObject.
  std::vector<std::pair<const Json*, std::string>> array(std::string_view key);
  /// A nested object: nullptr (and a remembered failure) if it is missing or no object.
  const Json* object(std::string_view key);

  bool has(std::string_view key) const;
  /// Value for a key that may be absent.
  std::string string_or(std::string_view key, std::string fallback);
  double number_or(std::string_view key, double fallback);
  std::int64_t integer_or(std::string_view key, std::int64_t fallback);

  /// Remembers a failure found by the caller, at `key`.
  void fail(std::string_view key, std::string_view problem);
  /// No failure so far, so that what was read last was there and of its type.
  bool ok() const { return failure_.ok(); }
  const std::string& where() const { return where_; }
  std::string place(std::string_view key) const;

  /// The first failure, or a key that nobody asked for, or success.
  Status finish();

 private:
  const Json* find(std::string_view key, bool required);
  template <typename Predicate>
  const Json* typed(std::string_view key, Predicate is_type, std::string_view expected);

  const Json& json_;
  std::string where_;
  std::vector<std::string> asked_;
  Status failure_;
};

}  // namespace sparseloom
