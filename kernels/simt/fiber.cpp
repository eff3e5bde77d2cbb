#include "kernels/simt/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/detail/fcontext.hpp>

#include "kernels/core/error.h"
#include "kernels/simt/sanitizer.h"

namespace etude::simt {
namespace {

namespace context = boost::context::detail;

constexpr std::size_t kStackBytes = 256 * 1024;  // address space; touched pages only are memory
constexpr unsigned kTsanNoSync = 1;              // a switch orders nothing: barriers do

/// Whoever resumed the running fiber.
struct Home {
  void* context = nullptr;
  void* tsan = nullptr;
  void* fake_stack = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
};
thread_local constinit Home home;
thread_local constinit Fiber* running = nullptr;

}  // namespace

struct Fiber::Entry {
  static void run(context::transfer_t from) {
    if (__sanitizer_finish_switch_fiber)
      __sanitizer_finish_switch_fiber(nullptr, &home.stack_bottom, &home.stack_bytes);
    home.context = from.fctx;
    for (;;) {
      running->body_();
      suspend();
    }
  }
};

Fiber::Fiber(void (*body)(), unsigned colour) : body_(body) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, kStackBytes + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(memory != MAP_FAILED, "simt: no memory for the stack of a fiber");
  mprotect(memory, page, PROT_NONE);  // an overflow faults instead of reaching another stack
  stack_ = static_cast<std::byte*>(memory) + page;
  const std::size_t shift = colour % 32 * 192;
  context_ = context::make_fcontext(stack_ + kStackBytes - shift, kStackBytes - shift, Entry::run);
  if (thread_sanitizer()) tsan_ = __tsan_create_fiber(0);
}

Fiber::~Fiber() {
  if (tsan_) __tsan_destroy_fiber(tsan_);
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  unpoison(stack_, kStackBytes);
  munmap(stack_ - page, kStackBytes + page);
}

void Fiber::resume() {
  running = this;
  if (tsan_) {
    home.tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(tsan_, kTsanNoSync);
  }
  if (__sanitizer_start_switch_fiber)
    __sanitizer_start_switch_fiber(&home.fake_stack, stack_, kStackBytes);
  context_ = context::jump_fcontext(context_, nullptr).fctx;
  if (__sanitizer_finish_switch_fiber)
    __sanitizer_finish_switch_fiber(home.fake_stack, nullptr, nullptr);
}

void Fiber::suspend() {
  Fiber& me = *running;
  if (me.tsan_) __tsan_switch_to_fiber(home.tsan, kTsanNoSync);
  if (__sanitizer_start_switch_fiber)
    __sanitizer_start_switch_fiber(&me.fake_stack_, home.stack_bottom, home.stack_bytes);
  home.context = context::jump_fcontext(home.context, nullptr).fctx;
  if (__sanitizer_finish_switch_fiber)
    __sanitizer_finish_switch_fiber(me.fake_stack_, nullptr, nullptr);
}

}  // namespace etude::simt
