#include "sparseloom/plan/slo_file.h"

#include "sparseloom/plan/read_tasks.h"

namespace sparseloom::plan {

namespace {

constexpr std::int64_t kSlosVersion = 1;

}  // namespace

Result<SloConfig> parse_slos(const Json& json, const zoo::Zoo& zoo, const std::string& where) {
  JsonObject object(json, where);
  const std::int64_t version = object.integer("format_version");
  if (object.ok() && version != kSlosVersion) {
    object.fail("format_version", fmt::format("got {}; this program reads {}", version, kSlosVersion));
  }
  const auto entries = object.array("slos");
  SL_RETURN_IF_ERROR(object.finish());
  SL_ASSIGN_OR_RETURN(std::vector<Slo> slos, read_tasks<Slo>(entries, zoo, object.place("slos"),
                                                             [](JsonObject& entry, zoo::TaskId) -> Result<Slo> {
                                                               const Slo slo = read_bounds(entry, true);
                                                               SL_RETURN_IF_ERROR(entry.finish());
                                                               return slo;
                                                             }));
  return SloConfig{where, std::move(slos)};
}

}  // namespace sparseloom::plan
