#pragma once
// Controls of the host SIMT runtime for tests. They hold for the calling OS thread. CUDA builds
// have the same functions, which then do nothing, so that tests need no #ifdef.

#include <cstdint>
#include <string>
#include <vector>

namespace etude::simt {

/// Whether kernels run on the host runtime in this build.
bool active();

/// In which order the threads of a launch run. A race that one order hides shows in another.
struct Schedule {
  enum Kind : std::uint8_t {
    round_robin,         // every thread in turn, to its next barrier
    random_warp_greedy,  // a random warp as far as it goes, then another; blocks in random order
  } kind = round_robin;
  std::uint64_t seed = 0;
};

/// For the launches that follow. At start: round_robin; with ETUDE_SCHEDULE=SEED in the environment
/// random_warp_greedy, and SEED goes into the seeds given here too.
void set_schedule(Schedule schedule);

/// Deferred streams: launches and copies run at synchronize() and not before, and what a copy to
/// the CPU will overwrite holds 0xFF until then. Switching it off runs what is queued.
void set_deferred(bool deferred);

/// A barrier in a kernel's source: __syncthreads, __syncwarp, grid_sync or wait_async_group.
struct BarrierSite {
  std::string file;
  unsigned line;
  std::string operation;
  std::string function;  // the kernel, or the device function that the call stands in
};

/// The barriers met since set_record_barriers(true), each once; also from start to exit, appended
/// to the file that the environment's ETUDE_LIST_BARRIERS names:
/// "file:line<tab>operation<tab>function".
void set_record_barriers(bool record);
std::vector<BarrierSite> barrier_sites();

/// Disables the barrier at `site`, "file:line", where file may be the end of the path; "" none. At
/// start: the environment's ETUDE_SKIP_BARRIER.
void skip_barrier(const std::string& site);

}  // namespace etude::simt
