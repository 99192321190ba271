#include "sparseloom/profile/analytical/modelled.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "sparseloom/profile/analytical/roofline.h"
#include "sparseloom/profile/store/shipped.h"

namespace sparseloom::profile {
namespace {

Status take_accuracies(const zoo::Zoo& zoo, Profile& profile) {
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    SL_ASSIGN_OR_RETURN(const Shipped shipped, load_shipped(zoo, zoo::TaskId(t), profile.tasks[t]));
    if (shipped == Shipped::kLoaded) continue;
    return error(Code::kFailedPrecondition,
                 "task '{}': {}, and a modelled machine runs no model; measure and export them on a real one",
                 zoo.tasks[t].name,
                 shipped == Shipped::kStale ? "its accuracy.csv is of other models" : "the zoo ships no accuracies");
  }
  return {};
}

// A table of another zoo, or of an older state of this one, was written to be used: modelling in its place would not
// be noticed.
Status check_tables(const zoo::Zoo& zoo, const soc::SocFile& file) {
  if (file.tables.empty() || file.table_of(zoo.fingerprint) != nullptr) return {};
  std::vector<std::string> measured;
  for (const soc::MeasuredTable& table : file.tables) measured.push_back(table.zoo);
  return error(Code::kFailedPrecondition,
               "soc '{}': its tables are of the zoos {}; the zoo at {} is {}: measure that on the device, or take "
               "the tables out",
               file.soc.name, fmt::join(measured, ", "), zoo.root.string(), zoo.fingerprint);
}

LeftOut left_out_of(std::string_view reason) {
  for (const LeftOut known : {LeftOut::kSlower, LeftOut::kDisagrees}) {
    if (to_string(known) == reason) return known;
  }
  return reason.empty() ? LeftOut::kNo : LeftOut::kUnsupported;
}

Status take_table(const zoo::Zoo& zoo, const soc::MeasuredTable& table, Profile& profile) {
  for (const soc::MeasuredSubgraph& m : table.subgraphs) {
    const auto task = zoo.find_task(m.task);
    if (!task.ok()) return error(Code::kFailedPrecondition, "tables: {}", task.status().message());
    const auto variant = zoo.task(*task).variant(m.variant);
    if (!variant.ok()) return error(Code::kFailedPrecondition, "tables: {}", variant.status().message());
    if (m.stage >= zoo.task(*task).stages()) {
      return error(Code::kFailedPrecondition, "tables: task '{}' has no stage {}; it has {}", m.task, m.stage,
                   zoo.task(*task).stages());
    }
    Latency latency{.median = m.median, .q1 = m.q1, .q3 = m.q3, .count = m.count, .resident = m.resident};
    latency.left_out = left_out_of(m.left_out);
    profile.tasks[task->index()].set_latency(*variant, zoo::StageId(m.stage), m.processor, m.provider, latency);
  }
  return {};
}

/// Fills in what one task's table leaves open.
class TaskModel {
 public:
  TaskModel(const zoo::Zoo& zoo, const soc::SocFile& file, const backend::Runtime& runtime, zoo::PieceStore& pieces,
            zoo::TaskId task)
      : task_(zoo.task(task)), id_(task), file_(file), runtime_(runtime), pieces_(pieces) {}

  Status fill(TaskProfile& profile) const {
    for (std::size_t v = 0; v < task_.variants.size(); ++v) {
      for (std::size_t s = 0; s < task_.stages(); ++s) {
        SL_RETURN_IF_ERROR(fill(zoo::VariantId(v), zoo::StageId(s), profile));
      }
    }
    return {};
  }

  Result<std::vector<Bytes>> boundaries() const {
    std::vector<Bytes> sizes;
    for (std::size_t s = 1; s < task_.stages(); ++s) {
      SL_ASSIGN_OR_RETURN(const auto model, read(zoo::VariantId(0), zoo::StageId(s)));
      Bytes sum;
      for (const backend::EdgeId input : model->graph().inputs) sum += {model->graph().edge(input).spec.bytes()};
      sizes.push_back(sum);
    }
    return sizes;
  }

 private:
  Status fill(zoo::VariantId v, zoo::StageId s, TaskProfile& profile) const {
    std::unique_ptr<backend::Model> model;  // read for the first that needs it
    for (std::size_t n = 0; n < file_.soc.processors.places(); ++n) {
      const soc::ProcessorId p(n);
      for (const backend::Provider b : file_.soc.processor(p).providers) {
        if (profile.latency(v, s, p, b).settled()) continue;
        if (!file_.rates[n]) {
          return error(
              Code::kFailedPrecondition,
              "soc '{}': processor '{}' has no rates, and no table has task '{}', variant '{}', stage {} by {}",
              file_.soc.name, file_.soc.processor(p).name, task_.name, task_.variants[v.index()].name, s.index(),
              backend::provider_name(b));
        }
        if (model == nullptr) {
          SL_ASSIGN_OR_RETURN(model, read(v, s));
        }
        if (model->graph().opaque()) {
          return error(
              Code::kFailedPrecondition,
              "task '{}', variant '{}': what it computes is not known, so its time on processor '{}' of soc '{}' "
              "cannot be modelled: {}",
              task_.name, task_.variants[v.index()].name, file_.soc.processor(p).name, file_.soc.name,
              model->graph().why_opaque);
        }
        profile.set_latency(v, s, p, b, roofline(model->graph(), *file_.rates[n], b));
      }
    }
    return {};
  }

