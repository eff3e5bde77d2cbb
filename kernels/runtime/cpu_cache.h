#pragma once
// How large the processor's last cache is.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>

namespace etude {

/// Bytes of all third-level caches that this system's processors use together; 32 MiB where it does
/// not say. A virtual machine is told of the host's whole socket, so the count of its own
/// processors, each with the cache it sees, is a second bound.
inline std::size_t cpu_cache_bytes() {
  const long socket = sysconf(_SC_LEVEL3_CACHE_SIZE), processors = sysconf(_SC_NPROCESSORS_ONLN);
  if (socket <= 0) return std::size_t{32} << 20;
  long kib = 0;  // the file holds "32768K"
  std::ifstream("/sys/devices/system/cpu/cpu0/cache/index3/size") >> kib;
  const long seen = kib > 0 && processors > 0 ? 1024 * kib * processors : socket;
  return static_cast<std::size_t>(std::min(socket, seen));
}

}  // namespace etude
