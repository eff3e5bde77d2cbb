#pragma once
// Reverse-mode differentiation. An op computes its result and records, beside it, how a gradient of
// the result becomes gradients of its inputs:
//
//     return record("mul", product, {a, b},
//                   [a = saved(a), b = saved(b)](const Tensor& dy, Needs needs) {
//                     return Grads{needs[0] ? mul(dy, b) : Tensor(),
//                                  needs[1] ? mul(dy, a) : Tensor()};
//                   });
//
// A backward written with ops can itself be differentiated (create_graph).

#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "engine/tensor.h"

namespace etude {

using Grads = std::vector<Tensor>;

/// needs[i]: whether input i's gradient will be used; a backward skips the others.
struct Needs {
  std::uint32_t bits;
  bool operator[](int i) const { return bits >> i & 1; }
};

/// From the gradient of an op's result to those of its inputs, in order and of their shapes; an
/// undefined tensor stands for zero.
using Backward = std::function<Grads(const Tensor& dy, Needs needs)>;

/// One recorded op. It holds its inputs' places in the graph, not their memory: what the backward
/// needs of that, its closure captures.
struct Node {
  const char* op;
  std::uint64_t sequence;  // order of creation: a node's inputs come before it
  std::vector<std::shared_ptr<GradMeta>> inputs;  // null where no gradient is needed
  Backward backward;                              // empty once released
  ~Node();
};

struct GradMeta {
  Dims shape;
  bool requires_grad = false;
  Tensor grad;                 // leaves: what backward() accumulated
  Tensor grad_buffer;          // leaves: where grad is to be stored (an optimizer's flat buffer)
  std::shared_ptr<Node> node;  // null for leaves
};

/// Puts `y`, computed by `op` from at most 32 `inputs`, into the graph. Returns y; outside of any
/// graph (NoGrad, or no input requires a gradient) without recording. In anomaly mode a NaN in y is
/// an Error that names the op.
Tensor record(const char* op, const Tensor& y, std::initializer_list<Tensor> inputs,
              Backward backward);
Tensor record(const char* op, const Tensor& y, std::span<const Tensor> inputs, Backward backward);

/// A tensor captured for the backward, or an undefined one. Error on use if it was changed in place
/// in between, since the gradient would silently be wrong. An op must not save its own result with
/// its graph (a cycle that is never freed): save y.detach(), and where grad_enabled(), recompute
/// it.
class Saved {
 public:
  explicit Saved(const Tensor& tensor)
      : tensor_(tensor), version_(tensor.defined() ? tensor.impl().storage->version : 0) {}
  operator const Tensor&() const { return get(); }
  const Tensor& get() const;

 private:
  Tensor tensor_;
  std::uint64_t version_;
};
inline Saved saved(const Tensor& tensor) { return Saved(tensor); }

/// d(loss)/d(leaf) added to grad() of every leaf behind `loss`, which must have one element. The
/// graph is released as it is used unless `retain_graph`.
void backward(const Tensor& loss, bool retain_graph = false);

/// The gradients of `loss` (one element, or weighted by `dloss` of its shape) with respect to
/// `inputs`, without touching grad(); undefined where the loss does not depend on the input. With
/// `create_graph` they can be differentiated again.
/// Only what lies between the inputs and the loss is computed.
std::vector<Tensor> grad(const Tensor& loss, std::span<const Tensor> inputs,
                         bool create_graph = false, const Tensor& dloss = {});

/// Whether ops record; per thread.
bool grad_enabled();

/// Switches recording for a scope.
class GradMode {
 public:
  explicit GradMode(bool on);
  ~GradMode();
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool previous_;
};
/// No recording in this scope: evaluation, optimizer steps, data.
struct NoGrad : GradMode {
  NoGrad() : GradMode(false) {}
};

/// In this scope every op's result and every gradient is searched for NaN, and the first op whose
/// output has one is named in an Error. Slow: it waits for the device after each op.
class AnomalyMode {
 public:
  explicit AnomalyMode(bool on = true);
  ~AnomalyMode();
  AnomalyMode(const AnomalyMode&) = delete;
  AnomalyMode& operator=(const AnomalyMode&) = delete;

 private:
  bool previous_;
};

}  // namespace etude
