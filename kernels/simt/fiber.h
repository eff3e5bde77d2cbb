#pragma once
// A fiber: a stack that can be left and entered again, about 13 ns each way (Boost.Context's
// fcontext). Known to the thread sanitizer as a thread of its own and to the address sanitizer by
// its stack.

#include <cstddef>

namespace etude::simt {

class Fiber {
 public:
  /// On its first resume, and on the first after each return of `body`, the fiber runs body().
  /// `colour` staggers the stacks, which else would all fall into the same cache sets.
  Fiber(void (*body)(), unsigned colour);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// From outside: runs until body suspends or returns.
  void resume();
  /// From inside: back to whoever resumed.
  static void suspend();

 private:
  struct Entry;
  void (*body_)();
  std::byte* stack_;
  void* context_;
  void* tsan_ = nullptr;
  void* fake_stack_ = nullptr;
};

}  // namespace etude::simt
