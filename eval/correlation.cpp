#include "eval/correlation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> result(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double shared = static_cast<double>(begin + end - 1) / 2;
    for (std::size_t i = begin; i < end; ++i) result[order[i]] = shared;
  }
  return result;
}

}  // namespace

double spearman(std::span<const double> x, std::span<const double> y) {
  require(x.size() == y.size(), "spearman: ", x.size(), " and ", y.size(), " values");
  require(x.size() >= 2, "spearman: ", x.size(), " pairs");
  const auto finite = [](double value) { return std::isfinite(value); };
  require(std::ranges::all_of(x, finite) && std::ranges::all_of(y, finite),
          "spearman: a value is not finite");
  const std::vector<double> a = ranks(x), b = ranks(y);
  const double middle = static_cast<double>(x.size() - 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - middle) * (b[i] - middle);
    aa += (a[i] - middle) * (a[i] - middle);
    bb += (b[i] - middle) * (b[i] - middle);
  }
  return ab / std::sqrt(aa * bb);
}

double spearman_critical(std::size_t n) {
  require(n >= 2, "spearman: ", n, " pairs");
  return 1.96 / std::sqrt(static_cast<double>(n - 1));
}

}  // namespace etude
