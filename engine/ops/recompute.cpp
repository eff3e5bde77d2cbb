#include "engine/ops/recompute.h"

namespace etude {
namespace {

/// While one lives, a generator is where it was; then again where it is now.
class SetBack {
 public:
  SetBack(Generator* generator, std::uint64_t offset)
      : generator_(generator), now_(generator ? generator->offset() : 0) {
    if (generator_) generator_->set_offset(offset);
  }
  SetBack(const SetBack&) = delete;
  SetBack& operator=(const SetBack&) = delete;
  ~SetBack() {
    if (generator_) generator_->set_offset(now_);
  }

 private:
  Generator* generator_;
  std::uint64_t now_;
};

}  // namespace

Tensor recomputed(const std::function<Tensor(const Tensor&)>& f, const Tensor& x,
                  std::span<const Tensor> parameters, Generator* generator) {
  if (!grad_enabled()) return f(x);
  const std::uint64_t offset = generator ? generator->offset() : 0;
  const Tensor y = [&] {
    const NoGrad none;
    return f(x);
  }();
  std::vector<Tensor> inputs{x};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  std::vector<Saved> kept;
  for (const Tensor& t : inputs) kept.push_back(saved(t));
  return record(
      "recomputed", y, inputs, [f, kept, generator, offset](const Tensor& dy, Needs needs) {
        require(!grad_enabled(), "recomputed: its gradient cannot be differentiated again");
        const GradMode on(true);
        Tensor again = kept[0].get().detach();
        again.set_requires_grad(true);
        const Tensor y2 = [&] {
          const SetBack as_then(generator, offset);
          return f(again);
        }();
        std::vector<Tensor> wanted;
        for (std::size_t i = 0; i < kept.size(); ++i) {
          if (needs[static_cast<int>(i)]) {
            wanted.push_back(i == 0 ? again : kept[i].get());
          }
        }
        const std::vector<Tensor> found = grad(y2, wanted, false, dy);
        Grads grads(kept.size());
        for (std::size_t i = 0, next = 0; i < kept.size(); ++i) {
          if (needs[static_cast<int>(i)]) grads[i] = found[next++];
        }
        return grads;
      });
}

}  // namespace etude
