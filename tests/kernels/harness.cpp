#include "tests/kernels/harness.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <sstream>
#include <unordered_map>

#include "kernels/core/philox.h"
#include "kernels/simt/simt.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) (static_cast<void>(start))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) (static_cast<void>(start))
#endif

namespace etude::testing {
namespace {

constexpr std::size_t kGuardBytes = 256;
constexpr unsigned char kGuardByte = 0xA5;
constexpr unsigned char kPoisonByte = 0xFF;  // NaN in every float type

double load(const unsigned char* at, DType dtype) {
  double value = 0;
  dispatch<float, double, bf16, std::int32_t, std::uint8_t>("load", dtype, [&]<class T>() {
    T element;
    std::memcpy(&element, at, sizeof element);
    value = static_cast<double>(element);
  });
  return value;
}

void store(unsigned char* at, DType dtype, double value) {
  dispatch<float, double, bf16, std::int32_t, std::uint8_t>("store", dtype, [&]<class T>() {
    const T element = static_cast<T>(value);
    std::memcpy(at, &element, sizeof element);
  });
}

std::vector<double> rounded(std::vector<double> values, DType dtype) {
  unsigned char element[8];
  for (double& value : values) {
    store(element, dtype, value);
    value = load(element, dtype);
  }
  return values;
}

/// Calls body(i, byte offset) for each element in logical row-major order.
template <class Body>
void for_elements(const Operand& operand, Body body) {
  const Dims strides = operand.strides.rank ? operand.strides : contiguous_strides(operand.shape);
  const std::int64_t n = numel(operand.shape);
  const auto size = static_cast<std::int64_t>(size_of(operand.dtype));
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t rest = i, offset = 0;
    for (int d = operand.shape.rank - 1; d >= 0; --d) {
      offset += rest % operand.shape[d] * strides[d];
      rest /= operand.shape[d];
    }
    body(i, offset * size);
  }
}

std::size_t span_bytes(const Operand& operand) {
  std::int64_t last = 0;
  for_elements(operand, [&](std::int64_t, std::int64_t offset) { last = std::max(last, offset); });
  return numel(operand.shape) ? last + size_of(operand.dtype) : 0;
}

/// An operand in device memory with guard bands around its span: writes into them are found by
/// comparison, reads too where there is an address sanitizer.
class Buffer {
 public:
  Buffer(Device device, const Operand& operand)
      : device_(device), operand_(operand), bytes_(span_bytes(operand)) {
    image_.assign(bytes_ + 2 * kGuardBytes, kGuardByte);
    std::memset(image_.data() + kGuardBytes, kPoisonByte, bytes_);
    if (!operand.values.empty()) {
      for_elements(operand, [&](std::int64_t i, std::int64_t offset) {
        store(image_.data() + kGuardBytes + offset, operand.dtype, operand.values[i]);
      });
    }
    memory_ = allocate(device, image_.size());
    transfer(memory_, device_, image_.data(), Device::cpu);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    unprotect();
    deallocate(device_, memory_);
  }

  /// Forbids access to the guard bands.
  void protect() const {
    if (!in_host_memory_) return;
    ASAN_POISON_MEMORY_REGION(memory_, kGuardBytes);
    ASAN_POISON_MEMORY_REGION(static_cast<char*>(memory_) + kGuardBytes + bytes_, kGuardBytes);
  }
  void unprotect() const {
    if (in_host_memory_) ASAN_UNPOISON_MEMORY_REGION(memory_, image_.size());
  }

  View view() const {
    void* data = static_cast<unsigned char*>(memory_) + kGuardBytes;
    return operand_.strides.rank ? View(data, operand_.dtype, operand_.shape, operand_.strides)
                                 : View(data, operand_.dtype, operand_.shape);
  }

  /// The bytes after the run; checks that nothing changed which must not.
  std::vector<unsigned char> bytes(std::size_t index) const {
    std::vector<unsigned char> now(image_.size());
    transfer(now.data(), Device::cpu, memory_, device_);
    const auto same = [&](std::size_t from, std::size_t count) {
      return std::memcmp(now.data() + from, image_.data() + from, count) == 0;
    };
    CHECK_MESSAGE(same(0, kGuardBytes), "operand ", index, ": written before its start");
    CHECK_MESSAGE(same(kGuardBytes + bytes_, kGuardBytes), "operand ", index,
                  ": written past its end");
    if (!operand_.output) {
      CHECK_MESSAGE(same(kGuardBytes, bytes_), "operand ", index, ": an input was written");
    }
    return now;
  }

  std::vector<double> values(const std::vector<unsigned char>& bytes) const {
    std::vector<double> result(numel(operand_.shape));
    for_elements(operand_, [&](std::int64_t i, std::int64_t offset) {
      result[i] = load(bytes.data() + kGuardBytes + offset, operand_.dtype);
    });
    return result;
  }

 private:
  void transfer(void* to, Device to_device, const void* from, Device from_device) const {
    Stream& stream = Stream::of(device_);
    copy_bytes(stream, to, to_device, from, from_device, image_.size());
    stream.synchronize();
  }

