#include "sparseloom/place/learned/training.h"

#include <algorithm>
#include <array>
#include <memory>

#include "sparseloom/base/uniform.h"
#include "sparseloom/place/learned/actor.h"
#include "sparseloom/place/learned/replay_memory.h"
#include "sparseloom/place/methods/whole.h"
#include "sparseloom/place/processors.h"

namespace sparseloom::place {
namespace {

constexpr std::array kSlowDowns{1.0, 1.5, 2.5};
/// Of an episode that explores: how likely a group is divided as the one before.
constexpr std::array kStaying{0.8, 0.95, 1.0};

SoftActorCriticOptions agent_options(const TrainingOptions& options) {
  std::vector<double> candidates;
  for (std::uint8_t q = 0; q <= kQuarters; ++q) candidates.push_back(action_of_quarters(q));
  return {.hidden = {options.hidden.begin(), options.hidden.end()},
          .discount = options.discount,
          .rate = options.rate,
          .target_rate = options.target_rate,
          .target_entropy = options.target_entropy,
          .first_temperature = options.first_temperature,
          .most_action = action_of_quarters(kQuarters),
          .candidates = std::move(candidates)};
}

double best_single(const CostTable& table, CostModel model) {
  double least = kCannot;
  for (std::size_t p = 0; p < table.processors.size(); ++p)
    least = std::min(least, latency_of(table, whole_on(table, p), model));
  return least;
}

/// Actions of an episode that explores: one is held for a while, then another. A quarter of them are one end, a quarter
/// the other.
class Held {
 public:
  explicit Held(std::mt19937_64& random)
      : random_(random), staying_(kStaying[random() % kStaying.size()]), action_(drawn()) {}

  double next() {
    const double action = action_;
    if (uniform(random_) >= staying_) action_ = drawn();
    return action;
  }

 private:
  double drawn() { return std::clamp(4 * uniform(random_) - 2, -1.0, 1.0); }

  std::mt19937_64& random_;
  double staying_;
  double action_;
};

/// What is learned in at one time: a state of the machine, with an environment for each accelerator.
struct State {
  std::vector<std::unique_ptr<Environment>> environments;
  double reference = 0;  ///< a latency
};

class Trainer {
 public:
  Trainer(const TrainingOptions& options, std::vector<State> states)
      : options_(options),
        states_(std::move(states)),
        random_(options.seed),
        agent_(static_cast<Eigen::Index>(kFeatures), agent_options(options), random_),
        actor_(agent_.actor()),
        memory_(options.memory) {}

  /// Returns the best actor's parameters.
  Mlp<float>::Vector run(Training& training, const std::function<bool(const CurvePoint&)>& on_point) {
    Mlp<float>::Vector best = agent_.actor().parameters();
    for (std::size_t next = 0;;) {
      if (now_.steps >= next) {
        next += std::max<std::size_t>(1, options_.steps / options_.points);
        evaluate();
        training.curve.push_back(now_);
        if (now_.relative < training.curve[training.best].relative || training.curve.size() == 1) {
          training.best = training.curve.size() - 1;
          best = agent_.actor().parameters();
        }
        const bool goes_on = !on_point || on_point(now_);
        if (!goes_on || now_.steps >= options_.steps) return best;
      }
      episode();
    }
  }

 private:
  void evaluate() {
    now_.latencies.clear();
    now_.relative = 0;
    now_.temperature = static_cast<double>(agent_.temperature());
    for (const State& state : states_) {
      double least = kCannot;
      for (const auto& environment : state.environments) least = std::min(least, actor_.play(*environment));
      now_.latencies.push_back(least);
      now_.relative += least / state.reference / static_cast<double>(states_.size());
    }
  }

  void episode() {
    const State& state = states_[random_() % states_.size()];
    Environment& environment = *state.environments[random_() % state.environments.size()];
    const bool explores = uniform(random_) < options_.exploring || now_.steps < options_.warm_up;
    Held held(random_);
    environment.reset();
    Observation observation = environment.observe();
    while (!environment.done()) {
      const double action = explores ? held.next() : actor_.act(observation, &random_);
      const std::uint8_t quarters = environment.project(share_of_action(action));
      // What the best division of the group alone takes is no policy's fault. Less it, rewards are of one size.
      const double least = environment.least_seconds();
      const double reward = (environment.step(quarters) + least) / (environment.unit() * options_.reward_unit);
      Observation next{};
      if (!environment.done()) next = environment.observe();
      memory_.add(observation, action_of_quarters(quarters), reward, environment.done() ? nullptr : &next);
      observation = next;
      ++now_.steps;
      if (now_.steps > options_.warm_up && now_.steps % options_.steps_per_update == 0) update();
    }
    ++now_.episodes;
  }

  void update() {
    memory_.draw(options_.batch, random_, batch_);
    agent_.update(batch_, random_);
    ++now_.updates;
  }

  const TrainingOptions& options_;
  std::vector<State> states_;
  std::mt19937_64 random_;
  SoftActorCritic<float> agent_;
  Actor actor_;
  ReplayMemory memory_;
  Transitions<float> batch_;
  CurvePoint now_;
};

Status check(const TrainingOptions& options) {
  const bool sound = is_allowed(options.hidden) && options.steps > 0 && options.batch > 0 && options.memory > 0 &&
                     options.steps_per_update > 0 && options.points > 0 && options.reward_unit > 0 &&
                     options.first_temperature > 0;
  return sound ? Status() : error(Code::kInvalidArgument, "options of training that make no sense");
}

}  // namespace

Result<std::vector<MachineState>> training_states(const CostTable& table) {
  SL_ASSIGN_OR_RETURN(const std::vector<ProcessorPair> pairs, find_pairs(table));
  std::vector<std::size_t> others;
  for (const ProcessorPair& pair : pairs) others.push_back(pair.other);
  const std::size_t cpu = pairs.front().cpu, other = *best_of(table, others);
  std::vector<MachineState> states;
  for (const double of_cpu : kSlowDowns) {
    for (const double of_other : kSlowDowns) {
      MachineState& state = states.emplace_back(usual_state(table));
      state.slow_down[cpu] = of_cpu;
      state.slow_down[other] = of_other;
    }
  }
  return states;
}

Result<Training> train_sac(const CostTable& table, const TrainingOptions& options,
                           const std::function<bool(const CurvePoint&)>& on_point) {
  SL_RETURN_IF_ERROR(check(options));
  SL_RETURN_IF_ERROR(check(table));
  Training training;
  training.states = options.states;
  if (training.states.empty()) {
    SL_ASSIGN_OR_RETURN(training.states, training_states(table));
  }
  RewardWeights weights;
  weights.switching = options.switching;
  std::vector<State> states;
  for (const MachineState& wanted : training.states) {
    SL_RETURN_IF_ERROR(check(wanted, table));
    const CostTable now = in_state(table, wanted);
    State& state = states.emplace_back();
    SL_ASSIGN_OR_RETURN(state.environments, environments_of(now, options.model, weights));
    training.single.push_back(best_single(now, options.model));
    const double fastest = state.environments.front()->unit() * static_cast<double>(table.groups.size());
    state.reference = training.single.back() < kCannot ? training.single.back() : fastest;
  }
  Trainer trainer(options, std::move(states));
  const Mlp<float>::Vector learned = trainer.run(training, on_point);
  training.policy = {.machine = machine_of(table),
                     .model = options.model,
                     .trained_on = digest_of(table),
                     .seed = options.seed,
                     .steps = training.curve[training.best].steps,
                     .hidden = options.hidden,
                     .weights = {learned.begin(), learned.end()}};
  return training;
}

}  // namespace sparseloom::place
