#pragma once
// The state of a launch on the host runtime: threads in warps in blocks. Private to kernels/simt.

#include <sys/mman.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/simt/device.h"
#include "kernels/simt/fiber.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/simt.h"

namespace etude::simt {

class Block;
class Grid;

/// Thrown at the waiting threads of a launch that failed, so that their stacks unwind.
struct Cancelled {};

/// SplitMix64 (Steele, Lea, Flood 2014): decides the order of a random schedule.
struct Random {
  std::uint64_t state = 0;
  std::uint64_t next() {
    std::uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  unsigned bit_of(unsigned set) {  // one of the bits set
    const int turn = static_cast<int>(next() & 31);
    return static_cast<unsigned>(std::countr_zero(std::rotr(set, turn)) + turn) % 32;
  }
};

struct AsyncCopy {
  void* to;
  const void* from;  // null: zeros
  int bytes;
  Site site;
};

struct Warp;

struct Thread {
  Block* block = nullptr;
  Warp* warp = nullptr;
  unsigned lane = 0;
  uint3 index{};
  Fiber* fiber = nullptr;       // from its start to its end
  const char* waits = nullptr;  // what it waits in, and where, with which mask and operands
  Site site;
  unsigned mask = 0;
  void* record = nullptr;
  std::vector<AsyncCopy> copies;    // issued, not arrived
  std::vector<std::size_t> groups;  // closed groups: each one's end in `copies`
};

/// Sets of lanes, one bit each. A lane that is present is in exactly one of ready (which includes
/// fresh), at_warp, at_block, at_grid, done; or it is the running one.
struct Warp {
  Thread* threads = nullptr;
  unsigned present = 0, ready = 0, at_warp = 0, at_block = 0, at_grid = 0, done = 0;
  unsigned fresh = 0;   // ready and never run
  unsigned wanted = 0;  // named in the mask of a lane that is at_warp
};

/// Memory of one block's shared variables, with red zones between them.
class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  /// Empties it, for a block with `dynamic_bytes` bytes of dynamic shared memory.
  void reset(std::size_t dynamic_bytes);
  /// The static variable that `tag` names, made when it is first asked for.
  void* variable(const void* tag, std::size_t bytes);
  void* dynamic() const { return dynamic_; }
  bool contains(const void* p, std::size_t bytes) const;

 private:
  struct Variable {
    const void* tag;
    std::byte* memory;
  };
  std::byte* append(std::size_t bytes);

  std::byte* base_ = nullptr;
  std::byte* dynamic_ = nullptr;
  std::size_t capacity_ = 0, used_ = 0, static_bytes_ = 0;
  std::vector<Variable> variables_;
};

class Block {
 public:
  explicit Block(Grid& grid) : grid(grid) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  /// Makes all threads ready to start.
  void start(uint3 block_index);
  enum class State : std::uint8_t { done, at_grid };
  /// Runs until every thread is done or every thread waits for the grid.
  State run();
  void leave_grid_barrier() { release(&Warp::at_grid); }
  /// Unwinds the threads that have started.
  void cancel();
  /// "32 threads in __syncthreads at file:line, ...", of the threads that wait or have exited.
  std::string waiting() const;

  Grid& grid;
  uint3 index{};
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  Arena shared;
  unsigned barriers = 0;            // block barriers passed
  std::vector<std::uint64_t> tags;  // thread sanitizer: 2 for the block barrier, 1 per thread

 private:
  unsigned count(unsigned Warp::*set) const;
  void release(unsigned Warp::*set);
  void run_in_turn();
  void run_greedily();
  void resume(Warp& warp, unsigned lane);
  void check_same_barrier() const;
};

class FiberPool {
 public:
  /// Thread sanitizer: all fibers are free again, in random order.
  void shuffle(Random& random);
  Fiber* take();
  void give_back(Fiber* fiber) {
    if (!keep_) free_.push_back(fiber);
  }

 private:
  bool keep_ = false;
  std::vector<std::unique_ptr<Fiber>> all_;
  std::vector<Fiber*> free_;
};

/// One OS thread's runtime.
class Grid {
 public:
  static Grid& of_this_thread();
  void run(const Launch& launch, const std::function<void()>& body);
  /// What a fiber does: runs the current thread, then others of its warp that never ran.
  static void run_threads();

  const Launch* launch = nullptr;
  bool greedy = false;
  Random random;
  FiberPool* fibers = nullptr;
  std::exception_ptr error;
  bool cancelling = false;
  unsigned barriers = 0;  // grid barriers passed
  // Addresses that the thread sanitizer orders accesses by.
  std::uint64_t start_tag = 0, end_tag = 0, fence_tag = 0, barrier_tags[2] = {};

 private:
  void run_resident(std::size_t first, std::size_t count);
  uint3 block_index(std::size_t i) const;
  void finish(Thread& thread);

  const std::function<void()>* body_ = nullptr;
  std::vector<std::unique_ptr<Block>> blocks_;
  FiberPool pools_[2];
  unsigned waves_ = 0;
  std::size_t order_start_ = 0, order_step_ = 1;
};

/// The running CUDA thread; null outside kernels.
inline thread_local constinit Thread* current = nullptr;

inline void make_current(Thread& thread) {
  current = &thread;
  threadIdx = thread.index;
}

std::string place(Site site);
/// Raises Error about a thread or, without one, a block.
[[noreturn]] void fault_in(const Block& block, const Thread* thread, const char* kind,
                           const std::string& where, const std::string& detail);

/// The schedule of the next launch; every launch gets its own seed.
Schedule next_schedule();
/// Set while barriers are recorded or one is disabled.
inline thread_local constinit bool watch_barriers = false;
/// Records the barrier; false when it is disabled.
bool meet_barrier(const char* operation, Site site);
/// Whether to wait at the barrier.
inline bool enabled(const char* operation, Site site) {
  return !watch_barriers || meet_barrier(operation, site);
}

}  // namespace etude::simt