  Device device_;
  bool in_host_memory_ = device_ == Device::cpu || simt::active();
  const Operand& operand_;
  std::size_t bytes_;
  std::vector<unsigned char> image_;
  void* memory_ = nullptr;
};

int number_of_runs() {
  const char* text = std::getenv("ETUDE_SCHEDULES");
  return text ? std::max(2, std::atoi(text)) : 2;
}

}  // namespace

std::vector<double> random_values(std::int64_t n, std::uint64_t seed, double lo, double hi) {
  std::vector<double> values(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const Philox4 block = philox({.seed = seed, .stream = 0x7e57}, i / 4);
    values[i] = lo + (hi - lo) * uniform01(block.word[i % 4]);
  }
  return values;
}

std::vector<double> random_integers(std::int64_t n, std::uint64_t seed, int below) {
  std::vector<double> values = random_values(n, seed, 0, below);
  for (double& value : values) value = std::min<double>(below - 1, std::floor(value));
  return values;
}

Operand input(DType dtype, const Dims& shape, std::vector<double> values, const Dims& strides) {
  require(static_cast<std::int64_t>(values.size()) == numel(shape), "test operand: ", values.size(),
          " values for shape ", shape);
  Operand operand{dtype, shape, rounded(std::move(values), dtype), strides, false};
  if (strides.rank == 0) return operand;
  // Where strides overlap (a broadcast), the last value stored is the one that all of them read.
  std::unordered_map<std::int64_t, double> stored;
  for_elements(operand, [&](std::int64_t i, std::int64_t at) { stored[at] = operand.values[i]; });
  for_elements(operand, [&](std::int64_t i, std::int64_t at) { operand.values[i] = stored[at]; });
  return operand;
}
Operand output(DType dtype, const Dims& shape, const Dims& strides) {
  return {dtype, shape, {}, strides, true};
}
Operand in_out(DType dtype, const Dims& shape, std::vector<double> values) {
  Operand operand = input(dtype, shape, std::move(values));
  operand.output = true;
  return operand;
}

std::vector<std::vector<double>> run(Device device, const std::vector<Operand>& operands,
                                     const Call& call) {
  std::vector<std::vector<unsigned char>> first;
  std::vector<std::vector<double>> outputs;
  for (int attempt = 0; attempt < number_of_runs(); ++attempt) {
    simt::set_schedule(
        {attempt == 0 ? simt::Schedule::round_robin : simt::Schedule::random_warp_greedy,
         static_cast<std::uint64_t>(attempt)});
    std::vector<std::unique_ptr<Buffer>> buffers;
    std::vector<View> views;
    for (const Operand& operand : operands) {
      buffers.push_back(std::make_unique<Buffer>(device, operand));
      views.push_back(buffers.back()->view());
    }
    Stream& stream = Stream::of(device);
    for (const auto& buffer : buffers) buffer->protect();
    call(stream, views);
    stream.synchronize();
    for (const auto& buffer : buffers) buffer->unprotect();
    for (std::size_t i = 0; i < operands.size(); ++i) {
      std::vector<unsigned char> bytes = buffers[i]->bytes(i);
      if (attempt == 0) {
        if (operands[i].output) outputs.push_back(buffers[i]->values(bytes));
        first.push_back(std::move(bytes));
      } else {
        const auto differs = std::mismatch(bytes.begin(), bytes.end(), first[i].begin()).first;
        const bool same = differs == bytes.end();
        CHECK_MESSAGE(same, "operand ", i, ": run ", attempt, " differs from the first run on the ",
                      std::string(name_of(device)), ", first at byte ",
                      differs - bytes.begin() - static_cast<std::ptrdiff_t>(kGuardBytes));
      }
    }
  }
  simt::set_schedule({});
  return outputs;
}

void expect_close(const std::string& what, const std::vector<double>& actual,
                  const std::vector<double>& expected, double tolerance, double scale) {
  REQUIRE_MESSAGE(actual.size() == expected.size(), what, ": ", actual.size(), " values, expected ",
                  expected.size());
  double worst = -1;
  std::size_t at = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = actual[i], e = expected[i];
    const bool same = a == e || (std::isnan(a) && std::isnan(e));
    double error = same ? 0 : std::abs(a - e) / std::max(scale, std::abs(e));
    if (!same && !std::isfinite(error)) error = std::numeric_limits<double>::infinity();
    if (error > worst) worst = error, at = i;
  }
  if (worst > tolerance) {
    std::ostringstream text;
    text.precision(9);
    text << what << ": element " << at << " of " << actual.size() << " is " << actual[at]
         << ", expected " << expected[at] << ": error " << worst << " > " << tolerance;
    FAIL_CHECK(text.str());
  } else {
    CHECK(worst <= tolerance);
  }
}

void expect_slope(const std::string& what, std::vector<double>& values,
                  const std::vector<double>& gradient, const std::function<double()>& loss,
                  double tolerance) {
  constexpr double kStep = 1e-5;
  REQUIRE(values.size() == gradient.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    values[i] = value + kStep;
    const double above = loss();
    values[i] = value - kStep;
    const double below = loss();
    values[i] = value;
    const double error = std::abs((above - below) / (2 * kStep) - gradient[i]);
    CHECK_MESSAGE(error < tolerance, what, " ", i);
  }
}

double epsilon_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 0x1p-53;
    case DType::bf16:
      return 0x1p-8;
    default:
      return 0x1p-24;
  }
}

}  // namespace etude::testing
