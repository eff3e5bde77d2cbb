#pragma once
#include "engine/nn/module.h"

namespace etude {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;  // decoupled: AdamW
};

/// Adam and AdamW over one module. The module's parameters, their gradients and both moments move
/// into one flat buffer each, so a step is one kernel and the gradient norm one more.
/// Source: Kingma & Ba, "Adam", 2015, Algorithm 1; Loshchilov & Hutter, 2019, Algorithm 2.
class Adam {
 public:
  Adam(Module& module, const AdamOptions& options);

  /// Forgets the gradients of the last step.
  void zero_grad();
  /// One update from the gradients now in place; a parameter without one counts as gradient 0.
  void step();
  /// L2 norm over all gradients, [1], on the device: reading it is a synchronisation, so read late.
  Tensor gradient_norm();
  /// Scales the gradients so that their norm is at most max_norm. Returns the norm before.
  Tensor clip_gradient(double max_norm);

  void set_lr(double lr) { options_.lr = lr; }
  /// As one cycle's schedule moves it; the bias correction goes by the present value.
  void set_beta1(double beta1) { options_.beta1 = beta1; }
  double lr() const { return options_.lr; }
  std::int64_t steps() const { return steps_; }
  const AdamOptions& options() const { return options_; }
  /// The two moments of each parameter, in the module's order: views, which move with step().
  struct Moments {
    std::vector<Tensor> first, second;
  };
  Moments moments() const;
  /// Moments and step count; the parameters are the module's own state.
  void state(State& s, const std::string& prefix);

 private:
  void complete_gradients();

  AdamOptions options_;
  std::vector<Tensor> parameters_;
  Tensor weights_, gradients_, m_, v_;  // [n]
  std::int64_t steps_ = 0;
};

}  // namespace etude
