// warp.h, block.h, async.h and the grid barrier against plain loops, under several schedules; on a
// card too. The mutation gate disables each barrier met here.

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/core/philox.h"
#include "kernels/simt/simt.h"
#include "tests/kernels/fault_kernels.h"

namespace etude {
namespace {

constexpr int kSize = 256;

/// A copy of host values on the gpu; read() brings it back.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values)
      : size_(values.size()), data_(static_cast<T*>(allocate(Device::gpu, bytes()))) {
    copy_bytes(gpu(), data_, Device::gpu, values.data(), Device::cpu, bytes());
    gpu().synchronize();
  }
  explicit DeviceArray(std::size_t n) : DeviceArray(std::vector<T>(n)) {}
  ~DeviceArray() { deallocate(Device::gpu, data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  static Stream& gpu() { return Stream::of(Device::gpu); }
  T* data() { return data_; }
  std::vector<T> read() {
    std::vector<T> values(size_);
    copy_bytes(gpu(), values.data(), Device::cpu, data_, Device::gpu, bytes());
    gpu().synchronize();
    return values;
  }

 private:
  std::size_t bytes() const { return size_ * sizeof(T); }
  std::size_t size_;
  T* data_;
};

std::vector<float> values(int n) {
  std::vector<float> x(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i)
    x[static_cast<std::size_t>(i)] =
        uniform01(philox({.seed = 3}, static_cast<std::uint64_t>(i)).word[0]) - 0.25f;
  return x;
}

/// body(), under the plain schedule and random ones.
template <class Body>
void under_schedules(Body body) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    CAPTURE(seed);
    simt::set_schedule(
        {seed == 0 ? simt::Schedule::round_robin : simt::Schedule::random_warp_greedy, seed});
    body();
  }
  simt::set_schedule({});
}

struct Best {
  float value;
  int index;
};
struct Better {
  __device__ Best operator()(Best a, Best b) const {
    return a.value > b.value || (a.value == b.value && a.index < b.index) ? a : b;
  }
};

}  // namespace

// Kernels are outside the unnamed namespace: nvcc would warn of the unused ones.
namespace collectives {

__global__ void __launch_bounds__(kSize)
    reductions(const float* x, float* sums, float* maxima, int* arguments, int rows) {
  launch_bound(kSize);
  for (int r = 0; r < rows; ++r) {
    const int i = static_cast<int>(threadIdx.x);
    const float v = x[r * kSize + i];
    const float sum = block_sum<kSize>(v);
    const float centred = block_sum<kSize>(v - sum / kSize);  // twice in a row
    const float largest = block_max<kSize>(v);
    const Best best = block_reduce<kSize>(Best{v, i}, Better{});
    if (i == kSize - 1) {  // not the first warp: every thread has the result
      sums[2 * r] = sum;
      sums[2 * r + 1] = centred;
      maxima[r] = largest;
      arguments[r] = best.index;
    }
  }
}

__global__ void shuffles(const float* x, float* y, unsigned* votes, double* wide) {
  const unsigned i = threadIdx.x;
  y[i] = shuffle(x[i], 7);
  y[32 + i] = shuffle_xor(x[i], 5);
  y[64 + i] = shuffle_down(x[i], 3);
  y[96 + i] = shuffle_up(x[i], 3);
  y[128 + i] = warp_sum<8>(x[i]);
  y[160 + i] = warp_max<4>(x[i]);
  votes[i] = ballot(x[i] > 0);
  votes[32 + i] = any(x[i] > 100) ? 1 : 0;
  votes[64 + i] = all(x[i] > -100) ? 1 : 0;
  wide[i] = shuffle(static_cast<double>(x[i]) * 1e-9, 31 - i);
  if (i < 16) y[192 + i] = shuffle(x[i], 15 - i, 0xffffu);
  y[208 + i] = warp_scan(x[i]);
  if (i < 5) y[240 + i] = warp_scan(x[i], 0x1fu);
}

/// y[i] = x[i] through shared memory, a warp at a time, in its reversed order and back.
__global__ void reverse_twice(const float* x, float* y) {
  struct Smem {
    float value[kSize];
  };
  auto& s = shared<Smem>();
  float* mine = &s.value[warp_id() * kWarpSize];
  const unsigned lane = lane_id();
  mine[lane] = x[threadIdx.x];
  __syncwarp();
  const float v = mine[31 - lane];
  __syncwarp();
  mine[lane] = v;
  __syncwarp();
  y[threadIdx.x] = mine[31 - lane];
}

/// x[b] = sum of all blocks' values, repeated: each step needs both grid barriers.
__global__ void all_reduce(float* x, float* y, int steps) {
  for (int step = 0; step < steps; ++step) {
    float sum = 0;
    if (threadIdx.x == 0)
      for (unsigned b = 0; b < gridDim.x; ++b) sum += x[b];
    grid_sync();
    if (threadIdx.x == 0) x[blockIdx.x] = sum / static_cast<float>(gridDim.x) + 1;
    grid_sync();
  }
  if (threadIdx.x == 0) y[blockIdx.x] = x[(blockIdx.x + 1) % gridDim.x];
}

template <int Bytes>
__global__ void copy_rows(const float* x, float* y, int n) {
  auto* s = dynamic_shared<float>();
  constexpr int kElements = Bytes / 4;
  const int first = static_cast<int>(threadIdx.x) * kElements;
  copy_async<Bytes>(&s[first], &x[first < n ? first : 0], first < n);
  commit_async_group();
  wait_async_group<0>();
  for (int i = 0; i < kElements; ++i) y[first + i] = s[first + i];
}

}  // namespace collectives

