#include "models/performance_lstm/model.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"
#include "tokenizers/performance/performance.h"

namespace etude::performance_lstm {

PerformanceLstm::PerformanceLstm(const Config& config, Generator& dropout, Init init)
    : first(add_buffer("first",
                       Tensor::zeros({PerformanceTokenizer::num_ids}, init.dtype, init.device))),
      conditioned_(config.conditioning != "none"),
      dropout_rate_(config.dropout),
      dropout_(dropout),
      embed_(*this, "embed", {.num = PerformanceTokenizer::num_ids, .dim = config.embedding}, init),
      tempo_(*this, "tempo", {.in = 1, .out = config.embedding}, init),
      lstm_(*this, "lstm",
            {.in = config.embedding,
             .hidden = config.hidden,
             .layers = config.layers,
             .dropout = config.dropout},
            init),
      out_(*this, "out", {.in = config.hidden, .out = PerformanceTokenizer::num_ids}, init) {}

PerformanceLstm::Output PerformanceLstm::operator()(const Tensor& ids, const Tensor& tempo,
                                                    const LstmState& start) {
  Tensor tempo_sums;
  if (conditioned_) {
    const Tensor factor =
        tempo.defined() ? tempo : Tensor::ones({ids.dim(1)}, DType::f32, ids.device());
    tempo_sums = tempo_(reshape(factor, {ids.dim(1), 1}));
  }
  LstmResult h =
      lstm_.of_rows(embed_.weight, ids, tempo_sums, {.start = start, .generator = &dropout_});
  if (training() && dropout_rate_ > 0) h.y = dropout(dropout_, h.y, dropout_rate_);
  return {.logits = out_(h.y), .end = h.end};
}

}  // namespace etude::performance_lstm
