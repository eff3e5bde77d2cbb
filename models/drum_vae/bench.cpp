#include "models/drum_vae/bench.h"

#include <memory>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "models/drum_vae/train.h"

namespace etude::drum_vae {
namespace {

/// Multiply-adds times two of one pattern's forward pass through a convolution (or, with the steps
/// of its input, a transposed one).
constexpr double conv(double steps, double in, double out, double kernel) {
  return 2 * steps * in * out * kernel;
}
constexpr double linear(double in, double out) { return 2 * in * out; }

constexpr double kSmallFirst = conv(16, 9, 32, 3);
constexpr double kSmall = kSmallFirst + conv(8, 32, 64, 3) + conv(4, 64, 64, 3) +
                          linear(256, 2 * kLow) + linear(kLow, 64) + linear(64, 2 * kHigh) +
                          linear(kHigh, 64) + linear(64, 2 * kLow) + linear(kLow, 256) +
                          conv(4, 64, 32, 4) + conv(8, 32, 9, 4);
constexpr double kReferenceFirst = kSmallFirst;
constexpr double kReference = kReferenceFirst + conv(8, 32, 64, 3) + conv(4, 64, 128, 3) +
                              linear(512, 2 * kLow) + linear(512, 64) + linear(64, 32) +
                              linear(32, 2 * kHigh) + linear(kHigh, 64) + linear(64, 2 * kLow) +
                              linear(kLow + kHigh, 256) + linear(256, 512) + linear(512, 512) +
                              conv(4, 128, 64, 4) + conv(8, 64, 32, 4) + conv(16, 32, 9, 3);

/// A hierarchical VAE as a first version would be written; tools/bench/pytorch_step.py has it too.
struct SmallVae : Module {
  explicit SmallVae(Init init)
      : conv1(*this, "conv1", {.in = kInstruments, .out = 32, .kernel = 3, .pad = 1}, init),
        conv2(*this, "conv2", {.in = 32, .out = 64, .kernel = 3, .stride = 2, .pad = 1}, init),
        conv3(*this, "conv3", {.in = 64, .out = 64, .kernel = 3, .stride = 2, .pad = 1}, init),
        low(*this, "low", {.in = 256, .out = 2 * kLow}, init),
        high1(*this, "high1", {.in = kLow, .out = 64}, init),
        high2(*this, "high2", {.in = 64, .out = 2 * kHigh}, init),
        prior1(*this, "prior1", {.in = kHigh, .out = 64}, init),
        prior2(*this, "prior2", {.in = 64, .out = 2 * kLow}, init),
        up(*this, "up", {.in = kLow, .out = 256}, init),
        unpool1(*this, "unpool1", {.in = 64, .out = 32, .kernel = 4, .stride = 2, .pad = 1}, init),
        unpool2(*this, "unpool2",
                {.in = 32, .out = kInstruments, .kernel = 4, .stride = 2, .pad = 1}, init) {}

  /// -ELBO of x: [B, 9, 16].
  Tensor loss(const Tensor& x, Generator& noise) const {
    const std::int64_t batch = x.dim(0);
    const Normal q_low = split(low(reshape(conv3(conv2(conv1(x, 0), 0), 0), {batch, 256})));
    const Tensor z_low = draw(q_low, noise);
    const Normal q_high = split(high2(relu(high1(z_low))));
    const Normal p_low = split(prior2(relu(prior1(draw(q_high, noise)))));
    const Tensor logits = unpool2(unpool1(reshape(relu(up(z_low)), {batch, 64, 4}), 0));
    const Tensor kl = sum(kl_divergence(q_low, p_low)) +
                      sum(kl_divergence(q_high, DrumVae::standard(batch, kHigh, x.device())));
    return affine(sum(softplus(logits) - x * logits) + kl, 1.0 / static_cast<double>(batch), 0);
  }

  Conv1d conv1, conv2, conv3;
  Linear low, high1, high2, prior1, prior2, up;
  ConvTranspose1d unpool1, unpool2;
};

struct SmallRun {
  SmallRun(std::int64_t batch, Device device)
      : model({.generator = random, .device = device}),
        adam(model, {.lr = 1e-3}),
        x(cast(greater(Tensor::full({1}, 0.2, DType::f32, device),
                       uniform(random, {batch, kInstruments, kSteps}, 0, 1, DType::f32, device)),
               DType::f32)) {}
  void step() {
    adam.zero_grad();
    backward(model.loss(x, random));
    adam.step();
  }

  Generator random{1, 1};
  SmallVae model;
  Adam adam;
  Tensor x;
};

}  // namespace

StepBench step_bench(const Config& config, Device device, const std::string& networks) {
  const auto batch = static_cast<double>(config.batch);
  // Forward, both gradients of each layer, but for the input of the first.
  if (networks == "small") {
    auto run = std::make_shared<SmallRun>(config.batch, device);
    return {.step = [run] { run->step(); },
            .flops = batch * (3 * kSmall - kSmallFirst),
            .items = config.batch,
            .description = "drum VAE, small networks"};
  }
  require(networks.empty() || networks == "reference", "drum_vae: unknown networks ", networks,
          "; they are reference, small");
  auto vae = std::make_shared<Vae>(config, device);
  Generator random(1, 7);
  const Tensor u = uniform(random, {config.batch, kSteps, kInstruments}, 0, 1, DType::f32, device);
  const Tensor x = cast(greater(Tensor::full({1}, 0.2, DType::f32, device), u), DType::f32);
  return {.step = [vae, x] { vae->step(x, 0.5); },
          .flops = batch * (3 * kReference - kReferenceFirst),
          .items = config.batch,
          .description = "drum VAE"};
}

}  // namespace etude::drum_vae
