// Bounds and plan files. Whatever the bytes, reading them ends in bounds and a plan that fit the zoo and the machine,
// or in one line that says what is wrong. An input with an odd first byte alters a plan that was sound, three bytes at
// a time (where, and what stands there now): a plan is of one profile, whose digest no random bytes would hit.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sparseloom/plan/plan_file.h"
#include "sparseloom/plan/slo_file.h"
#include "tests/unit/plan/small_world.h"

namespace {

using namespace sparseloom;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_refusal(const Status& status) {
  require(status.ok() || status.message().find("input.json") != std::string::npos);
}

plan::testing::World two_tasks() {
  plan::testing::World world = plan::testing::world_of(2);
  plan::testing::add_task(world, "image", 2, {{"dense", 2, 0.9}, {"int8", 1.1, 0.8}}, {0.83, from_ms(4.1)});
  plan::testing::add_task(world, "speech", 3, {{"dense", 1.7, 0.8}, {"pruned", 0.9, 0.7}}, {0.72, from_ms(3.3)});
  return world;
}

void check_slos(std::string_view text, const zoo::Zoo& zoo) {
  const auto json = parse_json(text, "input.json");
  check_refusal(json.status());
  if (!json.ok()) return;
  const auto slos = plan::parse_slos(*json, zoo, "input.json");
  check_refusal(slos.status());
  if (slos.ok()) require(slos->slos.size() == zoo.tasks.size());
}

void check_plan(std::string_view text, const plan::PlanTarget& target) {
  const auto file = plan::parse_plan(text, "input.json", target);
  check_refusal(file.status());
  if (!file.ok()) return;
  require(file->plan.tasks.size() == target.zoo.tasks.size());
  for (std::size_t t = 0; t < target.zoo.tasks.size(); ++t) {
    const plan::TaskPlan& task = file->plan.tasks[t];
    const std::size_t stages = target.zoo.tasks[t].stages();
    require(task.sigma.size() == stages && task.placement.size() == stages && task.providers.size() == stages);
    for (const soc::ProcessorId p : task.placement) require(p.index() < target.soc.processors.size());
  }
  require(plan::parse_plan(plan::format_plan(*file, target), "input.json", target).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const plan::testing::World world = two_tasks();
  static const plan::PlanTarget target{world.zoo, world.soc, world.profile};
  static const std::string sound = plan::format_plan(
      {.plan = plan::find_planner("sparseloom").value()->plan(world.problem()).value(), .slo = world.slo}, target);
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 1) {
    text = sound;
    for (std::size_t i = 1; i + 2 < size; i += 3) {
      text[(data[i] * std::size_t{256} + data[i + 1]) % text.size()] = static_cast<char>(data[i + 2]);
    }
  }
  check_slos(text, world.zoo);
  check_plan(text, target);
  return 0;
}
