#include "kernels/sampling/sampling.h"

#include <array>
#include <cstring>

#include "kernels/core/parallel.h"
#include "kernels/core/scratch.h"
#include "kernels/sampling/weights.h"

namespace etude {
namespace {

using namespace sampling;

constexpr std::int64_t kChunk = 64;  // masses that a search sums before it looks at one

/// A thread's memory from row to row.
struct Memory {
  Scratch penalised, kept, token, key, mass, chunk;
};

/// n logits and the tokens they are of (null: 0, 1, 2, ...), in ascending order of tokens.
struct Candidates {
  const float* x;
  std::int64_t n;
  const std::int32_t* token;
};

/// The row with its history penalised: the logits themselves where there is none.
const float* penalised_row(const Rows& rows, const Settings& settings, std::int64_t row,
                           Memory& memory) {
  const float* x = rows.logits + row * rows.stride;
  const std::int64_t n = rows.history_size(row);
  if (n <= 0) return x;
  float* y = memory.penalised.at_least<float>(rows.vocabulary);
  std::copy(x, x + rows.vocabulary, y);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t token = rows.history_token(row, i);
    if (token >= 0)
      y[token] = penalised(x[token], settings.penalty);  // from x: once, however often
  }
  return y;
}

/// The largest element; NaN if one is NaN.
float maximum(const float* x, std::int64_t n) {
  float max = -math::kInfinity;
  int nan = 0;
#pragma omp simd reduction(max : max) reduction(| : nan)
  for (std::int64_t i = 0; i < n; ++i) {
    max = x[i] > max ? x[i] : max;
    nan |= x[i] != x[i];
  }
  return nan ? std::numeric_limits<float>::quiet_NaN() : max;
}

using Bins = std::array<Mass, 2048>;

/// The first bin up to which the bins sum to more than `left`, which then is what remains of it
/// within that bin.
std::uint32_t find_bin(const Bins& bins, Mass& left) {
  const auto chunk = [&](std::uint32_t begin) {
    Mass sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::uint32_t i = begin; i < begin + kChunk; ++i) sum += bins[i];
    return sum;
  };
  std::uint32_t i = 0;
  for (Mass sum = chunk(0); left >= sum; sum = chunk(i += kChunk)) left -= sum;
  while (left >= bins[i]) left -= bins[i++];
  return i;
}

/// The largest v such that the masses of all x >= v sum to more than `left`, less than the sum of
/// all: a radix selection, 11, 11 and 10 bits of the key at a time, the largest x having the least
/// key. Only keys that begin with the digits found go on, so nearly all work is the first pass.
template <class MassAt>
float select(const float* x, std::int64_t n, MassAt mass_at, Mass left, Memory& memory) {
  const auto key_of = [](float value) { return ~ordered(value); };
  Bins bins{};
  for (std::int64_t i = 0; i < n; ++i) bins[key_of(x[i]) >> 21] += mass_at(i);
  std::uint32_t prefix = find_bin(bins, left);
  auto* key = memory.key.at_least<std::uint32_t>(n);
  auto* mass = memory.mass.at_least<Mass>(n);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    key[count] = key_of(x[i]);
    mass[count] = mass_at(i);
    count += key[count] >> 21 == prefix;
  }
  bins.fill(0);
  for (std::int64_t i = 0; i < count; ++i) bins[key[i] >> 10 & 2047] += mass[i];
  prefix = prefix << 11 | find_bin(bins, left);
  bins.fill(0);
  for (std::int64_t i = 0; i < count; ++i) {
    if (key[i] >> 10 == prefix) bins[key[i] & 1023] += mass[i];
  }
  return from_ordered(~(prefix << 10 | find_bin(bins, left)));
}

