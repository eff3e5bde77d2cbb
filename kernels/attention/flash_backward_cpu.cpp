#include "kernels/attention/flash_cpu.h"
#include "kernels/attention/flash_layout_cpu.h"

namespace etude::cpu {
namespace {

using namespace attention_flash;

/// Scores become probabilities, as the values met them, and their gradients those of the scores.
void score_grads(float* scores, float* grads, const float* keep, std::int64_t count,
                 const float* lse, const float* delta) {
  for (std::int64_t s = 0; s < count; ++s) {
    float *x = scores + s * kLanes, *dx = grads + s * kLanes;
    const float* kept = keep + (keep ? s * kLanes : 0);
    if (keep) {
#pragma omp simd
      for (int i = 0; i < kLanes; ++i) {
        const float p = math::exp(x[i] - lse[i]), by = kept[i];
        x[i] = p * by;
        dx[i] = p * (by * dx[i] - delta[i]);
      }
    } else {
#pragma omp simd
      for (int i = 0; i < kLanes; ++i) {
        x[i] = math::exp(x[i] - lse[i]);
        dx[i] = x[i] * (dx[i] - delta[i]);
      }
    }
  }
}

/// A head's blocks of queries, or a group of them: all of dq, and its part of dk and dv, as
/// [d / kLanes][S][kLanes].
template <class T>
class Backward {
 public:
  Backward(const AttentionProblem<T>& p, const Plan& n) : p_(p), n_(n) {
    static thread_local Scratch scratch;
    const std::int64_t block = kQueries * n.depth;
    carve(scratch, {{&k_, n.S * n.depth},
                    {&v_, n.S * n.depth},
                    {&own_, n.groups == 1 ? 2 * size(n) : 0},
                    {&q_, block},
                    {&dy_, block},
                    {&q_rows_, block},
                    {&dy_rows_, block},
                    {&dq_, block},
                    {&scores_, kScores},
                    {&grads_, kScores},
                    {&keep_, p.dropout.on() ? kScores : 0}});
  }

  /// Floats of dk, or dv, of a head.
  static std::int64_t size(const Plan& n) { return n.S * round_up(n.D, kLanes); }

  /// Leaves dk and dv at `sums`, or, when null, with the user.
  void run(std::int64_t head, std::int64_t group, float* sums) {
    dk_ = sums ? sums : own_, dv_ = dk_ + size(n_);
    std::fill_n(dk_, 2 * size(n_), 0.0f);
    pack_runs(p_.k.of(head), p_.k.row, n_, k_);
    pack_runs(p_.v.of(head), p_.v.row, n_, v_);
    for (std::int64_t b = group; b < n_.blocks; b += n_.groups) block(head, b * kQueries);
    if (sums) return;
    write_sums(p_.dk, head, n_, dk_);
    write_sums(p_.dv, head, n_, dv_);
  }

  static void write_sums(const HeadRows<T>& to, std::int64_t head, const Plan& n,
                         const float* sums) {
    for (std::int64_t d = 0; d < n.D; d += kLanes) {
      T* rows = to.of(head) + d;
      for (std::int64_t s = 0; s < n.S; ++s, sums += kLanes) {
        store_lanes(sums, n.D - d, rows + s * to.row);
      }
    }
  }

 private:
  void block(std::int64_t head, std::int64_t query) {
    const std::int64_t count = std::min(kQueries, n_.T - query);
    const T *q = p_.q.of(head) + query * p_.q.row, *dy = p_.dy.of(head) + query * p_.dy.row;
    pack_lanes(q, p_.q.row, count, n_, p_.scale, q_);
    pack_lanes(dy, p_.dy.row, count, n_, 1, dy_);
    pack_rows(q, p_.q.row, count, n_, p_.scale, q_rows_);
    pack_rows(dy, p_.dy.row, count, n_, 1, dy_rows_);
    statistics(head, query, count, dy);
    std::fill_n(dq_, round_up(count, kLanes) * n_.depth, 0.0f);
    for (std::int64_t key = 0; key < n_.S; key += kKeys) {
      const Chunk chunk(p_, query, key);
      if (chunk.most() == 0) break;
      if (p_.dropout.on()) draw_keep(p_.dropout, head, chunk, keep_);
      for (std::int64_t panel = 0; panel < chunk.panels(); ++panel) add(chunk, panel);
      add_to_keys(chunk, scores_, dy_rows_, dv_);
      add_to_keys(chunk, grads_, q_rows_, dk_);
    }
    float scale[kQueries];
    std::fill_n(scale, kQueries, p_.scale);
    unpack_lanes(dq_, scale, count, n_, p_.dq.of(head) + query * p_.dq.row, p_.dq.row);
  }

