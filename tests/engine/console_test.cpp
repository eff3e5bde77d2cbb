#include "engine/run/console.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

#if defined(__x86_64__) && defined(__linux__)
/// Sends the process SIGINT while its stack pointer is `stack`, as oneDNN's kernels point it at a
/// buffer of theirs. (The handler runs as kill returns.)
__attribute__((noinline)) void interrupt_at(void* stack) {
  long result = SYS_kill;
  const long process = getpid(), number = SIGINT;
  asm volatile(
      "mov %%rsp, %%rbx\n\t"
      "mov %[stack], %%rsp\n\t"
      "syscall\n\t"
      "mov %%rbx, %%rsp"
      : "+a"(result)
      : "D"(process), "S"(number), [stack] "r"(stack)
      : "rbx", "rcx", "r11", "memory");
}
#endif

/// Of a process of its own: here the signal would stop the tests that follow.
template <typename Body>
int exit_code_of(const Body& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("Ctrl-C: the first one is noted, the second one ends the process") {
  CHECK(exit_code_of([] {
          if (etude::stop_requested()) return 1;
          raise(SIGINT);
          if (!etude::stop_requested()) return 2;
          raise(SIGTERM);
          return 3;
        }) == 128 + SIGTERM);
}

#if defined(__x86_64__) && defined(__linux__)
TEST_CASE("Ctrl-C: nothing is written below a stack pointer that points into the heap") {
  CHECK(exit_code_of([] {
          if (etude::stop_requested()) return 1;
          std::vector<char> buffer(1 << 16, 'x');
          interrupt_at(buffer.data() + buffer.size());
          if (!etude::stop_requested()) return 2;
          return std::count(buffer.begin(), buffer.end(), 'x') == std::ssize(buffer) ? 0 : 3;
        }) == 0);
}
#endif
