// The host SIMT runtime finds each class of fault: one planted bug each, and no report for the
// correct twin. What only a sanitizer can see runs in fault_program, as a child process.

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/simt/simt.h"
#include "tests/error_text.h"
#include "tests/kernels/fault_kernels.h"

namespace etude {
namespace {

using namespace etude::faults;

constexpr bool kThreadSanitizer =
#ifdef __SANITIZE_THREAD__
    true;
#else
    false;
#endif
constexpr bool kAddressSanitizer =
#ifdef __SANITIZE_ADDRESS__
    true;
#else
    false;
#endif

Stream& gpu() { return Stream::of(Device::gpu); }

const LaunchConfig kOneBlock{.grid = 1, .block = kThreads};

/// Random schedules while it lives, deferred streams off and no barrier disabled afterwards.
struct Controls {
  explicit Controls(std::uint64_t seed) {
    simt::set_schedule({simt::Schedule::random_warp_greedy, seed});
  }
  Controls() = default;
  ~Controls() {
    simt::set_schedule({});
    simt::set_deferred(false);
    simt::skip_barrier("");
  }
};

/// Runs fault_program, which lies beside this program.
struct Child {
  std::string output;
  int status;
};
Child run_fault_program(const std::string& name) {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command =
      "'" + (self.parent_path() / "fault_program").string() + "' " + name + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Child child;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    child.output.append(buffer, n);
  const int status = pclose(pipe);
  child.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return child;
}

std::vector<float> ramp(int n) {
  std::vector<float> x(static_cast<std::size_t>(n));
  std::iota(x.begin(), x.end(), 1.0f);
  return x;
}

// Kernels with faults that every build finds; each one's bug is in its name.

__global__ void barrier_in_a_branch(float* y) {
  if (threadIdx.x < 32) __syncthreads();
  y[threadIdx.x] = 0;
}
__global__ void two_barriers(float* y) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
  y[threadIdx.x] = 0;
}
__global__ void exited_lane_in_mask(float* y) {
  if (lane_id() == 5) return;
  y[threadIdx.x] = warp_sum(1.0f);
}
__global__ void shuffle_from_outside_the_mask(float* y) {
  if (lane_id() < 16) y[threadIdx.x] = shuffle(1.0f, 20, 0xffffu);
}
__global__ void two_shuffles(float* y) {
  if (lane_id() < 16)
    y[threadIdx.x] = shuffle(1.0f, 0);
  else
    y[threadIdx.x] = shuffle(2.0f, 0);
}
__global__ void __launch_bounds__(64) bounded(float* y) {
  launch_bound(64);
  y[threadIdx.x] = 0;
}
__global__ void uninitialised(float* y) {
  struct Smem {
    float value[kThreads];
  };
  auto& s = shared<Smem>();
  if (threadIdx.x < kThreads / 2) s.value[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = s.value[threadIdx.x];
}
__global__ void exit_before_copy_arrives(const float* x) {
  copy_async<4>(&dynamic_shared<float>()[threadIdx.x], &x[threadIdx.x]);
  commit_async_group();
}
__global__ void blocks_exit_before_grid_barrier() {
  if (blockIdx.x == 0) return;
  grid_sync();
}
__global__ void grid_barrier() { grid_sync(); }

}  // namespace

TEST_SUITE_BEGIN("simt");

TEST_CASE("the address sanitizer finds accesses outside global and shared memory") {
  if (!kAddressSanitizer) {
    MESSAGE("skipped: this build has no address sanitizer");
    return;
  }
  for (const char* name :
       {"global_out_of_bounds", "shared_out_of_bounds", "dynamic_shared_out_of_bounds"}) {
    CAPTURE(name);
    const Child child = run_fault_program(name);
    CHECK(child.status != 0);
    CHECK(contains(child.output, "AddressSanitizer"));
    CHECK(contains(child.output, "etude::faults::"));  // names the kernel
  }
}

TEST_CASE("the thread sanitizer finds races within and between blocks") {
  if (!kThreadSanitizer) {
    MESSAGE("skipped: this build has no thread sanitizer");
    return;
  }
  for (const char* name :
       {"race_in_block", "race_in_warp", "write_after_read", "race_between_blocks",
        "race_between_blocks_with_barriers", "missing_fence", "missing_grid_barrier"}) {
    CAPTURE(name);
    const Child child = run_fault_program(name);
    CHECK(child.status != 0);
    CHECK(contains(child.output, "data race"));
    CHECK(contains(child.output, "etude::faults::"));  // names the kernel
  }
}

TEST_CASE("correct kernels give no report") {
  const Child child = run_fault_program("correct");
  CHECK(child.status == 0);
  CHECK(child.output == "");
}

TEST_CASE("random schedules find a write after read, and the barrier that prevents it is proven") {
  if (kThreadSanitizer) return;  // it would report the race and fail this program
  const auto wrong_schedules = [](auto kernel) {
    constexpr int kRows = 8, kColumns = 256;
    const std::vector<float> x = ramp(kRows * kColumns);
    int wrong = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const Controls controls(seed);
      std::vector<float> y(kRows);
      launch(gpu(), kOneBlock, kernel, x.data(), y.data(), kRows, kColumns);
      for (std::size_t r = 0; r < kRows; ++r) {
        const auto first = x.begin() + static_cast<std::ptrdiff_t>(r * kColumns);
        if (y[r] != std::accumulate(first, first + kColumns, 0.0f)) {
          ++wrong;
          break;
        }
      }
    }
    return wrong;
  };
  CHECK(wrong_schedules(row_sums<true>) == 0);
  CHECK(wrong_schedules(row_sums<false>) >= 8);