namespace {

TEST_SUITE_BEGIN("collectives");

TEST_CASE("block reductions, twice in a row, give every thread the result") {
  constexpr int kRows = 4;
  const std::vector<float> x = values(kRows * kSize);
  std::vector<float> first;
  under_schedules([&] {
    DeviceArray<float> dx(x), sums(2 * kRows), maxima(kRows);
    DeviceArray<int> arguments(kRows);
    launch(DeviceArray<float>::gpu(), {.grid = 1, .block = kSize}, collectives::reductions,
           dx.data(), sums.data(), maxima.data(), arguments.data(), kRows);
    const std::vector<float> sum = sums.read(), maximum = maxima.read();
    const std::vector<int> argument = arguments.read();
    for (int r = 0; r < kRows; ++r) {
      const auto row = x.begin() + r * kSize;
      const auto largest = std::max_element(row, row + kSize);
      const auto i = static_cast<std::size_t>(r);
      CHECK(sum[2 * i] == doctest::Approx(std::accumulate(row, row + kSize, 0.0)));
      CHECK(std::abs(sum[2 * i + 1]) < 1e-4);
      CHECK(maximum[i] == *largest);
      CHECK(argument[i] == largest - row);
    }
    if (first.empty()) first = sum;
    CHECK(sum == first);  // the order of additions is fixed
  });
}

TEST_CASE("shuffles, votes, reductions over parts of a warp, and sums up to each lane") {
  const std::vector<float> x = values(32);
  DeviceArray<float> dx(x), dy(245);
  DeviceArray<unsigned> dvotes(96);
  DeviceArray<double> dwide(32);
  launch(DeviceArray<float>::gpu(), {.grid = 1, .block = 32}, collectives::shuffles, dx.data(),
         dy.data(), dvotes.data(), dwide.data());
  const std::vector<float> y = dy.read();
  const std::vector<unsigned> votes = dvotes.read();
  const std::vector<double> wide = dwide.read();
  unsigned positive = 0;
  for (std::size_t i = 0; i < 32; ++i) positive |= unsigned{x[i] > 0} << i;
  for (std::size_t i = 0; i < 32; ++i) {
    CAPTURE(i);
    CHECK(y[i] == x[7]);
    CHECK(y[32 + i] == x[i ^ 5]);
    CHECK(y[64 + i] == x[i + 3 < 32 ? i + 3 : i]);
    CHECK(y[96 + i] == x[i >= 3 ? i - 3 : i]);
    const auto eight = x.begin() + static_cast<int>(i / 8 * 8);
    CHECK(y[128 + i] == doctest::Approx(std::accumulate(eight, eight + 8, 0.0)));
    const auto four = x.begin() + static_cast<int>(i / 4 * 4);
    CHECK(y[160 + i] == *std::max_element(four, four + 4));
    CHECK(votes[i] == positive);
    CHECK(votes[32 + i] == 0);
    CHECK(votes[64 + i] == 1);
    CHECK(wide[i] == static_cast<double>(x[31 - i]) * 1e-9);
    if (i < 16) CHECK(y[192 + i] == x[15 - i]);
    const double sum = std::accumulate(x.begin(), x.begin() + static_cast<int>(i) + 1, 0.0);
    CHECK(y[208 + i] == doctest::Approx(sum));
    if (i < 5) CHECK(y[240 + i] == doctest::Approx(sum));
  }
}

TEST_CASE("warp barriers order shared memory") {
  const std::vector<float> x = values(kSize);
  under_schedules([&] {
    DeviceArray<float> dx(x), dy(kSize);
    launch(DeviceArray<float>::gpu(), {.grid = 1, .block = kSize}, collectives::reverse_twice,
           dx.data(), dy.data());
    CHECK(dy.read() == x);
  });
}

TEST_CASE("grid barriers order global memory") {
  under_schedules([&] {
    DeviceArray<float> x(std::vector<float>{0, 1, 2, 3}), y(4);
    launch(DeviceArray<float>::gpu(), {.grid = 4, .block = 32, .cooperative = true},
           collectives::all_reduce, x.data(), y.data(), 5);
    CHECK(y.read() == std::vector<float>(4, 6.5f));
  });
}

TEST_CASE("asynchronous copies of 4, 8 and 16 bytes, with zeros past the end") {
  const std::vector<float> x = values(512);
  const auto check = [&](auto kernel, int elements, int n) {
    under_schedules([&] {
      const int size = 128 * elements;
      DeviceArray<float> dx(x), dy(static_cast<std::size_t>(size));
      launch(DeviceArray<float>::gpu(),
             {.grid = 1, .block = 128, .shared_bytes = static_cast<std::size_t>(size) * 4}, kernel,
             dx.data(), dy.data(), n);
      std::vector<float> expected(static_cast<std::size_t>(size));
      std::copy_n(x.begin(), n, expected.begin());
      CHECK(dy.read() == expected);
    });
  };
  check(collectives::copy_rows<4>, 1, 77);
  check(collectives::copy_rows<8>, 2, 200);
  check(collectives::copy_rows<16>, 4, 400);
}

TEST_CASE("a two-stage pipeline of asynchronous copies") {
  constexpr int kTiles = 5;
  const std::vector<float> x = values(kTiles * kSize);
  under_schedules([&] {
    DeviceArray<float> dx(x), dy(kTiles * kSize);
    launch(DeviceArray<float>::gpu(), {.grid = 1, .block = kSize}, faults::pipeline<true>,
           dx.data(), dy.data(), kTiles);
    std::vector<float> expected = x;
    for (int t = 0; t < kTiles; ++t)
      std::reverse(expected.begin() + t * kSize, expected.begin() + (t + 1) * kSize);
    CHECK(dy.read() == expected);
  });
}

TEST_SUITE_END();

}  // namespace
}  // namespace etude