  /// Queries that do not exist have lse = inf, so their probabilities are 0.
  void statistics(std::int64_t head, std::int64_t query, std::int64_t count, const T* dy) {
    const T* y = p_.y.of(head) + query * p_.y.row;
    for (std::int64_t i = 0; i < kQueries; ++i) {
      lse_[i] = i < count ? p_.lse[head * n_.T + query + i] : math::kInfinity;
      float sum = 0;
      if (i < count) {
        const T *a = y + i * p_.y.row, *b = dy + i * p_.dy.row;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t d = 0; d < n_.D; ++d) {
          sum += static_cast<float>(a[d]) * static_cast<float>(b[d]);
        }
      }
      delta_[i] = sum;
    }
  }

  void add(const Chunk& c, std::int64_t panel) {
    const std::int64_t first = panel * kTileVectors, count = c.count[panel];
    const std::int64_t vectors = c.vectors_of(panel);
    if (count == 0) return;
    const std::int64_t at = first * kKeys * kLanes, block_at = first * n_.depth * kLanes;
    multiply_scores(n_, k_, c.key, count, q_ + block_at, vectors, scores_ + at);
    multiply_scores(n_, v_, c.key, count, dy_ + block_at, vectors, grads_ + at);
    const std::int64_t whole = std::min(kKeys, round_up(count, kTileRows));
    for (std::int64_t j = first; j < first + vectors; ++j) {
      float *scores = scores_ + j * kKeys * kLanes, *grads = grads_ + j * kKeys * kLanes;
      mask_unseen(p_, c, j, count, scores);
      score_grads(scores, grads, p_.dropout.on() ? keep_ + j * kKeys * kLanes : nullptr, count,
                  lse_ + j * kLanes, delta_ + j * kLanes);
      // The tiles of add_to_keys take whole rows of keys.
      std::fill(scores + count * kLanes, scores + whole * kLanes, 0.0f);
      std::fill(grads + count * kLanes, grads + whole * kLanes, 0.0f);
    }
    add_to_lanes(n_, k_, c.key, count, grads_ + at, vectors, dq_ + block_at);
  }

  /// sums[key][d] += sum over the block's queries of scores[query][key] rows[query][d].
  void add_to_keys(const Chunk& c, const float* scores, const float* rows, float* sums) const {
    const Panels panels{ceil_div(n_.D, kLanes)};
    const TileLayout layout{kLanes, kQueries * kLanes, n_.S * kLanes, true};
    for (std::int64_t panel = 0; panel < panels.count(); ++panel) {
      const float* b = rows + panels.begin(panel) * kQueries * kLanes;
      float* to = sums + (panels.begin(panel) * n_.S + c.key) * kLanes;
      for (std::int64_t s = 0; s < c.most(); s += kTileRows) {
        Segment segments[kVectors];
        int count = 0;
        for (std::int64_t j = 0; j < c.vectors; ++j) {
          if (c.count[j / kTileVectors] <= s) continue;  // none of its queries sees these keys
          segments[count++] = {scores + (j * kKeys + s) * kLanes, b + j * kLanes * kLanes};
        }
        tile_of<kLanes, 1>(std::min<std::int64_t>(kTileRows, c.most() - s), panels.size(panel))(
            segments, count, layout, to + s * kLanes);
      }
    }
  }

  const AttentionProblem<T>& p_;
  const Plan& n_;
  float *k_, *v_, *own_, *q_, *dy_, *q_rows_, *dy_rows_, *dq_, *scores_, *grads_, *keep_;
  float *dk_ = nullptr, *dv_ = nullptr;
  float lse_[kQueries], delta_[kQueries];
};

}  // namespace

void attention_backward_flash(const AttentionBackward& arguments) {
  dispatch<float, bf16>("attention", arguments.q.dtype, [&]<class T>() {
    const AttentionProblem<T> p(arguments);
    const Plan n(p);
    static thread_local Scratch scratch;
    const std::int64_t size = Backward<T>::size(n);
    float* sums = n.groups > 1 ? scratch.at_least<float>(n.heads * n.groups * 2 * size) : nullptr;
    n.each_task([&](std::int64_t head, std::int64_t group) {
      float* own = sums ? sums + (head * n.groups + group) * 2 * size : nullptr;
      Backward<T>(p, n).run(head, group, own);
    });
    if (!sums) return;
    parallel_for(n.heads, n.heads * n.groups * 2 * size, [&](std::int64_t head) {
      float* total = sums + head * n.groups * 2 * size;
      for (std::int64_t group = 1; group < n.groups; ++group) {
        const float* part = total + group * 2 * size;
#pragma omp simd
        for (std::int64_t i = 0; i < 2 * size; ++i) total[i] += part[i];
      }
      Backward<T>::write_sums(p.dk, head, n, total);
      Backward<T>::write_sums(p.dv, head, n, total + size);
    });
  });
}

}  // namespace etude::cpu
