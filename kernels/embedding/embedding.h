#pragma once
// Rows of a table by number, and the gradient: rows summed by number.

#include <span>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void embedding(Stream&, const View& ids, const View& w, const View& y);
void embedding_grad(Stream&, const View& ids, const View& dy, const View& dw);
}  // namespace cpu
namespace gpu {
void embedding(Stream&, const View& ids, const View& w, const View& y);
void embedding_grad(Stream&, const View& ids, const View& dy, const View& dw);
}  // namespace gpu

/// One way to compute the gradient on the GPU: a step of the ladder. (The forward is a copy.)
struct EmbeddingRung {
  const char* name;
  const char* idea;
  /// Arguments as of `embedding_grad`, and not checked.
  void (*run)(Stream&, const View& ids, const View& dy, const View& dw);
  DType dtype = DType::f32;  // of dy and dw
  double roundoff = 0x1p-24;
};
/// The ladder from the bottom up. All rungs and the CPU compute the same bits.
std::span<const EmbeddingRung> embedding_rungs();

namespace detail {
inline void check_embedding(const char* op, const View& ids, const View& rows, const View& table) {
  require(ids.rank() == 1 && rows.rank() == 2 && table.rank() == 2 && rows.dim(0) == ids.dim(0) &&
              rows.dim(1) == table.dim(1),
          op, ": ids are [N], their rows [N, E] and the table [V, E], not ", ids.shape, ", ",
          rows.shape, " and ", table.shape);
  require(ids.dtype == DType::i32, op, ": ids must be i32, not ", name_of(ids.dtype));
  require(rows.dtype == table.dtype, op, ": rows are ", name_of(rows.dtype), ", the table is ",
          name_of(table.dtype));
  require(ids.contiguous() && rows.contiguous() && table.contiguous(), op,
          ": ids, rows and table must be contiguous");
  constexpr std::int64_t kMost = 1 << 30;  // places in lists are 32 bits long
  require(ids.dim(0) <= kMost && table.dim(0) <= kMost, op, ": at most ", kMost,
          " ids and rows of the table, not ", ids.dim(0), " and ", table.dim(0));
}
}  // namespace detail

/// y[n] = w[ids[n]]. ids: [N] i32, w: [V, E], y: [N, E]; f32 | bf16 | f64 (cpu); all contiguous,
/// any extent may be 0. An id outside [0, V) makes its row NaN: its value is on the device, where
/// nothing can throw. Throws Error for other shapes, strides and dtypes.
inline void embedding(Stream& s, const View& ids, const View& w, const View& y) {
  detail::check_embedding("embedding", ids, y, w);
  if (y.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::embedding : gpu::embedding)(s, ids, w, y);
}

/// dw[v] = sum of dy[n] over all n with ids[n] = v, in ascending n; the gradient of embedding.
/// ids: [N] i32, dy: [N, E], dw: [V, E], overwritten; f32 | bf16 (f32 sums) | f64 (cpu).
/// Rows of dw without an id are 0; ids outside [0, V) count nothing. Every 64 positions of an id
/// are summed for themselves and these sums then added up (kernels/embedding/lists.h), so the bits
/// of dw[v] follow from v's own rows of dy alone: equal on both devices, for any number of threads,
/// in every run. Throws Error as embedding.
inline void embedding_grad(Stream& s, const View& ids, const View& dy, const View& dw) {
  detail::check_embedding("embedding_grad", ids, dy, dw);
  if (dw.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::embedding_grad : gpu::embedding_grad)(s, ids, dy, dw);
}

}  // namespace etude
