#pragma once
// What a device can do at most, as measured on it: the roofline that kernels are held against.
// Source: Williams, Waterman, Patterson, "Roofline", CACM 2009.

#include <string>

#include "kernels/runtime/runtime.h"

namespace etude {

/// Per second; 0 is not known.
struct Peaks {
  double bytes = 0;                    // of a large copy, reads and writes counted
  double f32 = 0, tf32 = 0, bf16 = 0;  // FLOP by the precision of a product's factors

  double flops(const std::string& precision) const {
    return precision == "tf32" ? tf32 : precision == "bf16" ? bf16 : f32;
  }
};

/// FLOP/s of f32 multiply-adds on registers by all OpenMP threads, best of several tries.
double cpu_fma_peak();
/// bf16 and tf32 count as f32 on the CPU, which computes in it.
Peaks cpu_peaks();
/// f32 by multiply-adds, tf32 and bf16 by mma.sync, all on registers. (Hopper's wgmma reaches
/// more: a kernel that uses it may stand above this roofline.) On the SIMT runtime a single round
/// of each, whose times mean nothing.
Peaks gpu_peaks();
inline Peaks measure_peaks(Device device) {
  return device == Device::cpu ? cpu_peaks() : gpu_peaks();
}

}  // namespace etude
