#pragma once
// What a family's bench.h says about itself: operations on shapes, and every way to compute them.
// Descriptions only; `etude bench` (tools/etude) allocates, fills, times and compares.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

/// One argument of an operation. Before the first run it is filled with uniform values of
/// [lo, hi] (of [lo, hi) for integers), outputs too.
struct BenchOperand {
  enum class Role : std::uint8_t { in, out, in_out };
  Role role = Role::in;
  Dims shape;
  DType dtype = DType::f32;
  Dims strides = {};  // in elements; empty: contiguous
  double lo = -1, hi = 1;

  /// Memory that one pass over it touches; elements repeated by a stride of 0 count once.
  double bytes() const {
    double n = static_cast<double>(size_of(dtype));
    for (int d = 0; d < shape.rank; ++d) {
      if (strides.rank == 0 || strides[d] != 0) n *= static_cast<double>(shape[d]);
    }
    return n;
  }
};

/// One way to compute an operation; `run` takes one view per operand, in order. Libraries are
/// runners too, by names that begin with "cublas" or "cudnn".
struct BenchRunner {
  std::string name;
  std::string idea;  // one line
  Device device = Device::cpu;
  std::function<void(Stream&, std::span<const View>)> run;
};

struct BenchCase {
  std::string operation;  // what other libraries know it by: "conv", "softmax", ...
  std::string shape;      // its sizes and options for people: "64x1x28x28 w 64x4x4 stride 2"
  DType dtype = DType::f32;
  bool tf32 = false;  // f32 operands whose factors are rounded to tf32
  double flops = 0;   // a multiply-add counts twice; 0: a matter of bytes alone
  double bytes = 0;   // the least traffic
  std::vector<BenchOperand> operands;
  /// Parameters of the operation, for other libraries.
  std::vector<std::pair<std::string, double>> numbers;
  std::vector<BenchRunner> runners;
  /// Cases of one family, precision and non-empty `part_of` are also reported as their sum.
  std::string part_of;

  /// "f32", "tf32", "bf16".
  std::string precision() const { return tf32 ? "tf32" : name_of(dtype); }
  std::string name() const { return operation + " " + shape + " " + precision(); }
  double number(const std::string& key, double otherwise = 0) const {
    for (const auto& [name, value] : numbers) {
      if (name == key) return value;
    }
    return otherwise;
  }
};

/// A family: its folder's name, and its cases, made by FAMILY_benches() of its bench.h.
struct BenchFamily {
  const char* name;
  std::vector<BenchCase> (*cases)();
};

inline std::string bench_shape(const Dims& shape) {
  std::string text;
  for (std::int64_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

/// Each operand read or written once; one that is both, twice.
inline double least_bytes(const std::vector<BenchOperand>& operands) {
  double sum = 0;
  for (const BenchOperand& x : operands) {
    sum += x.bytes() * (x.role == BenchOperand::Role::in_out ? 2 : 1);
  }
  return sum;
}

/// The two runners of an operation without a ladder: `call` takes a stream of either device.
template <class Call>
std::vector<BenchRunner> bench_both_devices(Call call) {
  return {{"cpu", "the CPU backend", Device::cpu, call},
          {"gpu", "the one kernel", Device::gpu, call}};
}

/// A ladder's cases: `make(dtype)` in each precision that has rungs, and in f32. Of the runners,
/// which are BenchRunner::run, `front` is the CPU's and `call(rung, tf32)` makes a rung's. The CPU
/// runs f32 alone: it has no tf32, and bf16 takes the f32 path there, between two conversions.
template <class Rung, class Make, class Front, class Call>
void add_ladder_benches(std::vector<BenchCase>& cases, std::span<const Rung> rungs, Make make,
                        Front front, Call call) {
  const auto is_tf32 = [](const Rung& rung) {
    return rung.dtype == DType::f32 && rung.roundoff > 0x1p-24;
  };
  const std::pair<DType, bool> precisions[] = {
      {DType::f32, false}, {DType::f32, true}, {DType::bf16, false}};
  for (const auto& [dtype, tf32] : precisions) {
    BenchCase c = make(dtype);
    c.dtype = dtype;
    c.tf32 = tf32;
    for (const Rung& rung : rungs) {
      if (rung.dtype == dtype && is_tf32(rung) == tf32) {
        c.runners.push_back({rung.name, rung.idea, Device::gpu, call(rung, tf32)});
      }
    }
    if (c.precision() == "f32") {
      c.runners.insert(c.runners.begin(), {"cpu", "the CPU backend", Device::cpu, front});
    }
    if (!c.runners.empty()) cases.push_back(std::move(c));
  }
}

}  // namespace etude