  simt::set_record_barriers(true);
  wrong_schedules(row_sums<true>);
  const auto sites = simt::barrier_sites();
  simt::set_record_barriers(false);
  REQUIRE(sites.size() == 2);
  for (const auto& site : sites) {
    CAPTURE(site.line);
    CHECK(site.operation == "__syncthreads");
    CHECK(contains(site.function, "row_sums"));
    int wrong = 0;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const Controls controls(seed);
      simt::skip_barrier("fault_kernels.h:" + std::to_string(site.line));
      const std::vector<float> x(4 * 256, 1.0f);
      std::vector<float> y(4);
      launch(gpu(), kOneBlock, row_sums<true>, x.data(), y.data(), 4, 256);
      // Rows of equal sums hide a write after read: only the first barrier must show.
      wrong += y != std::vector<float>(4, 256.0f);
    }
    if (site.line == sites[0].line) CHECK(wrong > 0);
  }
}

TEST_CASE("uninitialised shared memory is NaN") {
  std::vector<float> y(kThreads);
  launch(gpu(), kOneBlock, uninitialised, y.data());
  CHECK(y[0] == 1);
  CHECK(std::isnan(y[kThreads - 1]));
}

TEST_CASE("barrier divergence names each waiter's call site, the block and the thread") {
  std::vector<float> y(kThreads);
  const std::string branch =
      message_of([&] { launch(gpu(), kOneBlock, barrier_in_a_branch, y.data()); });
  CAPTURE(branch);
  CHECK(contains(branch, "barrier divergence at "));
  CHECK(contains(branch, "simt_test.cpp:"));
  CHECK(contains(branch, "block (0, 0, 0), thread (0, 0, 0)"));
  CHECK(contains(branch, "32 threads in __syncthreads"));
  CHECK(contains(branch, "224 threads exited"));

  const std::string two = message_of([&] { launch(gpu(), kOneBlock, two_barriers, y.data()); });
  CAPTURE(two);
  CHECK(contains(two, "barrier divergence"));
  CHECK(contains(two, "32 threads in __syncthreads"));
  CHECK(contains(two, "224 threads in __syncthreads"));
}

TEST_CASE("the runtime works on after a fault") {
  const std::vector<float> x = ramp(kThreads);
  std::vector<float> y(kThreads);
  for (int repeat = 0; repeat < 3; ++repeat) {
    CHECK_THROWS_AS(launch(gpu(), kOneBlock, two_barriers, y.data()), Error);
    launch(gpu(), kOneBlock, reverse<true>, x.data(), y.data());
    CHECK(y[0] == x[kThreads - 1]);
  }
}

