// The steps out of one world, in a fixed order. See world.h for what is one step.
#pragma once

#include "sim/search/world.h"

namespace godwit::search {

class Stepper {
 public:
  Stepper(Model& model, const World& world, Steps steps, const Model::Take& take)
      : model_(model), world_(world), steps_(steps), take_(take) {}

  void all();

 private:
  bool faults() const { return steps_ == Steps::kAll; }
  bool wishes() const { return steps_ == Steps::kAll; }
  bool control() const { return steps_ != Steps::kAgentsAlone; }
  const Rules& rules() const { return model_.rules_; }
  const Bounds& bounds() const { return model_.bounds_; }

  // What a node does by itself.
  void inside(Node n);
  void stream(Node n);
  void resume(Node n);
  void run(Node n);
  void discard(Node n);
  void wishes_of(Node n);
  void faults_of(Node n);
  void crash(Node n, bool qemu);
  // Messages.
  void deliveries();
  void deliver(const Message& message);
  void to_vault(const Message& message);
  // The control plane.
  void create();
  void orders_and_takeovers();
  void reports();
  void reach();
  void answers();
  void vault();

  // One row of an agent's table; false: no row fits. `out` is changed only if one does.
  bool agent(Transition& out, Node n, const Input& input);
  void carry_out(Transition& out, Node n, Do effect, const Input& input, const State& before);
  void say(Transition& out, Node n, Do effect, const Input& input, const State& before);
  void send(Transition& out, Message message);
  void starts(Transition& out, Node n);
  void removes(Transition& out, Node n, bool was_copy);
  bool control_row(Transition& out, const ControlInput& input, const StoreRow& row);
  void control_sends(Transition& out, ControlDo effect, const ControlOutcome& outcome,
                     const ControlInput& input);
  // What each node may have said to the current generation, by node; the first is silence or death.
  std::array<std::vector<Heard>, kNodes> heard_of_all() const;
  std::vector<VaultView> vault_views() const;
  bool was_sent(const std::function<bool(const Message&)>& fits) const;
  void emit(Transition&& out, const std::function<std::string()>& label);

  Model& model_;
  const World& world_;
  const Steps steps_;
  const Model::Take& take_;
  bool going_ = true;
};

}  // namespace godwit::search
