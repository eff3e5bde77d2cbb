#include "models/performance_lstm/generate.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/sampling.h"
#include "engine/ops/shape.h"
#include "tokenizers/performance/performance.h"

namespace etude::performance_lstm {
namespace {

constexpr std::int64_t kIds = PerformanceTokenizer::num_ids;

/// Columns of equal ids: [T, pieces].
Tensor repeated(std::span<const std::int32_t> ids, std::int64_t pieces, Device device) {
  std::vector<std::int32_t> values;
  values.reserve(ids.size() * static_cast<std::size_t>(pieces));
  for (const std::int32_t id : ids)
    values.insert(values.end(), static_cast<std::size_t>(pieces), id);
  return Tensor::from(values, {static_cast<std::int64_t>(ids.size()), pieces}, device);
}

/// The ids of the steps, [steps][pieces], by piece.
std::vector<std::vector<std::int32_t>> by_piece(const std::vector<Tensor>& steps,
                                                std::int64_t pieces) {
  const auto all = concat(steps, 0).to_vector<std::int32_t>();
  const std::size_t rows = static_cast<std::size_t>(pieces), count = all.size() / rows;
  std::vector<std::vector<std::int32_t>> result(rows, std::vector<std::int32_t>(count));
  for (std::size_t i = 0; i < all.size(); ++i) {
    require(all[i] >= 0, "performance_lstm: the network's outputs for event ", i / rows,
            " are not finite: its training has failed");
    result[i % rows][i / rows] = all[i];
  }
  return result;
}

void check(const GenerateOptions& o, std::int64_t pieces) {
  require(pieces >= 1 && o.count >= 1, "generate: ", pieces, " pieces of ", o.count, " events");
  require(std::isfinite(o.tempo) && o.tempo > 0, "generate: tempo must be above 0, not ", o.tempo);
  const auto primer = static_cast<std::int64_t>(o.primer.size());
  require(primer < o.count, "generate: the primer of ", primer, " events leaves none of ", o.count,
          " to generate");
  for (const std::int32_t id : o.primer) {
    require(id >= 0 && id < kIds, "generate: the primer holds ", id, ", which is no id");
  }
}

}  // namespace

std::vector<std::vector<std::int32_t>> generate(PerformanceLstm& model, std::int64_t pieces,
                                                const GenerateOptions& options, Generator& random,
                                                const std::function<void(std::int64_t)>& done) {
  check(options, pieces);
  const Inference inference(model);
  const Device device = model.first.device();
  const Tensor tempo = Tensor::full({pieces}, options.tempo, DType::f32, device);
  const SamplingParams how{
      .temperature = options.temperature, .top_k = options.top_k, .top_p = options.top_p};
  std::vector<Tensor> steps;
  Tensor next;
  if (options.primer.empty()) {
    const Tensor logits = contiguous(expand(reshape(model.first, {1, kIds}), {pieces, kIds}));
    const SamplingParams first{.temperature = options.temperature == 0 ? 0.0 : 1.0};
    next = reshape(sample(logits, first, random).id, {1, pieces});
  } else {
    next = repeated(options.primer, pieces, device);
  }
  steps.push_back(next);
  LstmState state;
  for (std::int64_t count = next.dim(0); count < options.count; ++count) {
    PerformanceLstm::Output y = model(next, tempo, state);
    if (options.refeed_last_token && steps.size() == 1 && !options.primer.empty()) {
      y = model(slice(next, 0, next.dim(0) - 1, next.dim(0)), tempo, y.end);
    }
    state = y.end;
    const std::int64_t T = y.logits.dim(0);
    const Tensor last = reshape(slice(y.logits, 0, T - 1, T), {pieces, kIds});
    next = reshape(sample(last, how, random).id, {1, pieces});
    steps.push_back(next);
    if (done) done(count + 1);
  }
  return by_piece(steps, pieces);
}

}  // namespace etude::performance_lstm