/// The candidates >= floor, gathered; in place where they have been before.
Candidates keep(const Candidates& all, float floor, Memory& memory) {
  auto* x = memory.kept.at_least<float>(all.n);
  auto* token = memory.token.at_least<std::int32_t>(all.n);
  std::int64_t n = 0;
  for (std::int64_t i = 0; i < all.n; ++i) {
    const float value = all.x[i];
    x[n] = value;
    token[n] = all.token ? all.token[i] : static_cast<std::int32_t>(i);
    n += value >= floor;
  }
  return {x, n, token};
}

Candidates keep_top_k(const Candidates& all, const Settings& settings, Memory& memory) {
  const auto one = [](std::int64_t) { return Mass{1}; };
  return keep(all, select(all.x, all.n, one, settings.top_k - 1, memory), memory);
}

Candidates keep_top_p(const Candidates& all, float max, const Settings& settings, Memory& memory) {
  auto* mass = memory.chunk.at_least<Mass>(all.n);
  Mass total = 0;
#pragma omp simd reduction(+ : total)
  for (std::int64_t i = 0; i < all.n; ++i) {
    mass[i] = mass_of(log_weight(all.x[i], max, settings.inverse_temperature));
    total += mass[i];
  }
  const auto mass_at = [=](std::int64_t i) { return mass[i]; };
  return keep(all, select(all.x, all.n, mass_at, share_up(total, settings.top_p) - 1, memory),
              memory);
}

/// Draws among the candidates: the sums of chunks find the chunk, and only its tokens are looked at
/// one by one.
void draw(const Candidates& c, float max, float inverse_temperature, std::uint32_t random,
          const Rows& rows, std::int64_t row, Memory& memory) {
  const auto mass_at = [&](std::int64_t i) {
    return mass_of(log_weight(c.x[i], max, inverse_temperature));
  };
  const std::int64_t chunks = (c.n + kChunk - 1) / kChunk;
  auto* sums = memory.chunk.at_least<Mass>(chunks);
  Mass total = 0;
  for (std::int64_t k = 0; k < chunks; ++k) {
    Mass sum = 0;
    const std::int64_t end = std::min(c.n, (k + 1) * kChunk);
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = k * kChunk; i < end; ++i) sum += mass_at(i);
    sums[k] = sum;
    total += sum;
  }
  Mass left = share(total, random);
  std::int64_t i = 0;
  for (std::int64_t k = 0; left >= sums[k]; i += kChunk) left -= sums[k++];
  for (Mass mass = mass_at(i); left >= mass; mass = mass_at(i)) {
    left -= mass;
    ++i;
  }
  rows.store(row, c.token ? c.token[i] : static_cast<std::int32_t>(i),
             log_share(log_weight(c.x[i], max, inverse_temperature), total));
}

void sample_row(const Rows& rows, const Settings& settings, std::uint32_t random, std::int64_t row,
                Memory& memory) {
  Candidates c{penalised_row(rows, settings, row, memory), rows.vocabulary, nullptr};
  const float max = maximum(c.x, c.n);
  if (rows.refuse(row, max, true)) return;
  if (settings.greedy) {
    rows.store(row, static_cast<std::int32_t>(std::find(c.x, c.x + c.n, max) - c.x), 0);
    return;
  }
  if (settings.top_k) c = keep_top_k(c, settings, memory);
  if (settings.top_p) c = keep_top_p(c, max, settings, memory);
  draw(c, max, settings.inverse_temperature, random, rows, row, memory);
}

}  // namespace

void cpu::sample(Stream&, const PhiloxKey& key, const View& logits, const View& id,
                 const View& log_prob, const View& flag, const SamplingParams& p) {
  const Rows rows(logits, id, log_prob, flag, p);
  const Settings settings(p, rows.vocabulary);
  // The work that other threads could take; an exponential is that of several additions.
  parallel_for(rows.count, 4 * (rows.count - 1) * rows.vocabulary, [&](std::int64_t r) {
    static thread_local Memory memory;
    sample_row(rows, settings, row_draw(key, r), r, memory);
  });
}

}  // namespace etude
