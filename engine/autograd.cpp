#include "engine/autograd.h"

#include <cmath>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "engine/ops/elementwise.h"

namespace etude {
namespace {

thread_local bool recording = true;
thread_local bool anomaly = false;
thread_local std::uint64_t next_sequence = 0;

void check_for_nan(const Tensor& t, const char* op, const char* what) {
  if (!is_float(t.dtype())) return;
  for (double value : t.to_vector<double>()) {
    require(!std::isnan(value), "anomaly: ", op, ": NaN in ", what, " of shape ", t.shape());
  }
}

/// Orders nodes so that each is reached after all that consumed its result.
struct LaterFirst {
  bool operator()(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) const {
    return a->sequence < b->sequence;
  }
};

/// Adds a gradient to a leaf's. The first is copied: an op may hand one tensor to several inputs.
void accumulate(GradMeta& leaf, const Tensor& gradient) {
  if (leaf.grad.defined()) {
    add_(leaf.grad, gradient);
  } else if (leaf.grad_buffer.defined()) {
    leaf.grad_buffer.copy_(gradient);
    leaf.grad = leaf.grad_buffer;
  } else {
    leaf.grad = gradient.clone();
  }
}

/// One backward pass from a root.
class Pass {
 public:
  Pass(bool retain, bool create_graph) : retain_(retain), create_graph_(create_graph) {}

  /// Restricts the pass to what leads to these places; their gradients are collected instead of
  /// accumulated.
  void set_targets(const std::vector<std::shared_ptr<GradMeta>>& targets,
                   const std::shared_ptr<GradMeta>& root) {
    restricted_ = true;
    for (const auto& target : targets) {
      if (target) needed_.insert(target.get());
    }
    targets_ = needed_;
    mark(root);
  }

  void run(const std::shared_ptr<GradMeta>& root, const Tensor& gradient) {
    const GradMode mode(create_graph_);
    deliver(root, gradient);
    while (!queue_.empty()) {
      const std::shared_ptr<Node> node = queue_.top();
      queue_.pop();
      visit(*node);
    }
  }

  Tensor collected(const GradMeta* place) const {
    const auto found = collected_.find(place);
    return found == collected_.end() ? Tensor() : found->second;
  }

 private:
  bool wanted(const std::shared_ptr<GradMeta>& place) const {
    return place && (!restricted_ || needed_.contains(place.get()));
  }

  /// Adds to needed_ every place from root down that leads to a target. Nodes are numbered in the
  /// order of creation, so one sweep from old to new sees inputs before results.
  void mark(const std::shared_ptr<GradMeta>& root) {
    std::vector<GradMeta*> places, stack{root.get()};
    std::unordered_set<GradMeta*> seen{root.get()};
    while (!stack.empty()) {
      GradMeta* place = stack.back();
      stack.pop_back();
      if (!place->node) continue;
      places.push_back(place);
      for (const auto& input : place->node->inputs) {
        if (input && seen.insert(input.get()).second) stack.push_back(input.get());
      }
    }
    std::sort(places.begin(), places.end(),
              [](auto* a, auto* b) { return a->node->sequence < b->node->sequence; });
    for (GradMeta* place : places) {
      for (const auto& input : place->node->inputs) {
        if (input && needed_.contains(input.get())) needed_.insert(place);
      }
    }
  }

  /// Hands a gradient to a place in the graph.
  void deliver(const std::shared_ptr<GradMeta>& place, const Tensor& gradient) {
    if (targets_.contains(place.get())) {
      Tensor& sum = collected_[place.get()];
      sum = sum.defined() ? add(sum, gradient) : gradient;
    }
    if (place->node) {
      const bool first = !pending_.contains(place->node.get());
      Tensor& sum = pending_[place->node.get()];
      sum = first ? gradient : add(sum, gradient);
      if (first) queue_.push(place->node);
    } else if (!restricted_ && place->requires_grad) {
      accumulate(*place, gradient);
    }
  }

  void visit(Node& node) {
    Tensor dy = std::move(pending_[&node]);
    pending_.erase(&node);
    Needs needs{0};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (wanted(node.inputs[i])) needs.bits |= 1u << i;
    }
    if (!needs.bits) return;
    require(node.backward != nullptr, "backward: the graph behind ", node.op,
            " was already used and released; the first time, pass retain_graph to backward or "
            "create_graph to grad");
    const Grads grads = node.backward(dy, needs);
    if (!retain_) node.backward = nullptr;
    require(grads.size() == node.inputs.size(), "backward of ", node.op, ": ", grads.size(),
            " gradients for ", node.inputs.size(), " inputs");
    for (std::size_t i = 0; i < grads.size(); ++i) {
      if (!needs[static_cast<int>(i)] || !grads[i].defined()) continue;
      require(grads[i].shape() == node.inputs[i]->shape, "backward of ", node.op, ": input ", i,
              " has shape ", node.inputs[i]->shape, ", its gradient ", grads[i].shape());
      if (anomaly) check_for_nan(grads[i], node.op, "a gradient");
      deliver(node.inputs[i], grads[i]);
    }
  }

