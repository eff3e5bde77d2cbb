#pragma once
// Tensor: a cheap handle to shared memory with a shape, strides, a dtype, a device and, if it takes
// part in differentiation, a place in the graph.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

class Tensor;
struct Node;

/// A block of device memory, returned to the allocator when the last tensor over it goes.
struct Storage {
  Storage(Device device, std::size_t bytes);
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage();

  Device device;
  std::size_t bytes;
  void* data;
  std::uint64_t version = 0;  // counts in-place changes; see Saved in autograd.h
};

/// A tensor's place in the graph, shared between the tensor and the nodes that consumed it, so that
/// a node does not keep its inputs' memory alive.
struct GradMeta;

class Tensor {
 public:
  /// Undefined: stands for "no gradient" and "not given".
  Tensor() = default;

  static Tensor empty(const Dims& shape, DType dtype = DType::f32, Device device = Device::cpu);
  static Tensor full(const Dims& shape, double value, DType dtype = DType::f32,
                     Device device = Device::cpu);
  static Tensor zeros(const Dims& shape, DType dtype = DType::f32, Device device = Device::cpu);
  static Tensor ones(const Dims& shape, DType dtype = DType::f32, Device device = Device::cpu);
  /// A copy of host values in row-major order; Error unless there are numel(shape) of them.
  template <class T>
  static Tensor from(std::span<const T> values, const Dims& shape, Device device = Device::cpu) {
    return from_bytes(values.data(), static_cast<std::int64_t>(values.size()), dtype_of<T>, shape,
                      device);
  }
  template <class T>
  static Tensor from(const std::vector<T>& values, const Dims& shape, Device device = Device::cpu) {
    return from(std::span<const T>(values), shape, device);
  }
  /// Shape, dtype and device of `like`, memory not initialised.
  static Tensor empty_like(const Tensor& like);

  bool defined() const { return impl_ != nullptr; }
  const Dims& shape() const { return impl().shape; }
  const Dims& strides() const { return impl().strides; }
  /// Extent of a dimension; negative counts from the end.
  std::int64_t dim(int i) const;
  int rank() const { return impl().shape.rank; }
  std::int64_t numel() const { return etude::numel(impl().shape); }
  DType dtype() const { return impl().dtype; }
  Device device() const { return impl().storage->device; }
  bool contiguous() const { return view().contiguous(); }
  /// What the kernels take.
  View view() const;
  Stream& stream() const { return Stream::of(device()); }

  /// The values in row-major order, cast to T, after all queued work; waits for the device.
  template <class T>
  std::vector<T> to_vector() const;
  /// The only element, as double.
  double item() const;

  bool requires_grad() const;
  /// Only leaves (made by the user, not by an op) can be switched. Returns *this.
  Tensor& set_requires_grad(bool on);
  /// Accumulated by backward(); undefined before, and after zero_grad().
  Tensor grad() const;
  void zero_grad();
  /// The same memory outside the graph.
  Tensor detach() const;
  /// A copy in memory of its own, contiguous, outside the graph.
  Tensor clone() const;
  /// Overwrites the values in place. Not recorded: Error where a gradient would be needed.
  void copy_(const Tensor& from);
  void fill_(double value);

  /// Whether both handles are the same tensor (not: equal values).
  bool same(const Tensor& other) const { return impl_ == other.impl_; }

  // For the engine's own code.
  struct Impl {
    std::shared_ptr<Storage> storage;
    std::int64_t offset = 0;  // in elements
    Dims shape, strides;
    DType dtype = DType::f32;
    std::shared_ptr<GradMeta> meta;
  };
  Impl& impl() const {
    require(impl_ != nullptr, "an undefined tensor was used");
    return *impl_;
  }
  /// Another window on the same storage, outside the graph.
  Tensor alias(const Dims& shape, const Dims& strides, std::int64_t offset) const;

 private:
  static Tensor from_bytes(const void* data, std::int64_t count, DType dtype, const Dims& shape,
                           Device device);
  std::shared_ptr<Impl> impl_;
};

/// Error that names `op` unless both have one dtype and lie on one device.
void require_together(const char* op, const Tensor& a, const Tensor& b);

}  // namespace etude
