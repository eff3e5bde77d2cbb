#include "tools/etude/kernel_bench.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iostream>
#include <sstream>

#include "engine/build_id.h"
#include "engine/error.h"
#include "engine/run/console.h"
#include "engine/run/machine.h"
#include "tools/etude/kernel_bench_results.h"
#include "tools/etude/kernel_bench_select.h"
#include "tools/etude/peaks.h"
#include "tools/etude/peer_torch.h"

namespace etude {
namespace {

std::string device_text(Device device) { return device == Device::cpu ? "cpu" : gpu_description(); }

/// "cpu", "simt", or the card's name as a part of a file's name: "nvidia_h200".
std::string device_slug(const BenchSelection& selection) {
  if (selection.device == Device::cpu || selection.simulated) {
    return selection.simulated ? "simt" : "cpu";
  }
  const std::string text = gpu_description();
  std::string slug;
  for (char c : text.substr(0, text.find(','))) {
    slug += std::isalnum(static_cast<unsigned char>(c))
                ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
                : '_';
  }
  return slug;
}

/// The command without `--json FILE`: what it measures, not where it writes.
std::string command_of(const Options& options) {
  std::istringstream words(options.command_line);
  std::string text;
  for (std::string word; words >> word;) {
    if (word == "--json") {
      words >> word;
    } else if (!word.starts_with("--json=")) {
      text += (text.empty() ? "" : " ") + word;
    }
  }
  return text;
}

/// Error unless a peer computes what we compute.
void expect_same(const BenchCase& c, const std::string& peer, const std::vector<double>& ours,
                 const std::vector<double>& theirs) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double apart = std::abs(ours[i] - theirs[i]);
    difference = std::max(difference, std::isnan(apart) ? INFINITY : apart);
    size = std::max(size, std::abs(ours[i]));
  }
  require(difference <= 1e-3 * size, "etude bench: ", c.name(), ": ", peer, " differs by ",
          difference, " where values reach ", size);
}

BenchRow time_case(const BenchCase& c, BenchClock& clock, const Peaks& peaks) {
  BenchRow row(c, peaks);
  BenchMemory memory(c, clock.stream());
  const auto result_of = [&](std::size_t i) { return memory.values(i, clock.stream()); };
  std::vector<double> first;  // our result, for the CPU's peers
  for (const BenchRunner& runner : c.runners) {
    BenchResult result{
        .runner = runner.name, .device = device_text(runner.device), .peer = is_peer(runner)};
    try {
      result.timing = clock.time([&] { runner.run(clock.stream(), memory.views()); });
    } catch (const Error& error) {
      result.refused = error.what();
    }
    row.results.push_back(std::move(result));
    if (runner.device != Device::cpu || c.runners.size() < 2) continue;
    const std::size_t last = c.operands.size() - 1;
    if (first.empty()) {
      first = result_of(last);
    } else if (row.results.back().refused.empty()) {
      expect_same(c, runner.name, first, result_of(last));
    }
  }
  return row;
}

Json description(const BenchSelection& selection, const std::string& family, const Peaks& peaks,
                 const std::string& command) {
  Json json{{"bench", "kernels"},
            {"family", family},
            {"device", device_text(selection.device)},
            {"machine", machine_description()},
            {"date", today()},
            {"commit", build_id()},
            {"command", command},
            {"threads", num_threads()},
            {"caches", selection.device == Device::gpu || selection.cold ? "cold" : "warm"}};
  if (selection.simulated) {
    json["measurement"] = false;  // a test of the bench itself
  } else {
    json["roofline"] = {
        {"gbs", peaks.bytes * 1e-9},
        {"gflops",
         {{"f32", peaks.f32 * 1e-9}, {"tf32", peaks.tf32 * 1e-9}, {"bf16", peaks.bf16 * 1e-9}}}};
  }
  return json;
}

/// Times one family, with PyTorch's times of its cases (or none) beside.
Json run_family(const BenchSelection& selection, const SelectedFamily& family,
                std::span<const BenchResult> torch, const Peaks& peaks, BenchClock& clock,
                const std::string& command) {
  std::size_t width = 0;
  for (const BenchCase& c : family.cases) {
    width = std::max({width, c.name().size(),
                      c.part_of.empty() ? 0 : c.part_of.size() + sizeof "forward + backward f32"});
  }
  std::cout << family.name << "\n";
  print_heading(std::cout, width);
  std::vector<BenchRow> rows;
  for (std::size_t i = 0; i < family.cases.size(); ++i) {
    rows.push_back(time_case(family.cases[i], clock, peaks));
    if (!torch.empty()) rows.back().results.push_back(torch[i]);
    print_row(std::cout, rows.back(), width);
  }
  for (BenchRow& sum : sums_of(rows)) {
    print_row(std::cout, sum, width);
    rows.push_back(std::move(sum));
  }
  std::cout << std::endl;
  Json json = description(selection, family.name, peaks, command);
  json["cases"] = Json::array();
  for (const BenchRow& row : rows) json["cases"].push_back(row_json(row));
  return json;
}

void print_device(const BenchSelection& selection, const Peaks& peaks) {
  if (selection.device == Device::gpu) std::cout << gpu_description() << "; ";
  std::cout << machine_description() << "\n";
  if (selection.simulated) {
    std::cout << "no measurement: simt only shows that every kernel runs\n\n";
    return;
  }
  std::cout << "roofline: " << peaks.bytes * 1e-9 << " GB/s, " << peaks.f32 * 1e-9
            << " GFLOP/s in f32";
  if (selection.device == Device::gpu) {
    std::cout << ", " << peaks.tf32 * 1e-9 << " in tf32, " << peaks.bf16 * 1e-9 << " in bf16";
  }
  const bool cold = selection.device == Device::gpu || selection.cold;
  std::cout << "; caches " << (cold ? "cold" : "warm, so that a small case can beat the memory")
            << "\n\n";
}

}  // namespace

void bench_kernels(const std::string& family, const Options& options, const Arguments& arguments) {
  const BenchSelection selection = select_benches(family, options, arguments);
  if (!selection.json.empty() && selection.folder) make_folder(selection.json);
  BenchClock clock(selection.device, selection.cold);
  std::vector<BenchResult> torch;
  if (selection.torch) {
    std::vector<const BenchCase*> cases;
    for (const SelectedFamily& f : selection.families) {
      for (const BenchCase& c : f.cases) cases.push_back(&c);
    }
    note("PyTorch: " + std::to_string(cases.size()) + " cases");
    torch = torch_results(cases, selection.device, clock.flush_bytes());
  }
  Peaks peaks = measure_peaks(selection.device);
  if (selection.simulated) peaks = {};
  print_device(selection, peaks);
  std::size_t done = 0;
  for (const SelectedFamily& f : selection.families) {
    const auto own =
        std::span(torch).subspan(torch.empty() ? 0 : done, torch.empty() ? 0 : f.cases.size());
    done += f.cases.size();
    const Json json = run_family(selection, f, own, peaks, clock, command_of(options));
    if (selection.json.empty()) continue;
    write_json(selection.folder
                   ? selection.json / ("kernel_" + f.name + "_" + device_slug(selection) + ".json")
                   : selection.json,
               json);
  }
}

}  // namespace etude
