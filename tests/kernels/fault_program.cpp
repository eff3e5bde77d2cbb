// fault_program NAME: runs one kernel of fault_kernels.h, for the faults that a sanitizer finds,
// which ends the process. Exit status 0: nothing was found. kernels/simt_test.cpp runs it.

#include <iostream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "tests/kernels/fault_kernels.h"

namespace etude::faults {

/// Like count_blocks<false>, but behind a barrier, which must not order the blocks.
__global__ void count_blocks_between_barriers(int* y) {
  if (threadIdx.x == 0) *y += 1;
  __syncthreads();
}

// Each writes n elements to an array that holds one fewer when the bug is planted.
__global__ void write_global(float* y, int n) {
  for (int i = static_cast<int>(threadIdx.x); i < n; i += kThreads) y[i] = 1;
}
__global__ void write_shared(float* y, int n) {
  struct Smem {
    float value[kThreads];
  };
  auto& s = shared<Smem>();
  for (int i = static_cast<int>(threadIdx.x); i < n; i += kThreads) s.value[i] = 1;
  __syncthreads();
  y[threadIdx.x] = s.value[threadIdx.x];
}
__global__ void write_dynamic_shared(float* y, int n) {
  auto* s = dynamic_shared<float>();
  for (int i = static_cast<int>(threadIdx.x); i < n; i += kThreads) s[i] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}

}  // namespace etude::faults

namespace {

using namespace etude;
using namespace etude::faults;

/// Heap arrays of the exact size, so that the address sanitizer sees their ends.
struct Data {
  std::vector<float> x = std::vector<float>(4 * kThreads, 1.0f);
  std::vector<float> y = std::vector<float>(4 * kThreads);
  std::vector<int> partial = std::vector<int>(8);
  std::vector<int> count = std::vector<int>(1);
  std::vector<unsigned> finished = std::vector<unsigned>(1);
  Stream& stream = Stream::of(Device::gpu);
};

const LaunchConfig kOneBlock{.grid = 1, .block = kThreads};
const LaunchConfig kEightBlocks{.grid = 8, .block = kThreads};
const LaunchConfig kCooperative{.grid = 2, .block = kThreads, .cooperative = true};
const LaunchConfig kDynamic{.grid = 1, .block = kThreads, .shared_bytes = kThreads * sizeof(float)};

const std::map<std::string, void (*)(Data&)> kCases = {
    {"race_in_block",
     [](Data& d) { launch(d.stream, kOneBlock, reverse<false>, d.x.data(), d.y.data()); }},
    {"race_in_warp",
     [](Data& d) { launch(d.stream, kOneBlock, reverse_in_warp<false>, d.x.data(), d.y.data()); }},
    {"write_after_read",
     [](Data& d) { launch(d.stream, kOneBlock, row_sums<false>, d.x.data(), d.y.data(), 4, 256); }},
    {"race_between_blocks",
     [](Data& d) { launch(d.stream, kEightBlocks, count_blocks<false>, d.count.data()); }},
    {"race_between_blocks_with_barriers",
     [](Data& d) {
       launch(d.stream, kEightBlocks, count_blocks_between_barriers, d.count.data());
     }},
    {"missing_fence",
     [](Data& d) {
       launch(d.stream, kEightBlocks, last_block_sums<false>, d.partial.data(), d.finished.data(),
              d.count.data());
     }},
    {"missing_grid_barrier",
     [](Data& d) { launch(d.stream, kCooperative, exchange<false>, d.x.data(), d.y.data()); }},
    {"global_out_of_bounds",
     [](Data& d) {
       launch(d.stream, kOneBlock, write_global, d.y.data(), static_cast<int>(d.y.size()) + 1);
     }},
    {"shared_out_of_bounds",
     [](Data& d) { launch(d.stream, kOneBlock, write_shared, d.y.data(), kThreads + 1); }},
    {"dynamic_shared_out_of_bounds",
     [](Data& d) { launch(d.stream, kDynamic, write_dynamic_shared, d.y.data(), kThreads + 1); }},
    {"correct",
     [](Data& d) {
       for (int repeat = 0; repeat < 3; ++repeat) {
         launch(d.stream, kOneBlock, reverse<true>, d.x.data(), d.y.data());
         launch(d.stream, kOneBlock, reverse_in_warp<true>, d.x.data(), d.y.data());
         launch(d.stream, kOneBlock, row_sums<true>, d.x.data(), d.y.data(), 4, 256);
         launch(d.stream, kEightBlocks, count_blocks<true>, d.count.data());
         d.finished[0] = 0;
         launch(d.stream, kEightBlocks, last_block_sums<true>, d.partial.data(), d.finished.data(),
                d.count.data());
         launch(d.stream, kCooperative, exchange<true>, d.x.data(), d.y.data());
         launch(d.stream, kOneBlock, pipeline<true>, d.x.data(), d.y.data(), 4);
         launch(d.stream, kOneBlock, write_global, d.y.data(), static_cast<int>(d.y.size()));
         launch(d.stream, kOneBlock, write_shared, d.y.data(), kThreads);
         launch(d.stream, kDynamic, write_dynamic_shared, d.y.data(), kThreads);
         std::iota(d.x.begin(), d.x.end(), 0.0f);  // the host, after the launches
       }
     }},
};

}  // namespace

int main(int argc, char** argv) {
  const auto found = kCases.find(argc == 2 ? argv[1] : "");
  if (found == kCases.end()) {
    std::cerr << "usage: fault_program NAME, with NAME one of:";
    for (const auto& [name, run] : kCases) std::cerr << ' ' << name;
    std::cerr << '\n';
    return 2;
  }
  try {
    Data data;
    found->second(data);
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
