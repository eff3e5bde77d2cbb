#include "kernels/norm/norm.h"

#include "kernels/layer_norm/layer_norm.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/norm.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace etude {
namespace {

/// [C] as [1, C, 1], to meet [B, C, L].
Tensor per_channel(const Tensor& t) { return reshape(t, {1, -1, 1}); }

/// The same gradient in plain ops, for when it is itself to be differentiated. x, dy: [B, C, L].
Grads differentiable_grad(const Tensor& dy, const Tensor& x, const Tensor& gamma,
                          const Tensor& beta, double eps, double slope) {
  const Tensor centred = x - mean(x, {0, 2}, true);
  const Tensor rstd = pow(mean(square(centred), {0, 2}, true) + eps, -0.5);
  const Tensor normal = centred * rstd;
  const Tensor before = normal * per_channel(gamma) + per_channel(beta);
  // The activation's derivative is a step function: constant almost everywhere.
  const Tensor zero = Tensor::zeros({}, x.dtype(), x.device());
  const Tensor gate = affine(greater(before.detach(), zero), 1 - slope, slope);
  const Tensor d = dy * gate;
  const Tensor dnormal = d * per_channel(gamma);
  const Tensor dx = rstd * (dnormal - mean(dnormal, {0, 2}, true) -
                            normal * mean(dnormal * normal, {0, 2}, true));
  return {dx, sum(d * normal, {0, 2}), sum(d, {0, 2})};
}

/// x, dy: [B, C, L]. The fused kernel where its result is not differentiated again.
Tensor train(const Tensor& x, const Tensor& gamma, const Tensor& beta, Tensor& running_mean,
             Tensor& running_var, const BatchNormOptions& options) {
  const BatchNormParams params{options.eps, options.momentum, options.slope};
  const Tensor mean = Tensor::empty_like(gamma), rstd = Tensor::empty_like(gamma);
  const Tensor y = Tensor::empty_like(x);
  batch_norm_train(x.stream(), x.view(), gamma.view(), beta.view(), mean.view(), rstd.view(),
                   running_mean.view(), running_var.view(), y.view(), params);
  ++running_mean.impl().storage->version;
  ++running_var.impl().storage->version;
  return record("batch_norm", y, {x, gamma, beta},
                [x = saved(x), gamma = saved(gamma), beta = saved(beta), mean, rstd, params](
                    const Tensor& dy0, Needs) {
                  if (grad_enabled()) {
                    return differentiable_grad(dy0, x, gamma, beta, params.eps, params.slope);
                  }
                  const Tensor dy = contiguous(dy0);
                  const Tensor dx = Tensor::empty_like(x.get());
                  const Tensor dgamma = Tensor::empty_like(mean), dbeta = Tensor::empty_like(mean);
                  batch_norm_grad(dy.stream(), dy.view(), x.get().view(), gamma.get().view(),
                                  beta.get().view(), mean.view(), rstd.view(), dx.view(),
                                  dgamma.view(), dbeta.view(), params);
                  return Grads{dx, dgamma, dbeta};
                });
}

/// layer_norm's gradient in plain ops. x, dy: [rows, C].
Grads differentiable_grad(const Tensor& dy, const Tensor& x, const Tensor& gamma, double eps) {
  const Tensor centred = x - mean(x, {1}, true);
  const Tensor rstd = pow(mean(square(centred), {1}, true) + eps, -0.5);
  const Tensor normal = centred * rstd, d = dy * gamma;
  const Tensor dx = rstd * (d - mean(d, {1}, true) - normal * mean(d * normal, {1}, true));
  return {dx, sum(dy * normal, {0}), sum(dy, {0})};
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& gamma0, const Tensor& beta0, double eps) {
  require(x.rank() >= 1, "layer_norm: a scalar has no last dimension");
  for (const Tensor* t : {&gamma0, &beta0}) {
    require(t->shape() == Dims{x.dim(-1)}, "layer_norm: x has ", x.dim(-1),
            " columns, a parameter has shape ", t->shape());
    require_together("layer_norm", x, *t);
  }
  const Tensor rows = contiguous(reshape(x, {-1, x.dim(-1)})), gamma = contiguous(gamma0),
               beta = contiguous(beta0), y = Tensor::empty_like(rows);
  const DType statistics = x.dtype() == DType::bf16 ? DType::f32 : x.dtype();
  const Tensor mean = Tensor::empty({rows.dim(0)}, statistics, x.device()),
               rstd = Tensor::empty_like(mean);
  layer_norm(y.stream(), rows.view(), gamma.view(), beta.view(), mean.view(), rstd.view(), y.view(),
             eps);
  const Tensor result =
      record("layer_norm", y, {rows, gamma, beta},
             [x = saved(rows), gamma = saved(gamma), mean, rstd, eps](const Tensor& dy0, Needs) {
               if (grad_enabled()) return differentiable_grad(dy0, x, gamma, eps);
               const Tensor dy = contiguous(dy0), dx = Tensor::empty_like(dy);
               const Tensor dgamma = Tensor::empty_like(gamma.get()),
                            dbeta = Tensor::empty_like(gamma.get());
               layer_norm_grad(dy.stream(), dy.view(), x.get().view(), gamma.get().view(),
                               mean.view(), rstd.view(), dx.view(), dgamma.view(), dbeta.view());
               return Grads{dx, dgamma, dbeta};
             });
  return reshape(result, x.shape());
}

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, Tensor& running_mean,
                  Tensor& running_var, const BatchNormOptions& options) {
  require(x.rank() >= 2, "batch_norm: x must be [B, C, ...], not ", x.shape());
  for (const Tensor* t : {&gamma, &beta, static_cast<const Tensor*>(&running_mean),
                          static_cast<const Tensor*>(&running_var)}) {
    require(t->shape() == Dims{x.dim(1)}, "batch_norm: x has ", x.dim(1),
            " channels, a parameter has shape ", t->shape());
    require_together("batch_norm", x, *t);
  }
  const Tensor folded = contiguous(reshape(x, {x.dim(0), x.dim(1), -1}));
  if (options.training) {
    return reshape(train(folded, gamma, beta, running_mean, running_var, options), x.shape());
  }
  const bool differentiated =
      grad_enabled() && (x.requires_grad() || gamma.requires_grad() || beta.requires_grad());
  if (differentiated) {
    const Tensor rstd = pow(running_var + options.eps, -0.5);
    const Tensor scale = gamma * rstd;
    const Tensor shift = beta - running_mean * scale;
    const Tensor y = folded * per_channel(scale) + per_channel(shift);
    return reshape(options.slope == 1 ? y : leaky_relu(y, options.slope), x.shape());
  }
  const Tensor y = Tensor::empty_like(folded);
  batch_norm_infer(x.stream(), folded.view(), gamma.view(), beta.view(), running_mean.view(),
                   running_var.view(), y.view(), {options.eps, options.momentum, options.slope});
  return record("batch_norm", reshape(y, x.shape()), {}, nullptr);
}

}  // namespace etude
