#pragma once
// Modules: networks as plain structs whose parameters are known by name.
//
//     struct Mlp : Module {
//       explicit Mlp(Init init)
//           : hidden(*this, "hidden", {.in = 2, .out = 16}, init),
//             out(*this, "out", {.in = 16, .out = 1}, init) {}
//       Tensor operator()(const Tensor& x) { return out(relu(hidden(x))); }
//       Linear hidden, out;
//     };

#include <string>
#include <utility>
#include <vector>

#include "engine/autograd.h"
#include "engine/random.h"
#include "engine/state.h"
#include "engine/tensor.h"

namespace etude {

/// Where and how parameters are made.
struct Init {
  Generator& generator;
  Device device = Device::cpu;
  DType dtype = DType::f32;
};

class Module {
 public:
  /// A network of its own.
  Module() = default;
  /// A part of `parent`, whose lists then hold this one's entries as "name.entry". Names are unique
  /// within a parent.
  Module(Module& parent, const std::string& name);
  // Children point at their parents.
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  using Named = std::pair<std::string, Tensor>;
  /// In the order of declaration. Handles: changing their memory changes the module's.
  std::vector<Named> parameters() const;
  /// What is saved but not trained: running statistics.
  std::vector<Named> buffers() const;
  std::int64_t num_parameters() const;

  /// Training mode: batch statistics and dropout on. The default.
  void train(bool on = true);
  bool training() const { return training_; }
  /// Whether backward() computes gradients of the parameters.
  void set_requires_grad(bool on);
  void zero_grad();

  /// Saves or restores parameters and buffers under "prefix.name".
  void state(State& s, const std::string& prefix);

 protected:
  Tensor add_parameter(const std::string& name, Tensor value);
  Tensor add_buffer(const std::string& name, Tensor value);

 private:
  std::vector<Named> parameters_, buffers_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

/// While one lives, the model is not in training mode.
class Evaluation {
 public:
  explicit Evaluation(Module& model) : model_(model), was_training_(model.training()) {
    model.train(false);
  }
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;
  ~Evaluation() { model_.train(was_training_); }

 private:
  Module& model_;
  bool was_training_;
};

/// The same, and no gradients are recorded.
class Inference {
 public:
  explicit Inference(Module& model) : evaluation_(model) {}

 private:
  NoGrad no_grad_;
  Evaluation evaluation_;
};

}  // namespace etude
