#include "kernels/attention/attention_hopper.h"

#ifdef __CUDACC__

#include "kernels/attention/ladder/3_hopper.cuh"
#include "kernels/matmul/matmul_hopper.h"

namespace etude {
namespace {

attention_ladder::HopperInput operand_of(const View& x) {
  const HopperHeads h(x);
  return {panel_map<4>(x.as<bf16>(), h.extents, h.strides, h.heads_first ? 2 : 1), h.heads_first};
}

}  // namespace

void attention_hopper(Stream& s, const AttentionForward& arguments) {
  using namespace attention_ladder;
  if (!attention_hopper_suits(arguments) || !hopper_available()) {
    return gpu::attention_forward(s, arguments);
  }
  const AttentionProblem<bf16> p(arguments);
  const HopperInputs operands{operand_of(arguments.q), operand_of(arguments.k),
                              operand_of(arguments.v), static_cast<int>(arguments.q.dim(1))};
  const auto run = [&]<int kDim>() {
    launch(s,
           {.grid = head_tiles(p.heads, p.T, HopperTile<kDim>::kQueries),
            .block = dim3(kHopperThreads),
            .shared_bytes = kHopperSmemBytes<kDim>},
           attention_hopper_tiles<kDim>, operands, p);
  };
  p.D == 64 ? run.operator()<64>() : run.operator()<128>();
}

}  // namespace etude

#else  // wgmma and TMA have no host twins

namespace etude {

void attention_hopper(Stream& s, const AttentionForward& p) { gpu::attention_forward(s, p); }

}  // namespace etude

#endif
