#include "tools/etude/bench.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iostream>

#include "engine/allocator.h"
#include "engine/build_id.h"
#include "engine/error.h"
#include "engine/run/console.h"
#include "engine/run/machine.h"
#include "engine/run/run_folder.h"
#include "tools/etude/peaks.h"

namespace etude {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t whole_number(const Arguments& arguments, const std::string& option,
                          std::int64_t otherwise) {
  if (!arguments.has(option)) return otherwise;
  const std::string text = arguments.value(option);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size() && value > 0, option,
          " must be a whole number above 0, not ", text);
  return value;
}

}  // namespace

void bench_step(const Experiment& experiment, const Options& options, const Arguments& arguments) {
  const StepBench bench = experiment.step_bench(options, arguments.value("--networks"));
  const std::int64_t steps = whole_number(arguments, "--steps", 40);
  const std::int64_t warm_up = std::min<std::int64_t>(10, steps);
  Stream& stream = Stream::of(options.device);
  for (std::int64_t i = 0; i < warm_up; ++i) bench.step();
  stream.synchronize();
  const auto system_allocations = Allocator::of(options.device).stats().system_allocations;
  std::vector<double> ms;
  for (std::int64_t i = 0; i < steps; ++i) {
    const auto begin = Clock::now();
    bench.step();
    stream.synchronize();
    ms.push_back(1e3 * seconds_since(begin));
  }
  std::sort(ms.begin(), ms.end());
  const auto quantile = [&](double q) { return ms[static_cast<std::size_t>(q * (ms.size() - 1))]; };
  const AllocatorStats memory = Allocator::of(options.device).stats();
  const double rate = bench.flops / (quantile(0.5) * 1e-3);
  const bool cpu = options.device == Device::cpu;
  const double peak = cpu ? cpu_fma_peak() : 0;
  Json result{
      {"bench", "step"},
      {"model", experiment.name()},
      {"networks", arguments.value("--networks", "reference")},
      {"description", bench.description},
      {"batch", bench.items},
      {"device", cpu ? "cpu" : gpu_description()},
      {"machine", machine_description()},
      {"commit", build_id()},
      {"threads", num_threads()},
      {"steps", steps},
      {"ms_median", quantile(0.5)},
      {"ms_q1", quantile(0.25)},
      {"ms_q3", quantile(0.75)},
      {"steps_per_second", 1e3 / quantile(0.5)},
      {"items_per_second", 1e3 * static_cast<double>(bench.items) / quantile(0.5)},
      {"gflop_per_step", bench.flops * 1e-9},
      {"gflops", rate * 1e-9},
      {"peak_bytes", memory.peak_bytes},
      {"allocations_per_step", static_cast<double>(memory.system_allocations - system_allocations) /
                                   static_cast<double>(steps)}};
  if (cpu) {
    result["peak_gflops"] = peak * 1e-9;
    result["share_of_peak"] = rate / peak;
  }
  std::cout << result.dump(2) << std::endl;
  if (arguments.has("--json")) write_json(arguments.value("--json"), result);
}

}  // namespace etude
