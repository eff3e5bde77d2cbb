#pragma once
// One axis of a convolution with fewer multiplications. A stride s turns R = s J taps into s
// convolutions of J taps over every s-th input each (the phases), whose results add up; and m
// neighbouring outputs of J taps take m + J - 1 products of sums instead of m J products:
//     y = A^T ((G w) * (B^T x))        summed over phases and channels before A^T
// The matrices are Winograd's for the points 0, 1, -1, infinity, which cost additions and halves
// only: F(3, 2) and F(2, 2) for J = 2, F(2, 3) for J = 3.
// Source: Winograd, "Arithmetic Complexity of Computations", 1980, chapter IV; Lavin & Gray, "Fast
// Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace etude::cpu::winograd {

/// A linear combination: at most 6 terms `factor * [at]`.
struct Sum {
  struct Term {
    int at;
    float factor;
  };
  int count = 0;
  Term terms[6] = {};

  Sum() = default;
  constexpr Sum(std::initializer_list<Term> list) {
    for (const Term& term : list) add(term.at, term.factor);
  }
  constexpr void add(int at, float factor) { terms[count++] = {at, factor}; }
  const Term* begin() const { return terms; }
  const Term* end() const { return terms + count; }
};

/// One product of a group of neighbouring outputs: which point of w it takes, which sum of the
/// inputs (counted from the group's first), and to which outputs it adds.
struct Product {
  int point;
  Sum x, y;
};
inline constexpr Product kF32[] = {{0, {{0, 1}, {2, -1}}, {{0, 1}}},
                                   {1, {{1, 1}, {2, 1}}, {{0, 1}, {1, 1}, {2, 1}}},
                                   {2, {{2, 1}, {1, -1}}, {{0, 1}, {1, -1}, {2, 1}}},
                                   {3, {{3, 1}, {1, -1}}, {{2, 1}}}};
inline constexpr Product kF22[] = {{0, {{0, 1}, {1, -1}}, {{0, 1}}},
                                   {1, {{1, 2}}, {{0, 1}, {1, 1}}},
                                   {3, {{2, 1}, {1, -1}}, {{1, 1}}}};
inline constexpr Product kF23[] = {{0, {{0, 1}, {2, -1}}, {{0, 1}}},
                                   {1, {{1, 1}, {2, 1}}, {{0, 1}, {1, 1}}},
                                   {2, {{2, 1}, {1, -1}}, {{0, 1}, {1, -1}}},
                                   {3, {{3, 1}, {1, -1}}, {{1, 1}}}};
inline constexpr Product kF11[] = {{0, {{0, 1}}, {{0, 1}}}};

struct Axis {
  int phases, taps;        // phases = stride; taps J of each
  std::vector<int> point;  // of w, by product
  std::vector<Sum> x;      // [phase][product]: sums over input positions
  std::vector<Sum> dx;     // by input position: the same map transposed; products of its phase
  std::vector<int> phase;  // by input position
  std::vector<Sum> dy;     // by product: sums over output positions (A)
  std::vector<Sum> y;      // by output position: sums over products (A^T)
  std::vector<Sum> w;      // by point: sums over the taps of a phase (G)
  std::vector<Sum> dw;     // by tap of a phase: sums over points (G^T)

  static bool takes(std::int64_t taps, std::int64_t stride, std::int64_t dilation) {
    return dilation == 1 && taps % stride == 0 && taps / stride <= 3;
  }

  Axis(std::int64_t inputs, std::int64_t outputs, std::int64_t window, std::int64_t stride,
       std::int64_t pad)
      : phases(static_cast<int>(stride)),
        taps(static_cast<int>(window / stride)),
        dx(inputs),
        y(outputs) {
    for (std::int64_t h = 0; h < inputs; ++h) phase.push_back(static_cast<int>((h + pad) % stride));
    const auto in = static_cast<int>(inputs), out = static_cast<int>(outputs);
    for (int first = 0; first < out;) {
      const Group group = next_group(out - first);
      for (const Product& product : group.products) add(product, first, out);
      first += group.outputs;
    }
    add_inputs(in, static_cast<int>(pad));
    w = taps == 1 ? std::vector<Sum>{{{0, 1}}}
        : taps == 2
            ? std::vector<Sum>{{{0, 1}}, {{0, .5f}, {1, .5f}}, {{0, .5f}, {1, -.5f}}, {{1, 1}}}
            : std::vector<Sum>{{{0, 1}},
                               {{0, .5f}, {1, .5f}, {2, .5f}},
                               {{0, .5f}, {1, -.5f}, {2, .5f}},
                               {{2, 1}}};
    dw.resize(taps);
    for (int p = 0; p < points(); ++p) {
      for (const auto& [tap, factor] : w[p]) dw[tap].add(p, factor);
    }
  }

  int products() const { return static_cast<int>(point.size()); }
  int points() const { return static_cast<int>(w.size()); }

 private:
  struct Group {
    std::span<const Product> products;
    int outputs;
  };
  /// Threes are cheaper per output than twos; two twos cover four outputs with fewer products.
  Group next_group(int left) const {
    if (taps == 1) return {kF11, 1};
    if (taps == 3) return {kF23, 2};
    return left == 1 || left == 2 || left == 4 ? Group{kF22, 2} : Group{kF32, 3};
  }
  void add(const Product& product, int first, int outputs) {
    Sum reached;
    for (const auto& [at, factor] : product.y) {
      if (first + at < outputs) reached.add(first + at, factor);
    }
    if (reached.count == 0) return;
    for (const auto& [at, factor] : reached) y[at].add(products(), factor);
    dy.push_back(reached);
    point.push_back(product.point);
    read_.push_back(product.x);
    for (auto& term : read_.back().terms) term.at += first;
  }
  void add_inputs(int inputs, int pad) {
    for (int f = 0; f < phases; ++f) {
      for (int n = 0; n < products(); ++n) {
        Sum& sum = x.emplace_back();
        for (const auto& [at, factor] : read_[n]) {
          const int h = at * phases + f - pad;
          if (h < 0 || h >= inputs) continue;
          sum.add(h, factor);
          dx[h].add(n, factor);
        }
      }
    }
  }
  std::vector<Sum> read_;  // by product: positions within a phase
};

}  // namespace etude::cpu::winograd
