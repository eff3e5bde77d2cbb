#include "kernels/simt/grid.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <sstream>

#include "kernels/core/error.h"
#include "kernels/simt/sanitizer.h"

namespace etude::simt {

void FiberPool::shuffle(Random& random) {
  keep_ = true;
  free_.clear();
  for (const auto& fiber : all_) free_.push_back(fiber.get());
  for (std::size_t i = free_.size(); i > 1; --i) std::swap(free_[i - 1], free_[random.below(i)]);
}

Fiber* FiberPool::take() {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Fiber>(Grid::run_threads, static_cast<unsigned>(all_.size())));
    return all_.back().get();
  }
  Fiber* fiber = free_.back();
  free_.pop_back();
  return fiber;
}

void Block::start(uint3 block_index) {
  const dim3 shape = grid.launch->block;
  const unsigned n = shape.x * shape.y * shape.z;
  index = block_index;
  barriers = 0;
  shared.reset(grid.launch->shared_bytes);
  if (thread_sanitizer()) tags = std::vector<std::uint64_t>(n + 2);
  threads.resize(n);
  warps.assign((n + 31) / 32, Warp{});
  for (unsigned i = 0; i < n; ++i) {
    Thread& thread = threads[i];
    thread.block = this;
    thread.warp = &warps[i / 32];
    thread.lane = i % 32;
    thread.index = {i % shape.x, i / shape.x % shape.y, i / shape.x / shape.y};
    thread.fiber = nullptr;
    thread.copies.clear();
    thread.groups.clear();
  }
  for (unsigned w = 0; w < warps.size(); ++w) {
    warps[w].threads = &threads[w * 32];
    warps[w].present = n - w * 32 >= 32 ? ~0u : (1u << (n - w * 32)) - 1;
    warps[w].ready = warps[w].fresh = warps[w].present;
  }
}

unsigned Block::count(unsigned Warp::*set) const {
  int n = 0;
  for (const Warp& warp : warps) n += std::popcount(warp.*set);
  return static_cast<unsigned>(n);
}

void Block::release(unsigned Warp::*set) {
  for (Warp& warp : warps) {
    warp.ready |= warp.*set;
    warp.*set = 0;
  }
}

void Block::resume(Warp& warp, unsigned lane) {
  Thread& thread = warp.threads[lane];
  warp.ready &= ~(1u << lane);
  warp.fresh &= ~(1u << lane);
  if (!thread.fiber) thread.fiber = grid.fibers->take();
  make_current(thread);
  thread.fiber->resume();
  current = nullptr;
  if (grid.error) std::rethrow_exception(grid.error);
}

void Block::run_in_turn() {
  for (bool ran = true; ran;) {
    ran = false;
    for (Warp& warp : warps) {
      for (unsigned left = warp.ready; left; left &= warp.ready) {
        const unsigned lane = static_cast<unsigned>(std::countr_zero(left));
        left &= left - 1;
        resume(warp, lane);
        ran = true;
      }
    }
  }
}

void Block::run_greedily() {
  for (bool ran = true; ran;) {
    ran = false;
    const std::size_t first = grid.random.below(warps.size());
    for (std::size_t i = 0; i < warps.size(); ++i) {
      Warp& warp = warps[(first + i) % warps.size()];
      if (!warp.ready) continue;
      while (warp.ready) resume(warp, grid.random.bit_of(warp.ready));
      ran = true;
      break;  // then any other
    }
  }
}

void Block::check_same_barrier() const {
  const Site first = threads[0].site;
  for (const Thread& thread : threads)
    if (thread.site.line() != first.line() || thread.site.file_name() != first.file_name())
      fault_in(*this, &thread, "barrier divergence", place(thread.site), waiting());
}

Block::State Block::run() {
  blockIdx = index;
  for (;;) {
    grid.greedy ? run_greedily() : run_in_turn();
    const unsigned n = static_cast<unsigned>(threads.size());
    if (count(&Warp::done) == n) return State::done;
    if (count(&Warp::at_block) == n) {
      check_same_barrier();
      ++barriers;
      release(&Warp::at_block);
    } else if (count(&Warp::at_grid) == n) {
      check_same_barrier();
      return State::at_grid;
    } else {
      const auto stuck = std::find_if(threads.begin(), threads.end(), [](const Thread& thread) {
        return !(thread.warp->done >> thread.lane & 1);
      });
      fault_in(*this, &*stuck, "barrier divergence", place(stuck->site), waiting());
    }
  }
}

void Block::cancel() {
  for (Thread& thread : threads) {
    while (thread.fiber) {
      make_current(thread);
      thread.fiber->resume();
    }
  }
  current = nullptr;
}

