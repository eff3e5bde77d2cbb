#include "engine/run/machine.h"

#include <ctime>
#include <fstream>
#include <sstream>

#include "kernels/runtime/runtime.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace etude {

int num_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::localtime(&now));
  return text;
}

std::string machine_description() {
  std::string model = "unknown processor";
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
#ifdef ETUDE_HAVE_ONEDNN
  const char* products = "oneDNN";
#else
  const char* products = "no oneDNN";
#endif
#ifdef _OPENMP
  const char* threading = "OpenMP";
#else
  const char* threading = "no OpenMP";
#endif
  std::ostringstream text;
  text << model << ", " << num_threads() << (num_threads() == 1 ? " thread" : " threads")
       << ", g++ " << __VERSION__ << ", " << threading << ", " << products;
  return text.str();
}

}  // namespace etude
