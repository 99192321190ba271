#include "sparseloom/base/json.h"

#include <algorithm>
#include <limits>
#include <set>

#include "sparseloom/base/file.h"
#include "sparseloom/base/names.h"

namespace sparseloom {
namespace {

std::string kind_of(const Json& json) { return json.type_name(); }

struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
};

Position position_of(std::string_view text, std::size_t byte) {
  Position at;
  const std::size_t end = std::min(byte == 0 ? 0 : byte - 1, text.size());
  for (std::size_t i = 0; i < end; ++i) {
    at.column = text[i] == '\n' ? 1 : at.column + 1;
    at.line += text[i] == '\n' ? 1 : 0;
  }
  return at;
}

// nlohmann's message is "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ...".
std::string_view after_position(std::string_view what) {
  const std::size_t colon = what.find(": ");
  return colon == std::string_view::npos ? what : what.substr(colon + 2);
}

// A recursive value destructor or visitor would overflow the stack on hostile nesting.
bool nested_too_deeply(std::string_view text, std::size_t limit) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limit) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// Watches a text being parsed for a key that stands twice in one object. JSON leaves open which of the two counts, and
// the parser keeps the last without a word.
class DuplicateKeys {
 public:
  void see(Json::parse_event_t event, const Json& value) {
    using Event = Json::parse_event_t;
    switch (event) {
      case Event::object_start:
      case Event::array_start: open_.push_back({.is_object = event == Event::object_start}); break;
      case Event::key: see_key(value.get<std::string>()); break;
      case Event::object_end:
      case Event::array_end: open_.pop_back(); [[fallthrough]];
      case Event::value:
        if (!open_.empty()) ++open_.back().index;
    }
  }
  /// "arrivals[2]: key 'rate' stands twice"; empty if there is none.
  const std::string& problem() const { return problem_; }

 private:
  struct Level {
    bool is_object = false;
    std::set<std::string> keys = {};
    std::string key = {};   // the last one
    std::size_t index = 0;  // in an array
  };

  void see_key(std::string key) {
    Level& object = open_.back();
    object.key = std::move(key);
    if (object.keys.insert(object.key).second || !problem_.empty()) return;
    const std::string place = path();
    problem_ = fmt::format("{}{}key '{}' stands twice", place, place.empty() ? "" : ": ", object.key);
  }
  // Of the object that the last level is.
  std::string path() const {
    std::string path;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      const Level& level = open_[i];
      if (level.is_object) {
        path += (path.empty() ? "" : ": ") + level.key;
      } else {
        path += fmt::format("[{}]", level.index);
      }
    }
    return path;
  }

  std::vector<Level> open_;
  std::string problem_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view where) {
  constexpr std::size_t kMostNesting = 200;
  if (nested_too_deeply(text, kMostNesting)) {
    return error(Code::kMalformed, "{}: JSON nested more than {} levels deep", where, kMostNesting);
  }
  try {
    DuplicateKeys duplicates;
    Json json = Json::parse(text, [&](int, Json::parse_event_t event, Json& value) {
      duplicates.see(event, value);
      return true;
    });
    if (duplicates.problem().empty()) return json;
    return error(Code::kMalformed, "{}: {}", where, duplicates.problem());
  } catch (const Json::parse_error& e) {
    const Position at = position_of(text, e.byte);
    return error(Code::kMalformed, "{}:{}:{}: not JSON: {}", where, at.line, at.column, after_position(e.what()));
  } catch (const Json::exception& e) {  // for instance a number out of range
    return error(Code::kMalformed, "{}: not JSON: {}", where, e.what());
  }
}

Result<Json> read_json(const std::filesystem::path& path) {
  SL_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_json(text, path.string());
}

JsonObject::JsonObject(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
  if (!json_.is_object()) failure_ = error(Code::kMalformed, "{}: expected an object, got {}", where_, kind_of(json_));
}

std::string JsonObject::place(std::string_view key) const { return fmt::format("{}: {}", where_, key); }

void JsonObject::fail(std::string_view key, std::string_view problem) {
  if (failure_.ok()) failure_ = error(Code::kMalformed, "{}: {}", place(key), problem);
}