std::string Block::waiting() const {
  std::map<std::string, int> counts;
  for (const Thread& thread : threads) {
    const bool done = thread.warp->done >> thread.lane & 1;
    if (done || thread.waits)
      ++counts[done ? "exited" : std::string("in ") + thread.waits + " at " + place(thread.site)];
  }
  std::ostringstream text;
  const char* separator = "";
  for (const auto& [what, n] : counts) {
    text << separator << n << (n == 1 ? " thread " : " threads ") << what;
    separator = ", ";
  }
  return text.str();
}

Grid& Grid::of_this_thread() {
  thread_local Grid grid;
  return grid;
}

uint3 Grid::block_index(std::size_t i) const {
  const dim3 shape = launch->grid;
  const std::size_t count = std::size_t{shape.x} * shape.y * shape.z;
  const std::size_t j = (order_start_ + i * order_step_) % count;
  return {static_cast<unsigned>(j % shape.x), static_cast<unsigned>(j / shape.x % shape.y),
          static_cast<unsigned>(j / shape.x / shape.y)};
}

void run(const Launch& launch, const std::function<void()>& thread) {
  Grid::of_this_thread().run(launch, thread);
}

void Grid::run(const Launch& config, const std::function<void()>& body) {
  const std::size_t count = std::size_t{config.grid.x} * config.grid.y * config.grid.z;
  launch = &config;
  body_ = &body;
  error = nullptr;
  cancelling = false;
  barriers = 0;
  blockDim = config.block;
  gridDim = config.grid;
  const Schedule schedule = next_schedule();
  greedy = schedule.kind == Schedule::random_warp_greedy;
  random.state = schedule.seed;
  order_start_ = greedy ? random.below(count) : 0;
  order_step_ = 1;
  if (greedy && count > 2)  // coprime to the number of blocks, so that each comes once
    do order_step_ = 1 + random.below(count - 1);
    while (std::gcd(order_step_, count) != 1);

  const std::size_t resident = config.cooperative ? count : 1;
  while (blocks_.size() < resident) blocks_.push_back(std::make_unique<Block>(*this));
  for (std::size_t first = 0; first < count; first += resident) run_resident(first, resident);
  acquire(&end_tag);
}

void Grid::run_resident(std::size_t first, std::size_t count) {
  // Under the thread sanitizer successive blocks have different fibers, which know nothing of each
  // other: then a race between blocks is one between threads.
  fibers = &pools_[thread_sanitizer() ? waves_++ % 2 : 0];
  if (thread_sanitizer()) fibers->shuffle(random);
  for (std::size_t i = 0; i < count; ++i) blocks_[i]->start(block_index(first + i));
  release(&start_tag);
  try {
    for (;;) {
      std::size_t done = 0;
      for (std::size_t i = 0; i < count; ++i) done += blocks_[i]->run() == Block::State::done;
      if (done == count) return;
      for (std::size_t i = 0; i < count; ++i)
        if (done > 0 && blocks_[i]->threads[0].fiber)
          fault_in(*blocks_[i], nullptr, "grid barrier divergence",
                   place(blocks_[i]->threads[0].site),
                   "waits for the grid, but " + std::to_string(done) + " blocks have exited");
      ++barriers;
      for (std::size_t i = 0; i < count; ++i) blocks_[i]->leave_grid_barrier();
    }
  } catch (...) {
    cancelling = true;
    for (std::size_t i = 0; i < count; ++i) blocks_[i]->cancel();
    acquire(&end_tag);
    throw;
  }
}

void Grid::finish(Thread& thread) {
  Warp& warp = *thread.warp;
  if (!thread.copies.empty())
    fault("missing wait", thread.copies.front().site,
          "the thread exits before it has waited for this asynchronous copy");
  if (warp.wanted >> thread.lane & 1) {
    unsigned waiter = 0;
    while (!((warp.at_warp >> waiter & 1) && (warp.threads[waiter].mask >> thread.lane & 1)))
      ++waiter;
    fault("exited lane in a mask", warp.threads[waiter].site,
          "this thread exits while other lanes of its warp wait for it there");
  }
}

void Grid::run_threads() {
  Grid& grid = of_this_thread();
  for (;;) {
    Thread& me = *current;
    Warp& warp = *me.warp;
    acquire(&grid.start_tag);
    try {
      (*grid.body_)();
      grid.finish(me);
    } catch (const Cancelled&) {
    } catch (...) {
      grid.error = std::current_exception();
    }
    release(&grid.end_tag);
    warp.done |= 1u << me.lane;
    Fiber* fiber = me.fiber;
    me.fiber = nullptr;
    // A thread that has not started can have this stack; under the thread sanitizer it has its own.
    if (!warp.fresh || grid.error || grid.cancelling || thread_sanitizer())
      return grid.fibers->give_back(fiber);
    const unsigned lane = grid.greedy ? grid.random.bit_of(warp.fresh)
                                      : static_cast<unsigned>(std::countr_zero(warp.fresh));
    warp.ready &= ~(1u << lane);
    warp.fresh &= ~(1u << lane);
    warp.threads[lane].fiber = fiber;
    make_current(warp.threads[lane]);
  }
}

}  // namespace etude::simt