  bool retain_, create_graph_, restricted_ = false;
  std::unordered_set<const GradMeta*> needed_, targets_;
  std::unordered_map<const GradMeta*, Tensor> collected_;
  std::unordered_map<Node*, Tensor> pending_;  // gradient of each node's result so far
  std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, LaterFirst> queue_;
};

void check_root(const Tensor& loss, const Tensor& dloss) {
  require(loss.requires_grad(),
          "backward: the loss does not depend on any tensor that requires a gradient");
  if (dloss.defined()) {
    require(dloss.shape() == loss.shape(), "grad: dloss has shape ", dloss.shape(), ", the loss ",
            loss.shape());
  } else {
    require(loss.numel() == 1, "backward: the loss has shape ", loss.shape(),
            "; it must have one element");
  }
}

}  // namespace

Node::~Node() {
  // A chain of thousands of nodes would otherwise be destroyed by as deep a recursion.
  thread_local std::vector<std::shared_ptr<GradMeta>>* doomed = nullptr;
  if (doomed) {
    for (auto& input : inputs) doomed->push_back(std::move(input));
    return;
  }
  std::vector<std::shared_ptr<GradMeta>> list = std::move(inputs);
  doomed = &list;
  backward = nullptr;
  while (!list.empty()) {
    const std::shared_ptr<GradMeta> last = std::move(list.back());
    list.pop_back();
  }
  doomed = nullptr;
}

Tensor record(const char* op, const Tensor& y, std::span<const Tensor> inputs, Backward backward) {
  if (anomaly) check_for_nan(y, op, "the result");
  if (!recording) return y;
  bool any = false;
  for (const Tensor& input : inputs) any |= input.defined() && input.requires_grad();
  if (!any) return y;
  require(inputs.size() <= 32, op, ": ", inputs.size(), " inputs; an op has at most 32");
  auto node = std::make_shared<Node>();
  node->op = op;
  node->sequence = next_sequence++;
  for (const Tensor& input : inputs) {
    const bool needed = input.defined() && input.requires_grad();
    node->inputs.push_back(needed ? input.impl().meta : nullptr);
  }
  node->backward = std::move(backward);
  // A fresh handle: y may be a view or an input passed through, whose own place must not change.
  Tensor result = y.detach();
  result.impl().meta = std::make_shared<GradMeta>();
  result.impl().meta->shape = y.shape();
  result.impl().meta->requires_grad = true;
  result.impl().meta->node = std::move(node);
  return result;
}

Tensor record(const char* op, const Tensor& y, std::initializer_list<Tensor> inputs,
              Backward backward) {
  return record(op, y, std::span(inputs.begin(), inputs.size()), std::move(backward));
}

const Tensor& Saved::get() const {
  if (!tensor_.defined()) return tensor_;
  require(tensor_.impl().storage->version == version_, "backward: a tensor of shape ",
          tensor_.shape(), " that the gradient needs was changed in place after the forward pass");
  return tensor_;
}

void backward(const Tensor& loss, bool retain_graph) {
  check_root(loss, {});
  Pass pass(retain_graph, false);
  pass.run(loss.impl().meta, Tensor::ones(loss.shape(), loss.dtype(), loss.device()));
}

std::vector<Tensor> grad(const Tensor& loss, std::span<const Tensor> inputs, bool create_graph,
                         const Tensor& dloss) {
  check_root(loss, dloss);
  std::vector<std::shared_ptr<GradMeta>> targets;
  for (const Tensor& input : inputs) {
    require(input.requires_grad(), "grad: an input of shape ", input.shape(),
            " does not require a gradient");
    targets.push_back(input.impl().meta);
  }
  Pass pass(create_graph, create_graph);
  pass.set_targets(targets, loss.impl().meta);
  pass.run(loss.impl().meta,
           dloss.defined() ? dloss : Tensor::ones(loss.shape(), loss.dtype(), loss.device()));
  std::vector<Tensor> result;
  for (const auto& target : targets) result.push_back(pass.collected(target.get()));
  return result;
}

bool grad_enabled() { return recording; }

GradMode::GradMode(bool on) : previous_(recording) { recording = on; }
GradMode::~GradMode() { recording = previous_; }
AnomalyMode::AnomalyMode(bool on) : previous_(anomaly) { anomaly = on; }
AnomalyMode::~AnomalyMode() { anomaly = previous_; }

}  // namespace etude
