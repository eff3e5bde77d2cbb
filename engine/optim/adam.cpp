#include "engine/optim/adam.h"

#include "kernels/optimizer/optimizer.h"

namespace etude {
namespace {

/// The part of a flat buffer that belongs to a parameter, with its shape.
Tensor window(const Tensor& flat, const Dims& shape, std::int64_t offset) {
  return flat.alias(shape, contiguous_strides(shape), offset);
}

}  // namespace

Adam::Adam(Module& module, const AdamOptions& options) : options_(options) {
  const NoGrad no_grad;
  for (auto& [name, tensor] : module.parameters()) parameters_.push_back(tensor);
  require(!parameters_.empty(), "Adam: the module has no parameters");
  const Tensor& first = parameters_.front();
  const std::int64_t n = module.num_parameters();
  weights_ = Tensor::empty({n}, first.dtype(), first.device());
  gradients_ = Tensor::zeros({n}, first.dtype(), first.device());
  m_ = Tensor::zeros({n}, first.dtype(), first.device());
  v_ = Tensor::zeros({n}, first.dtype(), first.device());
  std::int64_t offset = 0;
  for (Tensor& p : parameters_) {
    require(p.dtype() == first.dtype() && p.device() == first.device(),
            "Adam: all parameters must share dtype and device");
    Tensor home = window(weights_, p.shape(), offset);
    home.copy_(p);
    p.impl().storage = home.impl().storage;
    p.impl().offset = offset;
    p.impl().strides = home.strides();
    p.impl().meta->grad = Tensor();
    p.impl().meta->grad_buffer = window(gradients_, p.shape(), offset);
    offset += p.numel();
  }
}

void Adam::zero_grad() {
  for (Tensor& p : parameters_) p.zero_grad();
}

void Adam::complete_gradients() {
  const NoGrad no_grad;
  for (Tensor& p : parameters_) {
    GradMeta& meta = *p.impl().meta;
    if (!meta.grad.defined()) {
      meta.grad_buffer.fill_(0);
      meta.grad = meta.grad_buffer;
    }
    require(meta.grad.same(meta.grad_buffer), "Adam: a gradient of shape ", p.shape(),
            " is not in the optimizer's buffer");
  }
}

void Adam::step() {
  complete_gradients();
  ++steps_;
  ++weights_.impl().storage->version;
  adam(weights_.stream(), weights_.view(), gradients_.view(), m_.view(), v_.view(),
       {.lr = options_.lr,
        .beta1 = options_.beta1,
        .beta2 = options_.beta2,
        .eps = options_.eps,
        .weight_decay = options_.weight_decay},
       steps_);
}

Tensor Adam::gradient_norm() {
  complete_gradients();
  const Tensor norm = Tensor::empty({1}, weights_.dtype(), weights_.device());
  etude::gradient_norm(norm.stream(), gradients_.view(), norm.view());
  return norm;
}

Tensor Adam::clip_gradient(double max_norm) {
  const Tensor norm = gradient_norm();
  etude::clip_gradient(norm.stream(), gradients_.view(), norm.view(), max_norm);
  return norm;
}

Adam::Moments Adam::moments() const {
  Moments moments;
  std::int64_t offset = 0;
  for (const Tensor& p : parameters_) {
    moments.first.push_back(window(m_, p.shape(), offset));
    moments.second.push_back(window(v_, p.shape(), offset));
    offset += p.numel();
  }
  return moments;
}

void Adam::state(State& s, const std::string& prefix) {
  s.tensor(prefix + ".m", m_);
  s.tensor(prefix + ".v", v_);
  s.number(prefix + ".steps", steps_);
  s.number(prefix + ".lr", options_.lr);
}

}  // namespace etude
