// Plan files: whatever the bytes, reading them ends in a plan that can be written and read again, or in one line that
// says what is wrong. The profile's digest is put in, for no fuzzer finds one.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sparseloom/base/json.h"
#include "sparseloom/plan/plan_file.h"
#include "sparseloom/profile/profile_digest.h"
#include "tests/unit/plan/small_world.h"

namespace {

using namespace sparseloom;

void require(bool holds) {
  if (!holds) std::abort();
}

plan::testing::World two_tasks() {
  plan::testing::World world = plan::testing::world_of(2);
  for (const char* task : {"image", "speech"}) {
    plan::testing::add_task(world, task, 2, {{"dense", 1, 0.75}, {"int8", 0.5, 0.5}}, {});
  }
  return world;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const plan::testing::World world = two_tasks();
  static const plan::PlanTarget target{world.zoo, world.soc, world.profile};
  static const std::string digest = profile::profile_digest(world.profile, profile::Covers::kPlans);
  auto json = parse_json({reinterpret_cast<const char*>(data), size}, "fuzz.json");
  if (!json.ok()) return 0;
  if (json->is_object() && json->contains("profile")) (*json)["profile"] = digest;
  const auto file = plan::parse_plan(json->dump(), "fuzz.json", target);
  if (!file.ok()) {
    require(file.status().message().find("fuzz.json") != std::string::npos);
    return 0;
  }
  require(file->plan.tasks.size() == 2 && file->slo.slos.size() == 2);
  for (const plan::TaskPlan& task : file->plan.tasks) {
    require(task.sigma.size() == 2 && task.placement.size() == 2 && task.backends.size() == 2);
    require(task.estimates.size() == 2 && task.latency > Seconds(0));
  }
  require(plan::parse_plan(plan::format_plan(*file, target), "again.json", target).ok());
  return 0;
}
