#pragma once
// What `etude bench FAMILY` was asked to time.

#include <filesystem>
#include <string>
#include <vector>

#include "kernels/core/bench.h"
#include "models/experiment.h"
#include "tools/etude/arguments.h"

namespace etude {

/// A family with the cases and runners that were asked for.
struct SelectedFamily {
  std::string name;
  std::vector<BenchCase> cases;
};

struct BenchSelection {
  std::vector<SelectedFamily> families;
  Device device = Device::cpu;
  bool simulated = false;  // on the SIMT runtime: no time means anything
  bool cold = false;
  bool torch = false;
  bool folder = false;         // json is a folder: a file per family
  std::filesystem::path json;  // empty: none
};

/// A library that serves as a peer: its runners' names begin with "cublas", "cudnn" or "onednn".
bool is_peer(const BenchRunner& runner);

/// Error, with the names there are, for a family, rung, case or peer that is not here.
BenchSelection select_benches(const std::string& family, const Options& options,
                              const Arguments& arguments);

}  // namespace etude
