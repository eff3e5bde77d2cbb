#include "tools/etude/peer_torch.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "engine/error.h"
#include "engine/run/machine.h"

namespace etude {
namespace {

namespace fs = std::filesystem;

/// A file for the time of one object's life.
struct TemporaryFile {
  fs::path path;
  explicit TemporaryFile(const std::string& name)
      : path(fs::temp_directory_path() / (name + "." + std::to_string(getpid()))) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  std::string text() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// The last line that is not empty: of a Python traceback, the error.
std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \n");
  if (end == std::string::npos) return "it said nothing";
  const std::size_t begin = text.find_last_of('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1, end - begin);
}

Json request_of(const std::vector<const BenchCase*>& cases, Device device,
                std::size_t flush_bytes) {
  Json list = Json::array();
  for (const BenchCase* c : cases) {
    Json operands = Json::array(), numbers = Json::object();
    for (const BenchOperand& x : c->operands) {
      const Dims strides = x.strides.rank ? x.strides : contiguous_strides(x.shape);
      operands.push_back({{"shape", std::vector<std::int64_t>(x.shape.begin(), x.shape.end())},
                          {"strides", std::vector<std::int64_t>(strides.begin(), strides.end())},
                          {"dtype", name_of(x.dtype)},
                          {"lo", x.lo},
                          {"hi", x.hi}});
    }
    for (const auto& [name, value] : c->numbers) numbers[name] = value;
    list.push_back({{"operation", c->operation},
                    {"tf32", c->tf32},
                    {"numbers", numbers},
                    {"operands", operands}});
  }
  return {{"device", device == Device::cpu ? "cpu" : "cuda"},
          {"threads", num_threads()},
          {"flush_bytes", flush_bytes},
          {"cases", list}};
}

/// One run of the script; `preload`: a library for LD_PRELOAD, or empty.
Json run_script(const Json& request, const std::string& preload) {
  const char* named = std::getenv("ETUDE_PYTHON");
  const std::string python = named && *named ? named : "python3";
  const TemporaryFile input("etude_torch_request"), output("etude_torch_answer"),
      errors("etude_torch_errors");
  write_json(input.path, request);
  const std::string command = (preload.empty() ? "" : "LD_PRELOAD=" + quoted(preload) + " ") +
                              quoted(python) + " " + quoted(ETUDE_PYTORCH_KERNELS) + " <" +
                              quoted(input.path) + " >" + quoted(output.path) + " 2>" +
                              quoted(errors.path);
  const int status = std::system(command.c_str());
  require(status == 0, "--against torch: ", python, " cannot run it: ", last_line(errors.text()),
          "; install python3-torch, or name an interpreter that can import torch by ETUDE_PYTHON");
  return read_json(output.path);
}

/// The library's path where the system has it, else empty.
std::string find_jemalloc() {
  std::error_code ignored;
  for (const auto& folder : fs::directory_iterator("/usr/lib", ignored)) {
    const fs::path library = folder.path() / "libjemalloc.so.2";
    if (fs::exists(library, ignored)) return library;
  }
  return {};
}

BenchResult result_of(const Json& entry, const std::string& detail, Device device) {
  BenchResult r{.runner = "torch",
                .device = device == Device::cpu ? "cpu" : gpu_description(),
                .peer = true,
                .detail = detail};
  if (entry.contains("missing")) {
    r.refused = entry["missing"];
  } else {
    r.timing = {entry["ms_median"], entry["ms_q1"], entry["ms_q3"], entry["runs"]};
    if (entry.contains("backend")) r.detail += ", " + entry["backend"].get<std::string>();
  }
  return r;
}

}  // namespace

std::vector<BenchResult> torch_results(const std::vector<const BenchCase*>& cases, Device device,
                                       std::size_t flush_bytes) {
  const Json request = request_of(cases, device, flush_bytes);
  std::vector<BenchResult> results;
  const auto collect = [&](const std::string& preload, const std::string& suffix) {
    const Json answer = run_script(request, preload);
    const std::string detail = "PyTorch " + answer["version"].get<std::string>() + suffix;
    std::vector<BenchResult> own;
    for (const Json& entry : answer["results"]) own.push_back(result_of(entry, detail, device));
    if (results.empty()) results = own;
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (own[i].refused.empty() && own[i].timing.median < results[i].timing.median) {
        results[i] = own[i];
      }
    }
  };
  collect("", "");
  if (const std::string jemalloc = find_jemalloc(); device == Device::cpu && !jemalloc.empty()) {
    collect(jemalloc, ", jemalloc");
  }
  return results;
}

}  // namespace etude
