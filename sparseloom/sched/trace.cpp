#include "sparseloom/sched/trace.h"

#include <fmt/format.h>

namespace sparseloom::sched {
namespace {

constexpr std::size_t kFirstSpans = 4096;
constexpr int kProcessId = 1;

Json metadata(std::string_view what, std::size_t track, const Json& args) {
  return {{"name", what}, {"ph", "M"}, {"pid", kProcessId}, {"tid", track}, {"args", args}};
}

Json event(const Span& span, const TraceNames& names) {
  const Dispatch& d = span.dispatch;
  const TraceNames::Task& task = names.tasks[d.task.index()];
  return {{"name", fmt::format("{} {}", task.name, d.stage.index())},
          {"cat", task.name},
          {"ph", "X"},
          {"ts", span.start.count() * 1e6},
          {"dur", (span.end - span.start).count() * 1e6},
          {"pid", kProcessId},
          {"tid", d.processor.index()},
          {"args",
           {{"request", d.request.index()},
            {"task", task.name},
            {"variant", task.variants[d.variant.index()]},
            {"stage", d.stage.index()},
            {"plan", d.plan_version}}}};
}

}  // namespace

TraceNames trace_names(std::string host, const zoo::Zoo& zoo, const soc::Soc& soc) {
  TraceNames names{std::move(host), {}, {}};
  for (std::size_t p = 0; p < soc.processors.places(); ++p) names.places.push_back(soc.processors[p].name);
  for (const zoo::Task& task : zoo.tasks) {
    TraceNames::Task& named = names.tasks.emplace_back();
    named.name = task.name;
    for (const zoo::Variant& variant : task.variants) named.variants.push_back(variant.name);
  }
  return names;
}

TraceSink::TraceSink(std::size_t places, std::size_t most_spans) : most_spans_(most_spans), tracks_(places) {
  for (Track& track : tracks_) track.spans.reserve(std::min(kFirstSpans, most_spans));
}

void TraceSink::record(const Span& span) {
  Track& track = tracks_[span.dispatch.processor.index()];
  if (track.spans.size() < most_spans_) {
    track.spans.push_back(span);
  } else {
    ++track.dropped;
  }
}

std::size_t TraceSink::dropped() const {
  std::size_t sum = 0;
  for (const Track& track : tracks_) sum += track.dropped;
  return sum;
}

Json TraceSink::to_json(const TraceNames& names) const {
  Json events = Json::array();
  events.push_back(metadata("process_name", 0, {{"name", names.host}}));
  for (std::size_t p = 0; p < tracks_.size(); ++p) {
    events.push_back(metadata("thread_name", p, {{"name", names.places[p]}}));
    events.push_back(metadata("thread_sort_index", p, {{"sort_index", p}}));
  }
  for (const Track& track : tracks_) {
    for (const Span& span : track.spans) events.push_back(event(span, names));
  }
  return {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}, {"droppedSpans", dropped()}};
}

}  // namespace sparseloom::sched
