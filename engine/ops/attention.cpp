#include "engine/ops/attention.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "kernels/attention/attention.h"
#include "kernels/rotary/rotary.h"

namespace etude {
namespace {

/// The query (0), key (1) or value (2) rows of a packed projection as [B, heads, T, D].
Tensor part_of(const Tensor& qkv, std::int64_t heads, int part) {
  const std::int64_t B = qkv.dim(0), T = qkv.dim(1), D = qkv.dim(2) / (3 * heads);
  const Tensor all = reshape(qkv, {B, T, 3, heads, D});
  return permute(reshape(slice(all, 2, part, part + 1), {B, T, heads, D}), {0, 2, 1, 3});
}
/// The same as the kernels see it; qkv is contiguous.
View view_of(const Tensor& qkv, std::int64_t heads, int part) {
  const std::int64_t B = qkv.dim(0), T = qkv.dim(1), C = qkv.dim(2) / 3, D = C / heads;
  return qkv.alias({B, heads, T, D}, {T * 3 * C, D, 3 * C, 1}, qkv.impl().offset + part * C).view();
}
/// [B, T, C] as [B, heads, T, D].
View heads_of(const Tensor& y, std::int64_t heads) {
  const std::int64_t B = y.dim(0), T = y.dim(1), C = y.dim(2), D = C / heads;
  return y.alias({B, heads, T, D}, {T * C, D, C, 1}, y.impl().offset).view();
}

AttentionOptions options_of(std::int64_t head, double dropout, const PhiloxKey& key) {
  return {.causal = true,
          .scale = 1 / std::sqrt(static_cast<double>(head)),
          .dropout = dropout,
          .key = key};
}

/// The result in plain ops, for when its gradient is itself to be differentiated.
Tensor in_plain_ops(const Tensor& qkv, std::int64_t heads, double scale) {
  const std::int64_t T = qkv.dim(1);
  std::vector<float> visible(static_cast<std::size_t>(T * T));
  for (std::int64_t t = 0; t < T; ++t) std::fill_n(visible.begin() + t * T, t + 1, 1.0f);
  const Tensor mask = cast(Tensor::from(visible, {T, T}, qkv.device()), qkv.dtype());
  const Tensor scores = matmul(part_of(qkv, heads, 0), transpose(part_of(qkv, heads, 1))) * scale;
  const Tensor hidden = Tensor::full({}, -1e30, qkv.dtype(), qkv.device());
  const Tensor y = matmul(softmax(where(mask, scores, hidden)), part_of(qkv, heads, 2));
  return reshape(permute(y, {0, 2, 1, 3}), {qkv.dim(0), T, qkv.dim(2) / 3});
}

/// Linear and orthogonal: its gradient is the turn back.
Tensor turned(const Tensor& qkv0, std::int64_t heads, const RotaryParams& params) {
  const Tensor qkv = contiguous(qkv0), y = Tensor::empty_like(qkv);
  const Dims shape{qkv.dim(0), qkv.dim(1), 3, heads, qkv.dim(2) / (3 * heads)};
  rotary(y.stream(), qkv.alias(shape, contiguous_strides(shape), qkv.impl().offset).view(),
         y.alias(shape, contiguous_strides(shape), 0).view(), params);
  return record("rotary", y, {qkv}, [heads, params](const Tensor& dy, Needs) {
    RotaryParams back = params;
    back.inverse = !params.inverse;
    return Grads{turned(dy, heads, back)};
  });
}

void check(const Tensor& qkv, std::int64_t heads) {
  require(qkv.rank() == 3 && heads > 0 && qkv.dim(2) % (3 * heads) == 0,
          "attention: qkv must be [B, T, 3 heads D] with ", heads, " heads, not ", qkv.shape());
}

}  // namespace

Tensor self_attention(const Tensor& qkv0, const AttentionConfig& config) {
  check(qkv0, config.heads);
  require(config.dropout == 0 || config.generator, "attention: dropout ", config.dropout,
          " needs a generator");
  const Tensor qkv = contiguous(qkv0);
  const std::int64_t B = qkv.dim(0), T = qkv.dim(1), C = qkv.dim(2) / 3, heads = config.heads;
  PhiloxKey key{};
  if (config.dropout > 0) {
    key = config.generator->take(static_cast<std::int64_t>(
        4 * attention_draw_blocks(B, heads, T, T)));  // a block of Philox is four draws
  }
  const AttentionOptions options = options_of(C / heads, config.dropout, key);
  const Tensor y = Tensor::empty({B, T, C}, qkv.dtype(), qkv.device());
  const Tensor lse = Tensor::empty(
      {B, heads, T}, qkv.dtype() == DType::f64 ? DType::f64 : DType::f32, qkv.device());
  attention_forward(y.stream(), {.q = view_of(qkv, heads, 0),
                                 .k = view_of(qkv, heads, 1),
                                 .v = view_of(qkv, heads, 2),
                                 .y = heads_of(y, heads),
                                 .lse = lse.view(),
                                 .options = options});
  return record(
      "attention", y, {qkv},
      [qkv = saved(qkv), y = saved(y.detach()), lse, heads, options](const Tensor& dy0, Needs) {
        if (grad_enabled()) {
          require(
              options.dropout == 0 && qkv.get().dtype() != DType::bf16,
              "attention: with dropout, or in bf16, its gradient cannot be differentiated again");
          const Tensor copy = affine(qkv.get(), 1, 0);
          const std::vector<Tensor> wanted{copy};
          return Grads{grad(in_plain_ops(copy, heads, options.scale), wanted, true, dy0)[0]};
        }
        const Tensor dy = contiguous(dy0), dqkv = Tensor::empty_like(qkv.get());
        attention_backward(dy.stream(), {.q = view_of(qkv, heads, 0),
                                         .k = view_of(qkv, heads, 1),
                                         .v = view_of(qkv, heads, 2),
                                         .y = heads_of(y, heads),
                                         .lse = lse.view(),
                                         .dy = heads_of(dy, heads),
                                         .dq = view_of(dqkv, heads, 0),
                                         .dk = view_of(dqkv, heads, 1),
                                         .dv = view_of(dqkv, heads, 2),
                                         .options = options});
        return Grads{dqkv};
      });
}

Tensor rotary(const Tensor& qkv, std::int64_t heads, std::int64_t first) {
  check(qkv, heads);
  return turned(qkv, heads, {.first = first});
}

KeyValueCache::KeyValueCache(std::int64_t batch, std::int64_t heads, std::int64_t capacity,
                             std::int64_t head, DType dtype, Device device)
    : keys(Tensor::empty({batch, heads, capacity, head}, dtype, device)),
      values(Tensor::empty_like(keys)) {}

Tensor cached_attention(const Tensor& qkv0, KeyValueCache& cache) {
  const NoGrad none;
  const std::int64_t heads = cache.keys.dim(1), T = qkv0.rank() == 3 ? qkv0.dim(1) : 0;
  check(qkv0, heads);
  require(cache.length + T <= cache.keys.dim(2), "attention: ", T, " more rows do not fit behind ",
          cache.length, " of ", cache.keys.dim(2));
  const Tensor qkv = contiguous(qkv0);
  const std::int64_t B = qkv.dim(0), C = qkv.dim(2) / 3, length = cache.length + T;
  slice(cache.keys, 2, cache.length, length).copy_(part_of(qkv, heads, 1));
  slice(cache.values, 2, cache.length, length).copy_(part_of(qkv, heads, 2));
  cache.length = length;
  const Tensor y = Tensor::empty({B, T, C}, qkv.dtype(), qkv.device());
  const double scale = 1 / std::sqrt(static_cast<double>(C / heads));
  const Tensor keys = slice(cache.keys, 2, 0, length), values = slice(cache.values, 2, 0, length);
  if (T == 1) {
    const auto row = [&](const View& v) {
      return View(v.data, v.dtype, {B, heads, C / heads}, {v.strides[0], v.strides[1], 1});
    };
    const Tensor lengths = Tensor::full({B}, static_cast<double>(length), DType::i32, qkv.device());
    attention_decode(y.stream(), {.q = row(view_of(qkv, heads, 0)),
                                  .k = keys.view(),
                                  .v = values.view(),
                                  .lengths = lengths.view(),
                                  .y = row(heads_of(y, heads)),
                                  .scale = scale});
    return y;
  }
  const Tensor lse = Tensor::empty(
      {B, heads, T}, qkv.dtype() == DType::f64 ? DType::f64 : DType::f32, qkv.device());
  attention_forward(y.stream(), {.q = view_of(qkv, heads, 0),
                                 .k = keys.view(),
                                 .v = values.view(),
                                 .y = heads_of(y, heads),
                                 .lse = lse.view(),
                                 .options = options_of(C / heads, 0, {})});
  return y;
}

}  // namespace etude
