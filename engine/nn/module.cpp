#include "engine/nn/module.h"

namespace etude {

Module::Module(Module& parent, const std::string& name) {
  for (const auto& [other, child] : parent.children_) {
    require(other != name, "module: two parts are named ", name);
  }
  parent.children_.emplace_back(name, this);
}

std::vector<Module::Named> Module::parameters() const {
  std::vector<Named> all = parameters_;
  for (const auto& [name, child] : children_) {
    for (auto& [inner, tensor] : child->parameters()) all.emplace_back(name + "." + inner, tensor);
  }
  return all;
}

std::vector<Module::Named> Module::buffers() const {
  std::vector<Named> all = buffers_;
  for (const auto& [name, child] : children_) {
    for (auto& [inner, tensor] : child->buffers()) all.emplace_back(name + "." + inner, tensor);
  }
  return all;
}

std::int64_t Module::num_parameters() const {
  std::int64_t n = 0;
  for (const auto& [name, tensor] : parameters()) n += tensor.numel();
  return n;
}

void Module::train(bool on) {
  training_ = on;
  for (auto& [name, child] : children_) child->train(on);
}

void Module::set_requires_grad(bool on) {
  for (auto& [name, tensor] : parameters()) tensor.set_requires_grad(on);
}

void Module::zero_grad() {
  for (auto& [name, tensor] : parameters()) tensor.zero_grad();
}

void Module::state(State& s, const std::string& prefix) {
  for (auto& [name, tensor] : parameters()) s.tensor(prefix + "." + name, tensor);
  for (auto& [name, tensor] : buffers()) s.tensor(prefix + "." + name, tensor);
}

Tensor Module::add_parameter(const std::string& name, Tensor value) {
  value.set_requires_grad(true);
  parameters_.emplace_back(name, value);
  return value;
}

Tensor Module::add_buffer(const std::string& name, Tensor value) {
  buffers_.emplace_back(name, value);
  return value;
}

}  // namespace etude
