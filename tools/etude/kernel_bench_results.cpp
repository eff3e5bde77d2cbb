#include "tools/etude/kernel_bench_results.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace etude {
namespace {

std::string fixed(double value, int decimals) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(decimals) << value;
  return text.str();
}

/// Three digits that matter, without an exponent.
std::string digits(double value) {
  return fixed(value, value < 1 ? 4 : value < 10 ? 3 : value < 100 ? 2 : 1);
}

constexpr int kRunnerWidth = 20, kWidth = 12;

const BenchResult* find(const BenchRow& row, const std::string& runner) {
  for (const BenchResult& r : row.results) {
    if (r.runner == runner && r.refused.empty()) return &r;
  }
  return nullptr;
}

/// A ladder's row with one more result, the fastest rung's: rungs differ between the parts of a
/// sum.
BenchRow with_best_rung(BenchRow row) {
  const BenchResult* best = nullptr;
  for (const BenchResult& r : row.results) {
    const bool rung = !r.peer && r.refused.empty() && r.runner != "cpu" && r.runner != "gpu";
    if (rung && (!best || r.timing.median < best->timing.median)) best = &r;
  }
  if (!best) return row;
  BenchResult result = *best;
  result.runner = "best rung";
  row.results.insert(row.results.begin(), std::move(result));
  return row;
}

void add_to(BenchRow& sum, const BenchRow& part) {
  sum.flops += part.flops;
  sum.bytes += part.bytes;
  sum.bound_ms += part.bound_ms;
  std::vector<BenchResult> kept;
  for (BenchResult& r : sum.results) {
    const BenchResult* more = find(part, r.runner);
    if (!more) continue;
    r.timing.median += more->timing.median;
    r.timing.q1 += more->timing.q1;
    r.timing.q3 += more->timing.q3;
    r.timing.runs = std::min(r.timing.runs, more->timing.runs);
    if (r.detail.find(more->detail) == std::string::npos) r.detail += " | " + more->detail;
    kept.push_back(r);
  }
  sum.results = std::move(kept);
}

}  // namespace

BenchRow::BenchRow(const BenchCase& c, const Peaks& peaks)
    : name(c.name()),
      operation(c.operation),
      shape(c.shape),
      precision(c.precision()),
      flops(c.flops),
      bytes(c.bytes),
      part_of(c.part_of) {
  const double peak = peaks.flops(precision);
  const double compute = flops > 0 && peak > 0 ? flops / peak : 0;
  const double traffic = peaks.bytes > 0 ? bytes / peaks.bytes : 0;
  bound_ms = 1e3 * std::max(compute, traffic);
}

double BenchRow::speed_of_peer(const BenchResult& r) const {
  double best = 0;
  for (const BenchResult& other : results) {
    if (!other.peer || !other.refused.empty()) continue;
    if (best == 0 || other.timing.median < best) best = other.timing.median;
  }
  return r.peer ? 0 : best / r.timing.median;
}

std::vector<BenchRow> sums_of(const std::vector<BenchRow>& rows) {
  std::vector<BenchRow> sums;
  std::vector<int> parts;
  for (const BenchRow& part : rows) {
    if (part.part_of.empty()) continue;
    const BenchRow row = with_best_rung(part);
    const auto same = [&](const BenchRow& sum) {
      return sum.shape == row.part_of && sum.precision == row.precision;
    };
    const auto found = std::find_if(sums.begin(), sums.end(), same);
    if (found != sums.end()) {
      add_to(*found, row);
      ++parts[static_cast<std::size_t>(found - sums.begin())];
      continue;
    }
    BenchRow sum = row;
    sum.operation = "forward + backward";
    sum.shape = row.part_of;
    sum.name = sum.operation + " " + sum.shape + " " + sum.precision;
    sum.part_of.clear();
    std::erase_if(sum.results, [](const BenchResult& r) { return !r.refused.empty(); });
    sums.push_back(std::move(sum));
    parts.push_back(1);
  }
  std::vector<BenchRow> complete;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (parts[i] > 1 && !sums[i].results.empty()) complete.push_back(std::move(sums[i]));
  }
  return complete;
}

void print_heading(std::ostream& out, std::size_t name_width) {
  out << std::left << std::setw(static_cast<int>(name_width) + 2) << "case"
      << std::setw(kRunnerWidth) << "runner" << std::right << std::setw(kWidth) << "ms"
      << std::setw(2 * kWidth - 4) << "[q1, q3]" << std::setw(kWidth) << "GFLOP/s"
      << std::setw(kWidth) << "GB/s" << std::setw(kWidth) << "of roofline" << std::setw(kWidth)
      << "x of peer"
      << "\n";
}

void print_row(std::ostream& out, const BenchRow& row, std::size_t name_width) {
  for (const BenchResult& r : row.results) {
    out << std::left << std::setw(static_cast<int>(name_width) + 2) << row.name
        << std::setw(kRunnerWidth) << r.runner << std::right;
    if (!r.refused.empty()) {
      out << "  no time: " << r.refused << "\n";
      continue;
    }
    const double seconds = r.timing.median * 1e-3;
    const double peer = row.speed_of_peer(r), share = row.share_of_roofline(r);
    out << std::setw(kWidth) << digits(r.timing.median) << std::setw(2 * kWidth - 4)
        << "[" + digits(r.timing.q1) + ", " + digits(r.timing.q3) + "]" << std::setw(kWidth)
        << (row.flops > 0 ? digits(row.flops / seconds * 1e-9) : "") << std::setw(kWidth)
        << digits(row.bytes / seconds * 1e-9) << std::setw(kWidth)
        << (share > 0 ? fixed(100 * share, share < 0.1 ? 1 : 0) + " %" : "") << std::setw(kWidth)
        << (peer > 0 ? fixed(peer, 2) : "") << (r.detail.empty() ? "" : "  " + r.detail) << "\n";
  }
  out << std::flush;
}

Json row_json(const BenchRow& row) {
  Json results = Json::array();
  for (const BenchResult& r : row.results) {
    Json entry{{"runner", r.runner}, {"device", r.device}};
    if (!r.detail.empty()) entry["detail"] = r.detail;
    if (!r.refused.empty()) {
      entry["refused"] = r.refused;
      results.push_back(entry);
      continue;
    }
    const double seconds = r.timing.median * 1e-3;
    entry["peer"] = r.peer;
    entry["ms_median"] = r.timing.median;
    entry["ms_q1"] = r.timing.q1;
    entry["ms_q3"] = r.timing.q3;
    entry["runs"] = r.timing.runs;
    entry["gbs"] = row.bytes / seconds * 1e-9;
    entry["gflops"] = row.flops / seconds * 1e-9;
    if (row.bound_ms > 0) entry["of_roofline"] = row.share_of_roofline(r);
    if (const double peer = row.speed_of_peer(r); peer > 0) entry["x_of_peer"] = peer;
    results.push_back(entry);
  }
  return {{"name", row.name},
          {"operation", row.operation},
          {"shape", row.shape},
          {"dtype", row.precision},
          {"flops", row.flops},
          {"bytes", row.bytes},
          {"results", std::move(results)}};
}

}  // namespace etude
