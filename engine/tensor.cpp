#include "engine/tensor.h"

#include "engine/allocator.h"
#include "engine/autograd.h"
#include "kernels/copy/copy.h"

namespace etude {

Storage::Storage(Device device_, std::size_t bytes_)
    : device(device_), bytes(bytes_), data(Allocator::of(device_).allocate(bytes_)) {}

Storage::~Storage() { Allocator::of(device).deallocate(data, bytes); }

Tensor Tensor::empty(const Dims& shape, DType dtype, Device device) {
  for (std::int64_t extent : shape) require(extent >= 0, "tensor: negative extent in ", shape);
  const std::size_t bytes = static_cast<std::size_t>(etude::numel(shape)) * size_of(dtype);
  Tensor t;
  t.impl_ = std::make_shared<Impl>();
  t.impl_->storage = std::make_shared<Storage>(device, bytes);
  t.impl_->shape = shape;
  t.impl_->strides = contiguous_strides(shape);
  t.impl_->dtype = dtype;
  return t;
}

Tensor Tensor::full(const Dims& shape, double value, DType dtype, Device device) {
  Tensor t = empty(shape, dtype, device);
  t.fill_(value);
  return t;
}

Tensor Tensor::zeros(const Dims& shape, DType dtype, Device device) {
  return full(shape, 0, dtype, device);
}

Tensor Tensor::ones(const Dims& shape, DType dtype, Device device) {
  return full(shape, 1, dtype, device);
}

Tensor Tensor::empty_like(const Tensor& like) {
  return empty(like.shape(), like.dtype(), like.device());
}

Tensor Tensor::from_bytes(const void* data, std::int64_t count, DType dtype, const Dims& shape,
                          Device device) {
  require(count == etude::numel(shape), "tensor: ", count, " values for shape ", shape);
  Tensor t = empty(shape, dtype, device);
  copy_bytes(t.stream(), t.impl_->storage->data, device, data, Device::cpu,
             t.impl_->storage->bytes);
  // The caller's memory may be gone as soon as this returns.
  t.stream().synchronize();
  return t;
}

std::int64_t Tensor::dim(int i) const {
  const Dims& dims = shape();
  const int at = i < 0 ? i + dims.rank : i;
  require(at >= 0 && at < dims.rank, "tensor: no dimension ", i, " in shape ", dims);
  return dims[at];
}

View Tensor::view() const {
  const Impl& self = impl();
  auto* base = static_cast<std::byte*>(self.storage->data);
  void* data = base ? base + self.offset * static_cast<std::int64_t>(size_of(self.dtype)) : nullptr;
  return {data, self.dtype, self.shape, self.strides};
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  Tensor packed = detach();
  if (!contiguous() || dtype() != dtype_of<T>) {
    packed = empty(shape(), dtype_of<T>, device());
    etude::copy(stream(), view(), packed.view());
  }
  std::vector<T> values(static_cast<std::size_t>(numel()));
  copy_bytes(stream(), values.data(), Device::cpu, packed.view().data, device(),
             values.size() * sizeof(T));
  stream().synchronize();
  return values;
}
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<bf16> Tensor::to_vector() const;
template std::vector<std::int32_t> Tensor::to_vector() const;
template std::vector<std::uint8_t> Tensor::to_vector() const;

double Tensor::item() const {
  require(numel() == 1, "item: the tensor has ", numel(), " elements, not one");
  return to_vector<double>()[0];
}

bool Tensor::requires_grad() const { return impl().meta && impl().meta->requires_grad; }

Tensor& Tensor::set_requires_grad(bool on) {
  require(!on || is_float(dtype()), "set_requires_grad: a tensor of ", name_of(dtype()),
          " has no gradient");
  if (!impl().meta) {
    if (!on) return *this;
    impl().meta = std::make_shared<GradMeta>();
    impl().meta->shape = shape();
  }
  require(!impl().meta->node, "set_requires_grad: this tensor is the result of ",
          impl().meta->node ? impl().meta->node->op : "", "; detach() it first");
  impl().meta->requires_grad = on;
  return *this;
}

void require_together(const char* op, const Tensor& a, const Tensor& b) {
  require(a.dtype() == b.dtype(), op, ": operands are ", name_of(a.dtype()), " and ",
          name_of(b.dtype()), "; cast one of them");
  require(a.device() == b.device(), op, ": operands are on ", name_of(a.device()), " and ",
          name_of(b.device()), "; move one of them");
}

Tensor Tensor::grad() const { return impl().meta ? impl().meta->grad : Tensor(); }

void Tensor::zero_grad() {
  if (impl().meta) impl().meta->grad = Tensor();
}

Tensor Tensor::alias(const Dims& shape, const Dims& strides, std::int64_t offset) const {
  Tensor t;
  t.impl_ = std::make_shared<Impl>(Impl{impl().storage, offset, shape, strides, dtype(), nullptr});
  return t;
}

Tensor Tensor::detach() const { return alias(shape(), strides(), impl().offset); }

Tensor Tensor::clone() const {
  Tensor t = empty_like(*this);
  etude::copy(stream(), view(), t.view());
  return t;
}

void Tensor::copy_(const Tensor& from) {
  require(!(grad_enabled() && requires_grad()),
          "copy_: in-place change of a tensor that requires a gradient; use NoGrad");
  require(from.shape() == shape(), "copy_: shape ", from.shape(), " into ", shape());
  ++impl().storage->version;
  if (from.device() == device()) {
    etude::copy(stream(), from.view(), view());
    return;
  }
  Tensor source = from.detach();
  if (!source.contiguous() || source.dtype() != dtype()) {
    source = empty(from.shape(), dtype(), from.device());
    etude::copy(from.stream(), from.view(), source.view());
  }
  Tensor packed = contiguous() ? detach() : empty_like(*this);
  from.stream().synchronize();
  copy_bytes(device() == Device::gpu ? stream() : from.stream(), packed.view().data, device(),
             source.view().data, from.device(), static_cast<std::size_t>(packed.view().bytes()));
  // Both ends must outlive the copy, and the CPU side is complete only then.
  (device() == Device::gpu ? stream() : from.stream()).synchronize();
  if (!contiguous()) etude::copy(stream(), packed.view(), view());
}

void Tensor::fill_(double value) {
  require(!(grad_enabled() && requires_grad()),
          "fill_: in-place change of a tensor that requires a gradient; use NoGrad");
  ++impl().storage->version;
  etude::fill(stream(), view(), value);
}

}  // namespace etude
