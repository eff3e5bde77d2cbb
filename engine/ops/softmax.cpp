#include "kernels/softmax/softmax.h"

#include <numeric>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"

namespace etude {
namespace {

Tensor as_rows(const Tensor& x) {
  require(x.rank() >= 1, "softmax: a scalar has no last dimension");
  return contiguous(reshape(x, {-1, x.dim(-1)}));
}

}  // namespace

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
  require(classes.dim(0) == rows.dim(0), "cross_entropy: logits ", logits.shape(), " for targets ",
          target.shape());
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
                 return Grads{(softmax(x) - hit) * reshape(dloss0, {-1, 1})};
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
