#include "tools/etude/kernel_bench_select.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/error.h"
#include "tools/etude/bench_families.h"
#include "tools/etude/peer_onednn.h"

namespace etude {
namespace {

using Names = std::set<std::string>;

std::string list_of(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// "cublas", "cudnn", "onednn", or empty.
std::string library_of(const std::string& runner) {
  for (const char* library : {"cublas", "cudnn", "onednn"}) {
    if (runner.starts_with(library)) return library;
  }
  return {};
}

Names values_of(const Arguments& arguments, const std::string& option) {
  if (!arguments.has(option)) return {};
  const std::vector<std::string>& values = arguments.options.at(option);
  return {values.begin(), values.end()};
}

/// The cases of one family or of all, with the runners of the device.
std::vector<SelectedFamily> cases_of(const std::string& family, Device device) {
  std::vector<SelectedFamily> families;
  Names names;
  for (const BenchFamily& f : bench_families()) {
    names.insert(f.name);
    if (family != "all" && family != f.name) continue;
    families.push_back({f.name, f.cases()});
    for (BenchCase& c : families.back().cases) {
      std::erase_if(c.runners, [&](const BenchRunner& r) { return r.device != device; });
    }
  }
  require(!families.empty(), "etude bench ", family, ": unknown family; they are all, ",
          list_of(names), ", or: etude bench step MODEL");
  return families;
}

void keep_cases(std::vector<SelectedFamily>& families, const Names& texts) {
  std::string example;
  bool any = false;
  for (SelectedFamily& f : families) {
    if (example.empty() && !f.cases.empty()) example = f.cases.front().name();
    std::erase_if(f.cases, [&](const BenchCase& c) {
      return !texts.empty() && std::none_of(texts.begin(), texts.end(), [&](const auto& text) {
        return c.name().find(text) != std::string::npos;
      });
    });
    any = any || !f.cases.empty();
  }
  require(any, "--case ", list_of(texts), ": no case's name contains it; a name is like ", example);
}

/// Whether any of the runners left could stand for `library`, in this build at all.
bool has_library(const std::string& library) {
  for (const BenchFamily& f : bench_families()) {
    for (const BenchCase& c : f.cases()) {
      for (const BenchRunner& r : c.runners) {
        if (library_of(r.name) == library) return true;
      }
    }
  }
  return false;
}

void check_peers(const Names& peers, Device device, bool simulated) {
  static const Names known{"cublas", "cudnn", "onednn", "torch"};
  for (const std::string& peer : peers) {
    require(known.contains(peer), "--against ", peer, ": unknown; the peers are ", list_of(known));
    require(!simulated, "--against ", peer, ": a time on simt means nothing; use --device cpu");
    if (peer == "onednn") {
      require(device == Device::cpu, "--against onednn: it runs on the CPU; use --device cpu");
      require(onednn_available(),
              "--against onednn: this build has no oneDNN; install libdnnl-dev (tools/setup) and "
              "build again");
    } else if (peer != "torch") {
      require(has_library(peer), "--against ", peer, ": this build has no ", peer,
              "; install NVIDIA's library and build with cmake --preset cuda");
      require(device == Device::gpu, "--against ", peer, ": it runs on a card; use --device cuda");
    }
  }
}

void keep_runners(std::vector<SelectedFamily>& families, const Names& rungs, const Names& peers) {
  Names there;
  bool any = false;
  for (SelectedFamily& f : families) {
    for (BenchCase& c : f.cases) {
      if (peers.contains("onednn")) {
        if (auto runner = onednn_runner(c)) c.runners.push_back(std::move(*runner));
      }
      for (const BenchRunner& r : c.runners) there.insert(r.name);
      std::erase_if(c.runners, [&](const BenchRunner& r) {
        const bool own = library_of(r.name).empty();
        const bool all = rungs.empty() || rungs.contains("all");
        return !rungs.contains(r.name) && !(own ? all : peers.contains(library_of(r.name)));
      });
    }
    // A peer alone is no comparison, unless it was asked for by name.
    std::erase_if(f.cases, [&](const BenchCase& c) {
      return std::none_of(c.runners.begin(), c.runners.end(), [&](const BenchRunner& r) {
        return !is_peer(r) || rungs.contains(r.name);
      });
    });
    any = any || !f.cases.empty();
  }
  require(any, "--rung ", list_of(rungs), ": no such rung here; they are all, ", list_of(there));
  std::erase_if(families, [](const SelectedFamily& f) { return f.cases.empty(); });
}

/// The parts that each sum has in f32, by family and `part_of`.
std::map<std::string, int> parts_of(const std::vector<SelectedFamily>& families) {
  std::map<std::string, int> parts;
  for (const SelectedFamily& f : families) {
    for (const BenchCase& c : f.cases) parts[f.name + c.part_of] += c.precision() == "f32";
  }
  return parts;
}

/// No sum where a part is not among what was selected, or does not exist in its precision.
void keep_complete_sums(std::vector<SelectedFamily>& families,
                        const std::map<std::string, int>& parts) {
  for (SelectedFamily& f : families) {
    std::map<std::string, int> found;
    for (const BenchCase& c : f.cases) ++found[c.part_of + c.precision()];
    for (BenchCase& c : f.cases) {
      if (found[c.part_of + c.precision()] < parts.at(f.name + c.part_of)) c.part_of.clear();
    }
  }
}

}  // namespace

bool is_peer(const BenchRunner& runner) { return !library_of(runner.name).empty(); }

BenchSelection select_benches(const std::string& family, const Options& options,
                              const Arguments& arguments) {
  BenchSelection selection;
  selection.device = options.device;
  selection.simulated = options.device == Device::gpu && std::string(gpu_backend()) == "simt";
  selection.cold = arguments.has("--cold");
  require(!selection.cold || options.device == Device::cpu,
          "--cold: on a card caches are always cold; it is for --device cpu");
  selection.families = cases_of(family, options.device);
  const auto parts = parts_of(selection.families);
  const Names peers = values_of(arguments, "--against");
  check_peers(peers, options.device, selection.simulated);
  selection.torch = peers.contains("torch");
  keep_cases(selection.families, values_of(arguments, "--case"));
  keep_runners(selection.families, values_of(arguments, "--rung"), peers);
  keep_complete_sums(selection.families, parts);
  const std::string json = arguments.value("--json");
  selection.json = json;
  selection.folder = family == "all" || json.ends_with('/') || is_directory(selection.json);
  return selection;
}

}  // namespace etude