TEST_CASE("warp collectives check their masks") {
  std::vector<float> y(kThreads);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Controls controls(seed);
    CHECK(contains(message_of([&] { launch(gpu(), kOneBlock, exited_lane_in_mask, y.data()); }),
                   "exited lane in a mask"));
    CHECK(contains(
        message_of([&] { launch(gpu(), kOneBlock, shuffle_from_outside_the_mask, y.data()); }),
        "reads a lane that the mask does not name"));
    CHECK(contains(message_of([&] { launch(gpu(), kOneBlock, two_shuffles, y.data()); }),
                   "warp divergence"));
  }
}

TEST_CASE("launches that a card refuses are refused") {
  std::vector<float> y(2048);
  CHECK(contains(message_of([&] { launch(gpu(), {.grid = 1, .block = 65}, bounded, y.data()); }),
                 "block over its launch bounds"));
  launch(gpu(), {.grid = 1, .block = 64}, bounded, y.data());
  const std::string large =
      message_of([&] { launch(gpu(), {.grid = 1, .block = 1025}, uninitialised, y.data()); });
  CHECK(contains(large, "1025"));
  CHECK(contains(large, "simt_test.cpp:"));
  CHECK_THROWS_AS(
      launch(gpu(), {.grid = 1, .block = 1, .shared_bytes = 228 << 10}, bounded, y.data()), Error);
  CHECK_THROWS_AS(launch(Stream::of(Device::cpu), kOneBlock, bounded, y.data()), Error);
  launch(gpu(), {.grid = dim3(0, 3), .block = 4096}, bounded, y.data());  // an empty grid: nothing
}

TEST_CASE("a missing wait for an asynchronous copy shows") {
  const std::vector<float> x = ramp(4 * kThreads);
  std::vector<float> y(4 * kThreads);
  launch(gpu(), kOneBlock, pipeline<false>, x.data(), y.data(), 4);
  CHECK(std::isnan(y[0]));
  const LaunchConfig config{.grid = 1, .block = 32, .shared_bytes = 128};
  CHECK(contains(message_of([&] { launch(gpu(), config, exit_before_copy_arrives, x.data()); }),
                 "missing wait"));
}

TEST_CASE("grid barriers: divergence and launches that are not cooperative") {
  const LaunchConfig cooperative{.grid = 4, .block = 32, .cooperative = true};
  CHECK(contains(message_of([&] { launch(gpu(), cooperative, blocks_exit_before_grid_barrier); }),
                 "grid barrier divergence"));
  CHECK(contains(message_of([&] { launch(gpu(), {.grid = 4, .block = 32}, grid_barrier); }),
                 "not cooperative"));
  launch(gpu(), cooperative, grid_barrier);
}

TEST_CASE("deferred streams show a missing synchronisation") {
  const Controls controls;
  const std::vector<float> x = ramp(kThreads);
  std::vector<float> y(kThreads, 7.0f);
  simt::set_deferred(true);
  const std::size_t bytes = kThreads * sizeof(float);
  void* a = allocate(Device::gpu, bytes);
  void* b = allocate(Device::gpu, bytes);
  copy_bytes(gpu(), a, Device::gpu, x.data(), Device::cpu, bytes);
  launch(gpu(), kOneBlock, reverse<true>, static_cast<const float*>(a), static_cast<float*>(b));
  copy_bytes(gpu(), y.data(), Device::cpu, b, Device::gpu, bytes);
  deallocate(Device::gpu, a);
  deallocate(Device::gpu, b);
  CHECK(std::isnan(y[0]));
  gpu().synchronize();
  CHECK(y[0] == x[kThreads - 1]);

  launch(gpu(), kOneBlock, two_barriers, y.data());
  CHECK_THROWS_AS(gpu().synchronize(), Error);
  gpu().synchronize();
}

TEST_SUITE_END();

}  // namespace etude
