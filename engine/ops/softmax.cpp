#include "kernels/softmax/softmax.h"

#include <algorithm>

#include <numeric>

#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "kernels/matmul/matmul.h"

namespace etude {
namespace {

Tensor as_rows(const Tensor& x) {
  require(x.rank() >= 1, "softmax: a scalar has no last dimension");
  return contiguous(reshape(x, {-1, x.dim(-1)}));
}

/// The operands of linear_cross_entropy as matrices, and 1 / (number of targets) for each row.
struct LinearLoss {
  Tensor x, w, target, share;
};

/// Error unless there is a target for each row of logits, or of what they are computed from.
void check_targets(const char* op, const Tensor& x, const Tensor& target) {
  bool same = target.rank() + 1 == x.rank();
  for (int d = 0; same && d < target.rank(); ++d) same = target.dim(d) == x.dim(d);
  require(same, op, ": targets must be of the leading shape of ", x.shape(), ", not ",
          target.shape());
}

/// 1 for each row that has a target, else 0.
Tensor has_target(const Tensor& target, DType dtype) {
  const Tensor least = Tensor::full({}, -0.5, DType::f32, target.device());
  return cast(greater(cast(target, DType::f32), least), dtype);
}

/// The losses of all rows, [rows]; where they are defined, dx and dw become the gradients of the
/// mean.
Tensor losses_in_pieces(const LinearLoss& p, const Tensor& dx, Tensor dw, std::int64_t held) {
  const NoGrad none;
  const std::int64_t rows = p.x.dim(0), classes = p.w.dim(0);
  const std::int64_t piece = std::max<std::int64_t>(1, held / std::max<std::int64_t>(1, classes));
  const DType compute = p.share.dtype();
  const Tensor loss = Tensor::empty({rows}, compute, p.x.device());
  if (dw.defined()) dw.fill_(0);
  for (std::int64_t begin = 0; begin < rows; begin += piece) {
    const std::int64_t end = std::min(rows, begin + piece);
    const auto of_piece = [&](const Tensor& t) { return slice(t, 0, begin, end); };
    const Tensor x = of_piece(p.x), logits = cast(linear(x, p.w), compute);
    const View target = of_piece(p.target).view();
    cross_entropy(loss.stream(), logits.view(), target, of_piece(loss).view());
    if (!dx.defined() && !dw.defined()) continue;
    const Tensor dlogits = Tensor::empty_like(logits);
    cross_entropy_grad(loss.stream(), logits.view(), target, of_piece(p.share).view(),
                       dlogits.view());
    const Tensor d = cast(dlogits, p.x.dtype());
    if (dx.defined()) matmul(loss.stream(), d.view(), p.w.view(), of_piece(dx).view(), {});
    if (dw.defined() && dw.dtype() == d.dtype()) {
      matmul(loss.stream(), transpose(d).view(), x.view(), dw.view(), {.beta = 1});
    } else if (dw.defined()) {  // sums of pieces are f32 also for bf16
      dw.copy_(dw + cast(matmul(transpose(d), x), dw.dtype()));
    }
  }
  return loss;
}

/// The gradients in plain ops, for when they are themselves to be differentiated.
Grads differentiable_grad(const LinearLoss& p, const Tensor& dloss) {
  const Tensor hit = one_hot(p.target, p.w.dim(0), p.x.dtype());
  const Tensor share =
      reshape(cast(p.share, p.x.dtype()) * has_target(p.target, p.x.dtype()), {-1, 1});
  const Tensor d = (softmax(linear(p.x, p.w)) - hit) * share * dloss;
  return {matmul(d, p.w), matmul(transpose(d), p.x)};
}

}  // namespace

Tensor linear_cross_entropy(const Tensor& x, const Tensor& w, const Tensor& target,
                            std::int64_t held) {
  require(w.rank() == 2 && x.rank() >= 1 && x.dim(-1) == w.dim(1),
          "linear_cross_entropy: x has shape ", x.shape(),
          ", the weight [classes, C] = ", w.shape());
  require_together("linear_cross_entropy", x, w);
  check_targets("linear_cross_entropy", x, target);
  require(target.dtype() == DType::i32 && target.device() == x.device(),
          "linear_cross_entropy: targets must be i32 beside x, not ", name_of(target.dtype()),
          " on ", name_of(target.device()));
  const DType compute = x.dtype() == DType::bf16 ? DType::f32 : x.dtype();
  LinearLoss p{.x = as_rows(x), .w = contiguous(w), .target = contiguous(reshape(target, {-1}))};
  const Tensor one = Tensor::ones({}, compute, x.device());
  p.share = contiguous(
      expand(pow(maximum(sum(has_target(p.target, compute)), one), -1), p.target.shape()));
  const bool wanted = grad_enabled();
  const Tensor dx = wanted && x.requires_grad() ? Tensor::empty_like(p.x) : Tensor();
  const Tensor dw =
      wanted && w.requires_grad() ? Tensor::empty(w.shape(), compute, w.device()) : Tensor();
  const Tensor losses = losses_in_pieces(p, dx, dw, held);
  const Tensor loss = [&] {
    const NoGrad none;
    return sum(losses * p.share);
  }();
  return record("linear_cross_entropy", loss, {p.x, p.w},
                [x = saved(p.x), w = saved(p.w), target = saved(p.target), share = p.share, dx, dw](
                    const Tensor& dloss, Needs) {
                  if (grad_enabled()) {
                    return differentiable_grad({x, w, target, share}, dloss);
                  }
                  const auto scaled = [&](const Tensor& d, const Tensor& of) {
                    return d.defined() ? cast(cast(d, dloss.dtype()) * dloss, of.dtype()) : d;
                  };
                  return Grads{scaled(dx, x), scaled(dw, w)};
                });
}

Tensor softmax(const Tensor& x) {
  const Tensor rows = as_rows(x);
  const Tensor y = Tensor::empty_like(rows);
  softmax(x.stream(), rows.view(), y.view());
  const Tensor result =
      record("softmax", y, {rows}, [rows = saved(rows), y = saved(y)](const Tensor& dy, Needs) {
        const Tensor p = grad_enabled() ? softmax(rows.get()) : y.get();
        const Tensor weighted = dy * p;
        return Grads{weighted - p * sum(weighted, {1}, true)};
      });
  return reshape(result, x.shape());
}

Tensor log_softmax(const Tensor& x) {
  const Tensor rows = as_rows(x);
  const Tensor y = Tensor::empty_like(rows);
  log_softmax(x.stream(), rows.view(), y.view());
  const Tensor result =
      record("log_softmax", y, {rows}, [rows = saved(rows), y = saved(y)](const Tensor& dy, Needs) {
        const Tensor p = grad_enabled() ? softmax(rows.get()) : exp(y);
        return Grads{dy - p * sum(dy, {1}, true)};
      });
  return reshape(result, x.shape());
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target) {
  const Tensor rows = as_rows(logits);
  const Tensor classes = contiguous(reshape(target, {-1}));
  check_targets("cross_entropy", logits, target);
  require(classes.device() == rows.device(), "cross_entropy: logits are on ",
          name_of(rows.device()), ", targets on ", name_of(classes.device()));
  const Tensor loss = Tensor::empty({rows.dim(0)}, rows.dtype(), rows.device());
  cross_entropy(rows.stream(), rows.view(), classes.view(), loss.view());
  const Tensor per_row =
      record("cross_entropy", loss, {rows},
             [rows = saved(rows), classes = saved(classes)](const Tensor& dloss0, Needs) {
               if (grad_enabled()) {
                 const Tensor& x = rows;
                 const Tensor hit = one_hot(classes, x.dim(1), x.dtype());
                 const Tensor share = dloss0 * has_target(classes, x.dtype());
                 return Grads{(softmax(x) - hit) * reshape(share, {-1, 1})};
               }
               const Tensor dloss = contiguous(dloss0);
               const Tensor dx = Tensor::empty_like(rows.get());
               cross_entropy_grad(dx.stream(), rows.get().view(), classes.get().view(),
                                  dloss.view(), dx.view());
               return Grads{dx};
             });
  return mean(per_row);
}

Tensor bce_with_logits(const Tensor& logits, double target) {
  require(target >= 0 && target <= 1, "bce_with_logits: target ", target, " is not in [0, 1]");
  // -t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x
  if (target == 0) return mean(softplus(logits));
  if (target == 1) return mean(softplus(neg(logits)));
  return mean(softplus(logits) - logits * target);
}

Tensor one_hot(const Tensor& target, std::int64_t classes, DType dtype) {
  require(target.dtype() == DType::i32, "one_hot: class numbers must be i32, not ",
          name_of(target.dtype()));
  // Class numbers are compared in f32, which is exact below 2^24.
  require(classes > 0 && classes < (1 << 24), "one_hot: ", classes, " classes");
  std::vector<float> numbers(static_cast<std::size_t>(classes));
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  const Tensor all = Tensor::from(numbers, {classes}, target.device());
  Dims column = target.shape();
  column.push_back(1);
  return cast(equal(reshape(cast(target, DType::f32), column), all), dtype);
}

}  // namespace etude
