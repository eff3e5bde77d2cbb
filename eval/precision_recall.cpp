#include "eval/precision_recall.h"

#include <algorithm>
#include <cmath>
#include <experimental/simd>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

using Vector = std::experimental::native_simd<float>;

// A tile of 4 rows x 2 vectors of sums stays in the 16 vector registers that every x86-64 has.
constexpr int tile_rows = 4;
constexpr int vectors = 2;
constexpr int tile_columns = vectors * static_cast<int>(Vector::size());

/// Feature rows [N, dim], shifted, with their squared norms; `panels` holds them a second time in
/// panels of tile_columns rows, [dim][tile_columns] each, so that the inner loop reads straight on.
struct Points {
  int count = 0;
  int dim = 0;
  std::vector<float> rows;     // padded with zero rows to a multiple of tile_rows
  std::vector<float> panels;   // padded with zero rows to a multiple of tile_columns
  std::vector<float> squared;  // |p|^2, padded like the panels
};

int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

/// dot[r][c] = <row r, panel column c>. Each sum runs over d in the same order wherever the tile
/// lies, so the result depends on the two points only: equal points give equal distances, bit for
/// bit, and the distance of a point to its copy is exactly 0.
void dot_tile(const float* rows, const float* panel, int dim,
              float (&dot)[tile_rows][tile_columns]) {
  constexpr auto aligned = std::experimental::element_aligned;
  Vector sum[tile_rows][vectors] = {};
  for (int d = 0; d < dim; ++d, panel += tile_columns) {
    const Vector b[vectors] = {Vector(panel, aligned), Vector(panel + Vector::size(), aligned)};
    for (int r = 0; r < tile_rows; ++r) {
      const Vector a = rows[static_cast<size_t>(r) * dim + d];
      for (int v = 0; v < vectors; ++v) sum[r][v] += a * b[v];
    }
  }
  for (int r = 0; r < tile_rows; ++r) {
    for (int v = 0; v < vectors; ++v) sum[r][v].copy_to(&dot[r][v * Vector::size()], aligned);
  }
}

/// Distances do not change when `origin` [dim] is taken from all points, but their rounding does:
/// |a|^2 + |b|^2 - 2ab cancels badly for points that lie close together and far from zero.
Points pack(std::span<const float> features, int dim, std::span<const float> origin) {
  Points p;
  p.count = static_cast<int>(features.size() / dim);
  p.dim = dim;
  const int padded = round_up(p.count, tile_columns);
  p.rows.resize(static_cast<size_t>(padded) * dim);
  p.panels.resize(p.rows.size());
  p.squared.resize(padded);
  for (size_t i = 0; i < features.size(); ++i) {
    const size_t n = i / dim, d = i % dim;
    require(std::isfinite(features[i]), "precision and recall: feature ", d, " of row ", n,
            " is not finite");
    p.rows[i] = features[i] - origin[d];
    p.panels[(n / tile_columns * dim + d) * tile_columns + n % tile_columns] = p.rows[i];
  }
  float dot[tile_rows][tile_columns];
  for (int n = 0; n < padded; n += tile_rows) {
    const int panel = n / tile_columns * tile_columns;
    dot_tile(&p.rows[static_cast<size_t>(n) * dim], &p.panels[static_cast<size_t>(panel) * dim],
             dim, dot);
    for (int r = 0; r < tile_rows; ++r) p.squared[n + r] = dot[r][n + r - panel];
  }
  return p;
}

/// out[r * stride + j] = |a_{first + r} - b_j|^2 for the tile_rows rows from `first`;
/// stride = b.squared.size().
void squared_distances(const Points& a, int first, const Points& b, std::vector<float>& out) {
  const size_t stride = b.squared.size();
  out.resize(tile_rows * stride);
  float dot[tile_rows][tile_columns];
  for (size_t j = 0; j < stride; j += tile_columns) {
    dot_tile(&a.rows[static_cast<size_t>(first) * a.dim], &b.panels[j * b.dim], a.dim, dot);
    for (int r = 0; r < tile_rows; ++r) {
      for (int c = 0; c < tile_columns; ++c) {
        const float distance = a.squared[first + r] + b.squared[j + c] - 2 * dot[r][c];
        out[r * stride + j + c] = std::max(distance, 0.0f);
      }
    }
  }
}

/// Squared distance of each point to its k-th nearest other point.
std::vector<float> squared_radii(const Points& p, int k) {
  std::vector<float> radii(p.count);
#pragma omp parallel
  {
    std::vector<float> distances;
#pragma omp for schedule(static)
    for (int first = 0; first < p.count; first += tile_rows) {
      squared_distances(p, first, p, distances);
      for (int n = first; n < std::min(first + tile_rows, p.count); ++n) {
        float* row = distances.data() + (n - first) * p.squared.size();
        std::swap(row[n], row[p.count - 1]);  // the point itself goes last and is not looked at
        std::nth_element(row, row + k - 1, row + p.count - 1);
        radii[n] = row[k - 1];
      }
    }
  }
  return radii;
}

/// Share of `points` inside at least one ball of the manifold.
double share_inside(const Points& points, const Points& manifold, const std::vector<float>& radii) {
  int inside = 0;
#pragma omp parallel reduction(+ : inside)
  {
    std::vector<float> distances;
#pragma omp for schedule(static)
    for (int first = 0; first < points.count; first += tile_rows) {
      squared_distances(points, first, manifold, distances);
      for (int n = first; n < std::min(first + tile_rows, points.count); ++n) {
        const float* row = distances.data() + (n - first) * manifold.squared.size();
        int hits = 0;  // counted, not searched: the loop vectorises
        for (int j = 0; j < manifold.count; ++j) hits += row[j] <= radii[j];
        inside += hits > 0;
      }
    }
  }
  return static_cast<double>(inside) / points.count;
}

void check(const char* name, std::span<const float> features, int dim, int k) {
  require(features.size() % dim == 0, "precision and recall: ", features.size(), " ", name,
          " values are no whole number of rows of ", dim);
  require(features.size() / dim > static_cast<size_t>(k), "precision and recall: k = ", k,
          " needs more than ", k, " ", name, " rows, not ", features.size() / dim);
}

}  // namespace

PrecisionRecall precision_recall(std::span<const float> real, std::span<const float> generated,
                                 int dim, int k) {
  require(dim > 0 && k > 0, "precision and recall: dim ", dim, ", k ", k);
  check("real", real, dim, k);
  check("generated", generated, dim, k);
  const std::span<const float> origin = real.first(dim);
  const Points r = pack(real, dim, origin);
  const Points g = pack(generated, dim, origin);
  return {share_inside(g, r, squared_radii(r, k)), share_inside(r, g, squared_radii(g, k))};
}

}  // namespace etude
