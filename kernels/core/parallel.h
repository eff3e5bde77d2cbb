#pragma once
#include <cstdint>
#include <exception>

namespace etude {

/// Takes an exception of a body, such as that of a Scratch without memory, out of a parallel
/// region, which it must not leave by itself.
class CaughtException {
 public:
  template <class Body>
  void run(const Body& body) {
    try {
      body();
    } catch (...) {
#pragma omp critical(etude_caught_exception)
      caught_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (caught_) std::rethrow_exception(caught_);
  }

 private:
  std::exception_ptr caught_;
};

/// body(i) for i from 0 to count - 1, each thread a contiguous part, if `elements` of work are more
/// than threads cost. Otherwise OpenMP is not entered at all: even a team of one is allocated and
/// locked, and most calls of a small network are smaller than that. An exception of a body reaches
/// the caller.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t elements, const Body& body) {
  constexpr std::int64_t kParallel = 32768;
  if (elements <= kParallel) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  CaughtException caught;
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) caught.run([&] { body(i); });
  caught.rethrow();
}

}  // namespace etude
