#include "kernels/attention/flash_cpu.h"
#include "kernels/attention/flash_layout_cpu.h"

namespace etude::cpu {
namespace {

using namespace attention_flash;

/// Scores of a vector of queries become exp(score - max), max being the largest so far; the sums of
/// them follow, and `factor` is what older exponentials are to be multiplied by.
void exponentials(float* scores, std::int64_t count, float* max, float* sum, float* factor) {
  float largest[kLanes], total[kLanes];
  std::copy_n(max, kLanes, largest);
  for (std::int64_t s = 0; s < count; ++s) {
    const float* x = scores + s * kLanes;
#pragma omp simd
    for (int i = 0; i < kLanes; ++i) largest[i] = math::select(x[i] > largest[i], x[i], largest[i]);
  }
  for (int i = 0; i < kLanes; ++i) {
    factor[i] = math::exp(max[i] - largest[i]);
    max[i] = largest[i];
    total[i] = sum[i] * factor[i];
  }
  for (std::int64_t s = 0; s < count; ++s) {
    float* x = scores + s * kLanes;
#pragma omp simd
    for (int i = 0; i < kLanes; ++i) {
      x[i] = math::exp(x[i] - largest[i]);
      total[i] += x[i];
    }
  }
  std::copy_n(total, kLanes, sum);
}

/// A head's blocks of queries, or a group of them.
template <class T>
class Forward {
 public:
  Forward(const AttentionProblem<T>& p, const Plan& n) : p_(p), n_(n) {
    static thread_local Scratch scratch;
    carve(scratch, {{&k_, n.S * n.depth},
                    {&v_, n.S * n.depth},
                    {&q_, kQueries * n.depth},
                    {&y_, kQueries * n.depth},
                    {&scores_, kScores},
                    {&keep_, p.dropout.on() ? kScores : 0}});
  }

  void run(std::int64_t head, std::int64_t group) {
    pack_runs(p_.k.of(head), p_.k.row, n_, k_);
    pack_runs(p_.v.of(head), p_.v.row, n_, v_);
    for (std::int64_t b = group; b < n_.blocks; b += n_.groups) block(head, b * kQueries);
  }

 private:
  void block(std::int64_t head, std::int64_t query) {
    const std::int64_t count = std::min(kQueries, n_.T - query);
    pack_lanes(p_.q.of(head) + query * p_.q.row, p_.q.row, count, n_, p_.scale, q_);
    std::fill_n(y_, round_up(count, kLanes) * n_.depth, 0.0f);
    std::fill_n(max_, kQueries, -math::kInfinity);
    std::fill_n(sum_, kQueries, 0.0f);
    for (std::int64_t key = 0; key < n_.S; key += kKeys) {
      const Chunk chunk(p_, query, key);
      if (chunk.most() == 0) break;
      if (p_.dropout.on()) draw_keep(p_.dropout, head, chunk, keep_);
      for (std::int64_t panel = 0; panel < chunk.panels(); ++panel) add(chunk, panel);
    }
    float* lse = p_.lse + head * n_.T + query;
    for (std::int64_t i = 0; i < count; ++i) lse[i] = max_[i] + math::log(sum_[i]);
    for (std::int64_t i = 0; i < kQueries; ++i) sum_[i] = 1 / sum_[i];
    unpack_lanes(y_, sum_, count, n_, p_.y.of(head) + query * p_.y.row, p_.y.row);
  }

  void add(const Chunk& c, std::int64_t panel) {
    const std::int64_t first = panel * kTileVectors, count = c.count[panel];
    const std::int64_t vectors = c.vectors_of(panel);
    if (count == 0) return;
    float* scores = scores_ + first * kKeys * kLanes;
    float* y = y_ + first * n_.depth * kLanes;
    multiply_scores(n_, k_, c.key, count, q_ + first * n_.depth * kLanes, vectors, scores);
    for (std::int64_t j = first; j < first + vectors; ++j) {
      float* of_vector = scores_ + j * kKeys * kLanes;
      mask_unseen(p_, c, j, count, of_vector);
      float factor[kLanes];
      exponentials(of_vector, count, max_ + j * kLanes, sum_ + j * kLanes, factor);
      const Vector by = load(factor);
      float* out = y_ + j * n_.depth * kLanes;
      for (std::int64_t d = 0; d < n_.D; ++d) store(out + d * kLanes, load(out + d * kLanes) * by);
      if (!p_.dropout.on()) continue;
      const float* keep = keep_ + j * kKeys * kLanes;
      for (std::int64_t i = 0; i < count * kLanes; ++i) of_vector[i] *= keep[i];
    }
    add_to_lanes(n_, v_, c.key, count, scores, vectors, y);
  }

  const AttentionProblem<T>& p_;
  const Plan& n_;
  float *k_, *v_, *q_, *y_, *scores_, *keep_;
  float max_[kQueries], sum_[kQueries];
};

}  // namespace

void attention_forward_flash(const AttentionForward& arguments) {
  dispatch<float, bf16>("attention", arguments.q.dtype, [&]<class T>() {
    const AttentionProblem<T> p(arguments);
    const Plan n(p);
    n.each_task([&](std::int64_t head, std::int64_t group) { Forward<T>(p, n).run(head, group); });
  });
}

}  // namespace etude::cpu
