#pragma once
// How kernels/core/cuda.h hands a launch to the host runtime.

#include <cstddef>
#include <functional>
#include <source_location>

#include "kernels/simt/vector_types.h"

namespace etude::simt {

struct Launch {
  dim3 grid, block;
  std::size_t shared_bytes;
  bool cooperative;
  std::source_location where;
};

/// Runs `thread` once per CUDA thread of the launch, on the calling OS thread: at once, or at the
/// stream's synchronize() in deferred mode. Throws Error for a launch that a card would refuse and
/// for every fault found.
void submit(const Launch& launch, std::function<void()> thread);

/// The body of submit: runs the launch now.
void run(const Launch& launch, const std::function<void()>& thread);

}  // namespace etude::simt
