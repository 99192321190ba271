#include "sparseloom/place/adapt/state_trace.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "sparseloom/base/names.h"
#include "sparseloom/place/adapt/state_estimate.h"

namespace sparseloom::place {
namespace {

constexpr std::size_t kMostLines = 100'000;
constexpr double kLeastFactor = 0.01, kMostFactor = 1000;
constexpr double kMostTraceSeconds = 1e6;

std::optional<double> number_in(std::string_view word) {
  double value = 0;
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (problem != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// The words of a line, comments left out.
std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  line = line.substr(0, line.find('#'));
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(kSpace); at < line.size();) {
    const std::size_t end = std::min(line.find_first_of(kSpace, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kSpace, end);
  }
  return words;
}

class TraceParser {
 public:
  TraceParser(const std::vector<PlacedProcessor>& processors, const std::string& where)
      : processors_(processors), where_(where) {
    const MachineState usual{.slow_down = std::vector<double>(processors.size(), 1.0), .memory_slow_down = 1};
    trace_.changes.push_back({.at = Seconds(0), .state = usual});
  }

  Status read(std::string_view line) {
    if (++line_ > kMostLines) return wrong(fmt::format("one more; allowed: at most {} lines", kMostLines));
    const std::vector<std::string_view> words = words_of(line);
    if (words.empty()) return {};
    if (ended_) return wrong(fmt::format("'{}' behind the end; allowed: nothing", words[0]));
    if (words[0] == "at") return read_change(words);
    if (words[0] == "end") return read_end(words);
    return wrong(not_known(words[0], std::vector<std::string_view>{"at", "end"}));
  }

  Result<StateTrace> finish() {
    if (!ended_) return error(Code::kMalformed, "{}: no line 'end TIME s'", where_);
    return std::move(trace_);
  }

 private:
  Status wrong(const std::string& what) const { return error(Code::kMalformed, "{}:{}: {}", where_, line_, what); }

  // The time in words 1 and 2, which comes behind all before.
  Result<Seconds> read_time(const std::vector<std::string_view>& words) const {
    if (words.size() < 3) return wrong(fmt::format("'{}' without a time; allowed: {} TIME s", words[0], words[0]));
    if (words[2] != "s" && words[2] != "ms") {
      return wrong(fmt::format("time '{} {}'; allowed: a number of s or of ms", words[1], words[2]));
    }
    const auto value = number_in(words[1]);
    const Seconds time = value ? Seconds(words[2] == "s" ? *value : *value / 1e3) : Seconds(-1);
    if (!(time.count() >= 0 && time.count() <= kMostTraceSeconds)) {
      return wrong(fmt::format("time '{} {}'; allowed: 0..{:.0f} s", words[1], words[2], kMostTraceSeconds));
    }
    const Seconds before = trace_.changes.back().at;
    if (time > before || (words[0] == "at" && first_ && time == before)) return time;
    return wrong(fmt::format("time {} s after {} s; allowed: later ones", time.count(), before.count()));
  }

  Status read_change(const std::vector<std::string_view>& words) {
    SL_ASSIGN_OR_RETURN(const Seconds time, read_time(words));
    if (words.size() == 3 || words.size() % 2 == 0) {
      return wrong(fmt::format("{} words behind the time; allowed: pairs of a name and a slow-down", words.size() - 3));
    }
    MachineState state = trace_.changes.back().state;
    std::vector<bool> given(processors_.size() + 1);
    for (std::size_t i = 3; i < words.size(); i += 2) {
      SL_ASSIGN_OR_RETURN(const std::vector<Part> parts, parts_named(words[i]));
      const auto factor = number_in(words[i + 1]);
      if (!factor || *factor < kLeastFactor || *factor > kMostFactor) {
        return wrong(
            fmt::format("slow-down '{}' of {}; allowed: {}..{}", words[i + 1], words[i], kLeastFactor, kMostFactor));
      }
      for (const Part part : parts) {
        if (given[part]) return wrong(fmt::format("a second slow-down of {}; allowed: one", words[i]));
        given[part] = true;
        set_slow_down(state, part, *factor);
      }
    }
    if (time == trace_.changes.back().at) trace_.changes.pop_back();
    trace_.changes.push_back({.at = time, .state = std::move(state)});
    first_ = false;
    return {};
  }

  Status read_end(const std::vector<std::string_view>& words) {
    SL_ASSIGN_OR_RETURN(trace_.end, read_time(words));
    if (words.size() > 3) return wrong(fmt::format("'{}' behind the time; allowed: nothing", words[3]));
    ended_ = true;
    return {};
  }

  Result<std::vector<Part>> parts_named(std::string_view name) const {
    std::vector<Part> kin;
    std::vector<std::string_view> known;
    bool cpus = false, gpus = false;
    for (Part p = 0; p < processors_.size(); ++p) {
      const PlacedProcessor& processor = processors_[p];
      if (processor.name == name) return std::vector<Part>{p};
      known.emplace_back(processor.name);
      const bool cpu = processor.kind == ProcessorKind::kCpu, gpu = processor.kind == ProcessorKind::kGpu;
      if ((cpu && name == "cpu") || (gpu && name == "gpu")) kin.push_back(p);
      cpus = cpus || cpu;
      gpus = gpus || gpu;
    }
    if (name == "memory") return std::vector<Part>{processors_.size()};
    if (!kin.empty()) return kin;
    const auto add = [&](std::string_view more) {
      if (std::find(known.begin(), known.end(), more) == known.end()) known.push_back(more);
    };
    if (cpus) add("cpu");
    if (gpus) add("gpu");
    add("memory");
    return wrong(not_known(name, known));
  }

  const std::vector<PlacedProcessor>& processors_;
  const std::string& where_;
  StateTrace trace_;
  std::size_t line_ = 0;
  bool first_ = true, ended_ = false;
};

}  // namespace

Result<StateTrace> parse_state_trace(std::string_view text, const std::vector<PlacedProcessor>& processors,
                                     const std::string& where) {
  TraceParser parser(processors, where);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    SL_RETURN_IF_ERROR(parser.read(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.finish();
}

StateTrace stretched(StateTrace trace, double factor) {
  for (StateTrace::Change& change : trace.changes) change.at *= factor;
  trace.end *= factor;
  return trace;
}

}  // namespace sparseloom::place
