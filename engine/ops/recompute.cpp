#include "engine/ops/recompute.h"

namespace etude {

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
        const std::uint64_t now = generator ? generator->offset() : 0;
        if (generator) generator->set_offset(offset);
        Tensor again = kept[0].get().detach();
        again.set_requires_grad(true);
        const Tensor y2 = f(again);
        if (generator) generator->set_offset(now);
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
