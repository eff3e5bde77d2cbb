#include "kernels/lstm/lstm.h"

#include "kernels/lstm/ladder/0_stepwise.cuh"
#include "kernels/lstm/ladder/1_fused_gates.cuh"
#include "kernels/lstm/ladder/2_persistent.cuh"
#include "kernels/lstm/ladder/3_wavefront.cuh"

namespace etude {

std::span<const LstmRung> lstm_rungs() {
  using namespace lstm_ladder;
  static constexpr const char* kSteps = "a kernel per equation and step";
  static constexpr const char* kFused = "one input product, one kernel for the gates";
  static constexpr const char* kPersistent = "one launch, the weights stay in shared memory";
  static constexpr const char* kWavefront = "one launch for all layers, each a step behind";
  static const LstmRung rungs[] = {
      {"stepwise", kSteps, by_layers<float, run_stepwise<float>>,
       by_layers<float, run_stepwise_grad<float>>},
      {"fused_gates", kFused, by_layers<float, run_fused_gates<float>>,
       by_layers<float, run_fused_gates_grad<float>>},
      {"persistent", kPersistent, by_layers<float, run_persistent<float>>,
       by_layers<float, run_persistent_grad<float>>},
      {"wavefront", kWavefront, run_wavefront<float>, run_wavefront_grad<float>},
      {"stepwise_bf16", kSteps, by_layers<bf16, run_stepwise<bf16>>,
       by_layers<bf16, run_stepwise_grad<bf16>>, DType::bf16},
      {"fused_gates_bf16", kFused, by_layers<bf16, run_fused_gates<bf16>>,
       by_layers<bf16, run_fused_gates_grad<bf16>>, DType::bf16},
      {"persistent_bf16", kPersistent, by_layers<bf16, run_persistent<bf16>>,
       by_layers<bf16, run_persistent_grad<bf16>>, DType::bf16},
      {"wavefront_bf16", kWavefront, run_wavefront<bf16>, run_wavefront_grad<bf16>, DType::bf16}};
  return rungs;
}

namespace {

/// The persistent rung pays while launches and the reading of w_hh are most of a step. With more
/// sequences the products of fused_gates, whose tiles are larger, are expected to win. In bf16
/// their tensor cores do from fewer on. One step has nothing to keep. (It falls back itself where
/// its weights do not fit.)
bool prefers_persistent(const View& x) {
  const std::int64_t most = x.dtype == DType::bf16 ? 64 : 128;
  return x.dim(0) > 1 && x.dim(1) <= most;
}

/// Where the persistent rung pays, a stack as a wavefront pays more, if it has more steps than it
/// takes to fill, and, in bf16, few units: it takes the input products from the tensor cores.
template <class P>
bool prefers_wavefront(std::span<const P> layers) {
  const auto L = static_cast<std::int64_t>(layers.size());
  const std::int64_t most_units = 1024;
  const View& x = layers[0].x;
  return L > 1 && x.dim(0) > L && prefers_persistent(x) &&
         (x.dtype != DType::bf16 || L * LstmShape(layers[0]).H <= most_units);
}

template <class T>
void forward_layer(Stream& s, const LstmForward& p) {
  using namespace lstm_ladder;
  (prefers_persistent(p.x) ? run_persistent<T> : run_fused_gates<T>)(s, p);
}
template <class T>
void backward_layer(Stream& s, const LstmBackward& p) {
  using namespace lstm_ladder;
  (prefers_persistent(p.x) ? run_persistent_grad<T> : run_fused_gates_grad<T>)(s, p);
}

}  // namespace

void gpu::lstm_stack_forward(Stream& s, std::span<const LstmForward> layers,
                             std::span<const View> masks) {
  using namespace lstm_ladder;
  dispatch<float, bf16>("lstm", layers[0].x.dtype, [&]<class T>() {
    if (prefers_wavefront(layers)) return run_wavefront<T>(s, layers, masks);
    by_layers<T, forward_layer<T>>(s, layers, masks);
  });
}

void gpu::lstm_stack_backward(Stream& s, std::span<const LstmBackward> layers,
                              std::span<const View> masks) {
  using namespace lstm_ladder;
  dispatch<float, bf16>("lstm", layers[0].x.dtype, [&]<class T>() {
    if (prefers_wavefront(layers)) return run_wavefront_grad<T>(s, layers, masks);
    by_layers<T, backward_layer<T>>(s, layers, masks);
  });
}

}  // namespace etude
