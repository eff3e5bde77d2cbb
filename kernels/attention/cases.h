#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <string>
#include <vector>

namespace etude::attention_cases {

/// How the operands lie: each alone; or as the parts of one projection [B, T, 3, H, D], y as [B, T,
/// H, D]; or with a row of D + 1 elements, so that rows are not aligned.
enum class Layout { dense, packed, odd };

struct Case {
  std::int64_t B, H, T, S, D;
  bool causal = false;
  double dropout = 0;
  double scale = 1;  // q is uniform within it, k and v within 1
  Layout layout = Layout::dense;

  std::string name() const {
    std::string text = std::to_string(B) + "x" + std::to_string(H) + "x" + std::to_string(T);
    if (S != T) text += " keys " + std::to_string(S);
    text += " D " + std::to_string(D);
    if (causal) text += " causal";
    if (dropout > 0) text += " dropout";
    return text;
  }
};

/// Around the sizes of tiles; several tiles of queries and of keys; every padded head size, and
/// ones that fill none.
inline std::vector<Case> tests() {
  using enum Layout;
  return {{1, 1, 1, 1, 32},
          {2, 3, 1, 33, 40, true},
          {1, 1, 31, 31, 64, true},
          {1, 2, 33, 65, 32, true, 0.3},
          {2, 2, 65, 65, 32, true, 0.1, 1, packed},
          {1, 1, 127, 127, 64, true, 0.5},
          {1, 1, 17, 127, 64, false, 0.2},
          {1, 1, 65, 33, 96, false, 0, 1, odd},
          {1, 1, 33, 70, 128, true, 0.25},
          {1, 2, 20, 20, 33, true, 0, 1, odd},
          {1, 1, 40, 40, 7, true, 0.1, 1, packed},
          {1, 1, 9, 35, 130, true, 0.1},  // beyond the tiles
          {1, 1, 40, 70, 32, false, 0, 1e4},
          {1, 1, 140, 150, 32, true, 0.1},  // several tiles either way
          {1, 1, 4, 0, 8},
          {1, 2, 0, 5, 8},
          {0, 2, 3, 3, 8}};
}

/// For the CPU alone: several chunks of keys and blocks of queries, and groups of them.
inline std::vector<Case> cpu_tests() {
  using enum Layout;
  return {{1, 1, 200, 200, 64, true, 0.1},
          {2, 9, 97, 97, 64, true, 0.1, 1, packed},
          {1, 1, 150, 333, 40, true},
          {1, 2, 100, 130, 24, false, 0.5, 1, odd}};
}

struct DecodeCase {
  std::int64_t B, H, capacity, D;

  std::string name() const {
    return std::to_string(B) + "x" + std::to_string(H) + "x" + std::to_string(capacity) + " D " +
           std::to_string(D);
  }
};

/// The lengths of the tests go from 0 to beyond the capacity.
inline std::vector<DecodeCase> decode_tests() {
  return {{1, 1, 1, 64},    {5, 2, 33, 32}, {4, 1, 300, 64}, {6, 2, 127, 40},
          {3, 1, 600, 128}, {2, 1, 40, 7},  {2, 1, 0, 8},    {0, 2, 4, 8}};
}

/// The training step of a small music model, one of GPT-2, and a long one.
inline std::vector<Case> benches() {
  return {{8, 4, 256, 256, 64, true, 0.1},
          {8, 4, 256, 256, 64, true},
          {1, 12, 1024, 1024, 64, true},
          {1, 16, 4096, 4096, 128, true}};
}
inline std::vector<DecodeCase> decode_benches() {
  return {{1, 4, 1024, 64}, {1, 12, 1024, 64}, {16, 16, 4096, 128}};
}

}  // namespace etude::attention_cases
