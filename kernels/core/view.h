#pragma once
// A view of memory: pointer, element type, shape and strides. What every kernel family's host API
// takes. It owns nothing; whoever calls keeps the memory alive until the stream has run.

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>

#include "kernels/core/dtype.h"

namespace etude {

constexpr int kMaxRank = 6;

/// A list of at most kMaxRank extents (or strides, in elements); rank 0 is a scalar.
struct Dims {
  int rank = 0;
  std::array<std::int64_t, kMaxRank> data{};

  Dims() = default;
  Dims(std::initializer_list<std::int64_t> values) : Dims(std::span(values)) {}
  explicit Dims(std::span<const std::int64_t> values) {
    require(values.size() <= kMaxRank, "a tensor has at most ", kMaxRank, " dimensions, not ",
            values.size());
    for (std::int64_t value : values) data[rank++] = value;
  }

  std::int64_t& operator[](int i) { return data[i]; }
  std::int64_t operator[](int i) const { return data[i]; }
  const std::int64_t* begin() const { return data.data(); }
  const std::int64_t* end() const { return data.data() + rank; }
  void push_back(std::int64_t value) {
    require(rank < kMaxRank, "a tensor has at most ", kMaxRank, " dimensions");
    data[rank++] = value;
  }
  bool operator==(const Dims& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }
};

inline std::ostream& operator<<(std::ostream& out, const Dims& dims) {
  out << '[';
  for (int i = 0; i < dims.rank; ++i) out << (i ? ", " : "") << dims[i];
  return out << ']';
}

inline std::int64_t numel(const Dims& shape) {
  std::int64_t n = 1;
  for (std::int64_t extent : shape) n *= extent;
  return n;
}

/// Strides, in elements, of a row-major contiguous tensor of this shape.
inline Dims contiguous_strides(const Dims& shape) {
  Dims strides = shape;
  std::int64_t stride = 1;
  for (int i = shape.rank - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

struct View {
  void* data = nullptr;
  DType dtype = DType::f32;
  Dims shape;
  Dims strides;  // in elements

  View() = default;
  /// A contiguous view.
  View(void* data_, DType dtype_, const Dims& shape_)
      : data(data_), dtype(dtype_), shape(shape_), strides(contiguous_strides(shape_)) {}
  View(void* data_, DType dtype_, const Dims& shape_, const Dims& strides_)
      : data(data_), dtype(dtype_), shape(shape_), strides(strides_) {}

  /// The typed pointer; the dtype must match.
  template <class T>
  T* as() const {
    require(dtype == dtype_of<T>, "view of ", name_of(dtype), " used as ", name_of(dtype_of<T>));
    return static_cast<T*>(data);
  }
  int rank() const { return shape.rank; }
  std::int64_t dim(int i) const { return shape[i]; }
  std::int64_t numel() const { return etude::numel(shape); }
  std::int64_t bytes() const { return numel() * static_cast<std::int64_t>(size_of(dtype)); }
  /// Row-major without gaps (extents of 1 may have any stride; empty views are contiguous).
  bool contiguous() const {
    std::int64_t stride = 1;
    for (int i = shape.rank - 1; i >= 0; --i) {
      if (shape[i] == 0) return true;
      if (shape[i] != 1 && strides[i] != stride) return false;
      stride *= shape[i];
    }
    return true;
  }
};

}  // namespace etude