const Json* JsonObject::find(std::string_view key, bool required) {
  asked_.emplace_back(key);
  if (!json_.is_object()) return nullptr;
  const auto it = json_.find(std::string(key));
  if (it != json_.end()) return &*it;
  if (required) fail(key, "missing");
  return nullptr;
}

bool JsonObject::has(std::string_view key) const { return json_.is_object() && json_.contains(std::string(key)); }

template <typename Predicate>
const Json* JsonObject::typed(std::string_view key, Predicate is_type, std::string_view expected) {
  const Json* value = find(key, true);
  if (value == nullptr) return nullptr;
  if (is_type(*value)) return value;
  fail(key, fmt::format("expected {}, got {}", expected, kind_of(*value)));
  return nullptr;
}

std::string JsonObject::string(std::string_view key) {
  const Json* v = typed(
      key, [](const Json& j) { return j.is_string(); }, "a string");
  return v == nullptr ? std::string() : v->get<std::string>();
}

double JsonObject::number(std::string_view key) {
  const Json* v = typed(
      key, [](const Json& j) { return j.is_number(); }, "a number");
  return v == nullptr ? 0.0 : v->get<double>();
}

namespace {
bool is_int64(const Json& j) {
  if (!j.is_number_integer()) return false;
  return !j.is_number_unsigned() ||
         j.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}
}  // namespace

std::int64_t JsonObject::integer(std::string_view key) {
  const Json* v = typed(key, is_int64, "an integer");
  return v == nullptr ? 0 : v->get<std::int64_t>();
}

bool JsonObject::boolean(std::string_view key) {
  const Json* v = typed(
      key, [](const Json& j) { return j.is_boolean(); }, "true or false");
  return v != nullptr && v->get<bool>();
}

std::vector<std::pair<const Json*, std::string>> JsonObject::array(std::string_view key) {
  std::vector<std::pair<const Json*, std::string>> elements;
  const Json* v = typed(
      key, [](const Json& j) { return j.is_array(); }, "an array");
  if (v == nullptr) return elements;
  for (std::size_t i = 0; i < v->size(); ++i) elements.emplace_back(&(*v)[i], fmt::format("{}[{}]", place(key), i));
  return elements;
}

std::vector<std::string> JsonObject::strings(std::string_view key) {
  std::vector<std::string> values;
  for (const auto& [element, at] : array(key)) {
    if (element->is_string()) {
      values.push_back(element->get<std::string>());
    } else if (failure_.ok()) {
      failure_ = error(Code::kMalformed, "{}: expected a string, got {}", at, kind_of(*element));
    }
  }
  return values;
}

std::vector<std::int64_t> JsonObject::integers(std::string_view key) {
  std::vector<std::int64_t> values;
  for (const auto& [element, at] : array(key)) {
    if (is_int64(*element)) {
      values.push_back(element->get<std::int64_t>());
    } else if (failure_.ok()) {
      failure_ = error(Code::kMalformed, "{}: expected an integer, got {}", at, kind_of(*element));
    }
  }
  return values;
}

const Json* JsonObject::object(std::string_view key) {
  return typed(
      key, [](const Json& j) { return j.is_object(); }, "an object");
}

std::string JsonObject::string_or(std::string_view key, std::string fallback) {
  if (find(key, false) == nullptr) return fallback;
  return string(key);
}

double JsonObject::number_or(std::string_view key, double fallback) {
  return find(key, false) == nullptr ? fallback : number(key);
}

std::int64_t JsonObject::integer_or(std::string_view key, std::int64_t fallback) {
  return find(key, false) == nullptr ? fallback : integer(key);
}

Status JsonObject::finish() {
  if (!failure_.ok()) return failure_;
  for (const auto& [key, value] : json_.items()) {
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    std::sort(asked_.begin(), asked_.end());
    asked_.erase(std::unique(asked_.begin(), asked_.end()), asked_.end());
    return error(Code::kMalformed, "{}: key {}", where_, not_known(key, asked_));
  }
  return {};
}

}  // namespace sparseloom
