#include "kernels/lstm/lstm.h"

#include "kernels/lstm/ladder/0_stepwise.cuh"
#include "kernels/lstm/ladder/1_fused_gates.cuh"
#include "kernels/lstm/ladder/2_persistent.cuh"

namespace etude {

std::span<const LstmRung> lstm_rungs() {
  using namespace lstm_ladder;
  static constexpr const char* kSteps = "a kernel per equation and step";
  static constexpr const char* kFused = "one input product, one kernel for the gates";
  static constexpr const char* kPersistent = "one launch, the weights stay in shared memory";
  static const LstmRung rungs[] = {
      {"stepwise", kSteps, run_stepwise<float>, run_stepwise_grad<float>},
      {"fused_gates", kFused, run_fused_gates<float>, run_fused_gates_grad<float>},
      {"persistent", kPersistent, run_persistent<float>, run_persistent_grad<float>},
      {"stepwise_bf16", kSteps, run_stepwise<bf16>, run_stepwise_grad<bf16>, DType::bf16},
      {"fused_gates_bf16", kFused, run_fused_gates<bf16>, run_fused_gates_grad<bf16>, DType::bf16},
      {"persistent_bf16", kPersistent, run_persistent<bf16>, run_persistent_grad<bf16>,
       DType::bf16}};
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

}  // namespace

void gpu::lstm_forward(Stream& s, const LstmForward& p) {
  using namespace lstm_ladder;
  dispatch<float, bf16>("lstm", p.x.dtype, [&]<class T>() {
    (prefers_persistent(p.x) ? run_persistent<T> : run_fused_gates<T>)(s, p);
  });
}

void gpu::lstm_backward(Stream& s, const LstmBackward& p) {
  using namespace lstm_ladder;
  dispatch<float, bf16>("lstm", p.x.dtype, [&]<class T>() {
    (prefers_persistent(p.x) ? run_persistent_grad<T> : run_fused_gates_grad<T>)(s, p);
  });
}

}  // namespace etude