  Result<std::unique_ptr<backend::Model>> read(zoo::VariantId v, zoo::StageId s) const {
    SL_ASSIGN_OR_RETURN(const auto path, pieces_.piece(id_, v, s));
    return runtime_.read(path);
  }

  const zoo::Task& task_;
  zoo::TaskId id_;
  const soc::SocFile& file_;
  const backend::Runtime& runtime_;
  zoo::PieceStore& pieces_;
};

Status model_times(const zoo::Zoo& zoo, const soc::SocFile& file, const backend::Runtime& runtime,
                   zoo::PieceStore& pieces, Profile& profile) {
  if (const auto* table = file.table_of(zoo.fingerprint)) SL_RETURN_IF_ERROR(take_table(zoo, *table, profile));
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const TaskModel model(zoo, file, runtime, pieces, zoo::TaskId(t));
    SL_RETURN_IF_ERROR(model.fill(profile.tasks[t]));
    SL_ASSIGN_OR_RETURN(auto boundaries, model.boundaries());
    profile.boundary.push_back(std::move(boundaries));
  }
  if (file.transfer) {
    profile.transfer_latency = file.transfer->latency;
    profile.transfer_seconds_per_byte = file.transfer->seconds_per_byte;
  }
  return {};
}

Json subgraph_json(const zoo::Task& task, std::size_t variant, std::size_t stage, const soc::Processor& processor,
                   backend::Provider provider, const Latency& l) {
  Json json{{"task", task.name},
            {"variant", task.variants[variant].name},
            {"stage", stage},
            {"processor", processor.name},
            {"provider", backend::provider_name(provider)}};
  if (l.left_out != LeftOut::kNo) {
    json["left_out"] = to_string(l.left_out);
  } else {
    json.update({{"median_s", l.median.count()},
                 {"q1_s", l.q1.count()},
                 {"q3_s", l.q3.count()},
                 {"count", l.count},
                 {"resident_bytes", l.resident.count}});
  }
  return json;
}

Json providers_json(const soc::Processor& p) {
  Json providers = Json::array();
  for (const backend::Provider b : p.providers) providers.push_back(backend::provider_name(b));
  return providers;
}

Json processor_json(const soc::Processor& p) {
  const std::size_t cores = p.device == "CPU" ? p.cores.size() : 0;  // another device's are its driver's
  return {{"name", p.name}, {"device", p.device},
          {"kind", p.kind}, {"memory_domain", p.memory_domain},
          {"cores", cores}, {"providers", providers_json(p)}};
}

Json gangs_json(const soc::Soc& soc) {
  Json gangs = Json::array();
  for (std::size_t g = 0; g < soc.pools().gangs.size(); ++g) {
    const soc::Processor& gang = soc.processors[soc.processors.size() + g];
    Json members = Json::array();
    for (const soc::ProcessorId member : soc.pools().gangs[g]) members.push_back(soc.processor(member).name);
    gangs.push_back({{"name", gang.name}, {"members", std::move(members)}, {"providers", providers_json(gang)}});
  }
  return gangs;
}

}  // namespace

Result<Profile> model_profile(const zoo::Zoo& zoo, const soc::SocFile& file, const backend::Runtime& runtime,
                              zoo::PieceStore& pieces) {
  Profile profile = empty_profile(zoo, file.soc);
  SL_RETURN_IF_ERROR(check_tables(zoo, file));
  SL_RETURN_IF_ERROR(take_accuracies(zoo, profile));
  SL_RETURN_IF_ERROR(model_times(zoo, file, runtime, pieces, profile));
  return profile;
}

Result<Profile> model_latencies(const zoo::Zoo& zoo, const soc::SocFile& file, const backend::Runtime& runtime,
                                zoo::PieceStore& pieces) {
  Profile profile = empty_profile(zoo, file.soc);
  SL_RETURN_IF_ERROR(check_tables(zoo, file));
  SL_RETURN_IF_ERROR(model_times(zoo, file, runtime, pieces, profile));
  return profile;
}

Result<Json> soc_file_of(const zoo::Zoo& zoo, const soc::Soc& soc, const Profile& profile) {
  Json subgraphs = Json::array();
  bool any = false;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const zoo::Task& task = zoo.tasks[t];
    for (std::size_t v = 0; v < task.variants.size(); ++v) {
      for (std::size_t s = 0; s < task.stages(); ++s) {
        for (std::size_t p = 0; p < soc.processors.places(); ++p) {
          for (const backend::Provider b : soc.processors[p].providers) {
            const Latency& l = profile.tasks[t].latency(zoo::VariantId(v), zoo::StageId(s), soc::ProcessorId(p), b);
            if (!l.settled()) continue;
            any = any || l.left_out == LeftOut::kNo;
            subgraphs.push_back(subgraph_json(task, v, s, soc.processors[p], b, l));
          }
        }
      }
    }
  }
  if (!any) {
    return error(Code::kFailedPrecondition, "zoo '{}': no latency is measured on {} (run: sparseloom profile)",
                 zoo.name, soc.name);
  }
  Json processors = Json::array();
  for (const soc::Processor& p : soc.processors) processors.push_back(processor_json(p));
  Json file{{"format_version", soc::kSocFormatVersion},
            {"name", soc.name},
            {"processors", std::move(processors)},
            {"tables", Json::array({Json{{"zoo", zoo.fingerprint}, {"subgraphs", std::move(subgraphs)}}})}};
  if (!soc.pools().gangs.empty()) file["gangs"] = gangs_json(soc);
  return file;
}

}  // namespace sparseloom::profile
