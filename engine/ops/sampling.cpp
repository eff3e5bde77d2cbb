#include "engine/ops/sampling.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"

namespace etude {
namespace {

/// As rows of f32; not copied where it is a matrix of such rows already.
Tensor as_rows(const Tensor& x) {
  const Tensor f = x.dtype() == DType::f32 ? x : cast(x, DType::f32);
  const bool rows = f.rank() == 2 && (f.dim(1) <= 1 || f.strides()[1] == 1);
  return rows ? f : contiguous(reshape(f, {-1, f.dim(-1)}));
}

}  // namespace

SampledTokens sample(const Tensor& logits, const SamplingParams& params, Generator& generator,
                     const Tensor& history, const Tensor& history_length) {
  require(logits.rank() >= 1 && logits.dim(-1) > 0, "sample: logits must be [.., vocabulary], not ",
          logits.shape());
  const Tensor x = as_rows(logits.detach());
  const std::int64_t rows = x.dim(0);
  Dims leading;
  for (int d = 0; d + 1 < logits.rank(); ++d) leading.push_back(logits.dim(d));

  SamplingParams p = params;
  Tensor tokens, lengths;  // live until the kernel is queued
  if (history.defined()) {
    require(history.rank() >= 1 && history.device() == x.device(), "sample: a history of shape ",
            history.shape(), " on ", name_of(history.device()), " for logits on ",
            name_of(x.device()));
    tokens = contiguous(reshape(history, {rows, history.dim(-1)}));
    p.history = tokens.view();
  }
  if (history_length.defined()) {
    require(history.defined(), "sample: history lengths of shape ", history_length.shape(),
            " without a history");
    require(history_length.device() == x.device(), "sample: history lengths are on ",
            name_of(history_length.device()), ", logits on ", name_of(x.device()));
    lengths = contiguous(reshape(history_length, {-1}));
    p.history_length = lengths.view();
  }
  const SampledTokens y{Tensor::empty({rows}, DType::i32, x.device()),
                        Tensor::empty({rows}, DType::f32, x.device()),
                        Tensor::empty({rows}, DType::i32, x.device())};
  sample(x.stream(), generator.take(rows), x.view(), y.id.view(), y.log_prob.view(), y.flag.view(),
         p);
  return {reshape(y.id, leading), reshape(y.log_prob, leading), reshape(y.flag, leading)};
}

}  // namespace etude
