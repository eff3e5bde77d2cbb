#pragma once
// Previous bottleneck (0_separate): eight launches and the sort's own, and between them
// intermediate results that are written and read again, with those of the sort some 190 bytes per
// logit. All that for one token of a row. Idea: one block keeps the row to itself from the logits
// to the token. Neither filter needs the order of the tokens, only one threshold, and that is a
// radix selection: a histogram over the leading bits of the logits tells in which bin the k-th
// largest (or the mass p) lies, and three such histograms, of 11, 11 and 10 bits, fix all 32. The
// draw is a search over sums that are never stored. The history is a bit per token in shared
// memory. Gain predicted: a row is read once from memory and then from the caches, so 4 bytes per
// logit instead of 190, and one launch instead of all those: for a batch that fills the card, at
// least 10 times; for one row, launches alone give some 5 times. No card has run it. Bottleneck to
// come: one SM per row, however few rows there are; six of its eight passes over a row serve the
// two thresholds, though the first histogram already tells which few tokens matter.

#include "kernels/sampling/ladder/block_search.cuh"

namespace etude::sampling_ladder {

/// One row as all its passes see it: logits with the penalty, equal zeros.
struct PenalisedRow {
  const float* x;
  const std::uint32_t* in_history;  // a bit per token, in shared memory; null: no history
  float penalty;

  __device__ __forceinline__ float operator()(int c) const {
    const float value = x[c];
    const bool seen = in_history && (in_history[c / 32] >> (c % 32) & 1);
    return seen ? sampling::penalised(value, penalty) : value;
  }
};

/// Sets the bit of each token of the row's history; null without a history.
__device__ inline const std::uint32_t* mark_history(const sampling::Rows& rows, std::int64_t row) {
  if (!rows.history) return nullptr;
  auto* bits = dynamic_shared<std::uint32_t>();
  const int words = static_cast<int>((rows.vocabulary + 31) / 32);
  for (int i = threadIdx.x; i < words; i += kRowThreads) bits[i] = 0;
  __syncthreads();
  const std::int64_t n = rows.history_size(row);
  for (std::int64_t i = threadIdx.x; i < n; i += kRowThreads) {
    const std::int32_t token = rows.history_token(row, i);
    if (token >= 0) atomicOr(&bits[token / 32], 1u << token % 32);
  }
  __syncthreads();
  return bits;
}

constexpr int kBins = 2048;
struct Histogram {  // here, so that both selections of a row use the same memory
  Mass bin[kBins];
};

/// The largest v such that the masses of all values >= v sum to more than target_of(total): a radix
/// selection, in every thread. Integer atomics: the order in which threads add does not matter.
template <class Row, class MassAt, class TargetOf>
__device__ __forceinline__ float select(int n, const Row& value, const MassAt& mass,
                                        const TargetOf& target_of) {
  auto& s = shared<Histogram>();
  std::uint32_t prefix = 0;  // the digits found, in place
  Mass left = 0;
  // The lowest bit of the digit: 11, 11 and 10 bits.
  for (int shift = 21; shift >= 0; shift = shift == 21 ? 10 : shift - 10) {
    const int bits = shift == 0 ? 10 : 11;
    for (int i = threadIdx.x; i < kBins; i += kRowThreads) s.bin[i] = 0;
    __syncthreads();
    for (int c = threadIdx.x; c < n; c += kRowThreads) {
      const float x = value(c);
      const std::uint32_t key = sampling::ordered(x);
      const std::uint32_t above = key ^ prefix;  // 0 where the digits found agree
      if (shift == 21 || above >> (shift + bits) == 0) {
        atomicAdd(&s.bin[key >> shift & (kBins - 1) >> (11 - bits)], mass(x));
      }
    }
    __syncthreads();
    const Found found = block_search(
        kBins, [&](int i) { return s.bin[kBins - 1 - i]; },
        [&](Mass total) { return shift == 21 ? target_of(total) : left; });
    prefix |= static_cast<std::uint32_t>(kBins - 1 - found.index) << shift;
    left = found.left;
    __syncthreads();  // all have read: the next histogram may begin
  }
  return sampling::from_ordered(prefix);
}

/// id[r] = the first c with sum_{i <= c} w[i] > u_r sum_i w[i],
/// w[c] = exp((x[c] - m) / T) if x[c] >= floor else 0    m = max x, floor from top-k and top-p
/// shapes  logits: [rows, V], history: [rows, H], id, log_prob, flag: [rows]     dtype   f32, i32
/// launch  grid = rows, block = 512, shared = 16 KiB and V / 8 bytes if there is a history
/// edges   NaN or -inf alone -> flag; V need not divide 512; temperature 0 -> the first maximum
/// error   masses are cut off below 2^-44 of the largest; their sums and the draw are exact
/// cost    4 rows V bytes from memory, up to 8 passes over them in the caches
/// source  Alabi et al., "Fast k-selection algorithms for graphics processing units", 2012 (radix
///         selection); Holtzman et al. 2020; Keskar et al. 2019
__global__ void __launch_bounds__(kRowThreads)
    fused_kernel(sampling::Rows rows, sampling::Settings settings, PhiloxKey key) {
  launch_bound(kRowThreads);
  const std::int64_t r = blockIdx.x;
  const int n = static_cast<int>(rows.vocabulary);
  const PenalisedRow value{rows.logits + r * rows.stride, mark_history(rows, r), settings.penalty};
  float max = -math::kInfinity;
  for (int c = threadIdx.x; c < n; c += kRowThreads) max = Max{}(max, value(c));
  max = block_max<kRowThreads>(max);
  if (rows.refuse(r, max, threadIdx.x == 0)) return;

  float floor = settings.greedy ? max : -math::kInfinity;
  const auto weight = [&](float x) {
    return sampling::log_weight(x, max, settings.inverse_temperature);
  };
  const auto mass = [&](float x) { return x >= floor ? sampling::mass_of(weight(x)) : Mass{0}; };
  if (settings.top_k) {
    floor = select(
        n, value, [](float) { return Mass{1}; }, [&](Mass) { return Mass{settings.top_k} - 1; });
  }
  if (settings.top_p) {
    floor = select(n, value, mass,
                   [&](Mass total) { return sampling::share_up(total, settings.top_p) - 1; });
  }

  Mass total = 0;
  const Found found = block_search(
      n, [&](int c) { return mass(value(c)); },
      [&](Mass sum) {
        total = sum;
        return settings.greedy ? 0 : sampling::share(sum, sampling::row_draw(key, r));
      });
  if (threadIdx.x != 0) return;
  rows.store(r, found.index,
             settings.greedy ? 0.0f : sampling::log_share(weight(value(found.index)), total));
}

inline void run_fused(Stream& s, const PhiloxKey& key, const View& logits, const View& id,
                      const View& log_prob, const View& flag, const SamplingParams& p) {
  const sampling::Rows rows(logits, id, log_prob, flag, p);
  const auto words = static_cast<std::size_t>((rows.vocabulary + 31) / 32);
  launch(s,
         {.grid = grid_of(rows.count),
          .block = dim3(kRowThreads),
          .shared_bytes = rows.history ? words * sizeof(std::uint32_t) : 0},
         fused_kernel, rows, sampling::Settings(p, rows.vocabulary), key);
}

}  // namespace etude::sampling_ladder
