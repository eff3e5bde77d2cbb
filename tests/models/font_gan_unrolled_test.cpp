// Unrolled updates on a tiny discriminator, against finite differences and against Adam itself.

#include "models/font_gan/unrolled.h"

#include <doctest/doctest.h>

#include "engine/gradcheck.h"
#include "engine/nn/stand_at.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"
#include "models/font_gan/losses.h"

namespace etude::font_gan {
namespace {

/// Images [B, 1, 4, 4] -> logits [B, 1], with all that the reference discriminator has. f64.
struct TinyDiscriminator : Module {
  TinyDiscriminator(Generator& dropout_generator, std::uint64_t seed, double drop = 0.25)
      : weights(seed, 1),
        conv(*this, "conv", {.in = 1, .out = 3, .kernel = 2, .stride = 2},
             {.generator = weights, .dtype = DType::f64}),
        norm(*this, "norm", 3, {.generator = weights, .dtype = DType::f64}),
        out(*this, "out", {.in = 12, .out = 1}, {.generator = weights, .dtype = DType::f64}),
        drops(dropout_generator),
        rate(drop) {}
  Tensor operator()(const Tensor& x) {
    const Tensor h = norm(conv(x, 0.2), 0.2);
    return out(reshape(rate > 0 ? dropout(drops, h, rate, true) : h, {-1, 12}));
  }

  Generator weights;
  Conv2d conv;
  BatchNorm norm;
  Linear out;
  Generator& drops;
  double rate;
};

std::vector<Tensor> weights_of(const Module& network) {
  std::vector<Tensor> weights;
  for (const auto& [name, w] : network.parameters()) weights.push_back(w);
  return weights;
}

/// A discriminator that Adam has already moved, and copies of it to unroll with.
struct TinyGame {
  explicit TinyGame(double drop) : d(drops, 1, drop), adam(d, {.lr = 0.05, .beta1 = 0.5}) {
    for (std::uint64_t i = 0; i < 4; ++i) {
      copies.push_back(std::make_unique<TinyDiscriminator>(drops, 2 + i, drop));
    }
    Generator random(9, 9);
    real = uniform(random, {4, 1, 4, 4}, -1, 1, DType::f64);
    codes = normal(random, {4, 1, 4, 4}, 0, 1, DType::f64);
    for (int i = 0; i < 2; ++i) update(tanh(codes));
  }
  Tensor loss(TinyDiscriminator& network, const Tensor& fake) {
    return classification_loss(network(real), network(fake));
  }
  void update(const Tensor& fake) {
    adam.zero_grad();
    backward(loss(d, fake));
    adam.step();
  }
  std::vector<Tensor> ahead(const Tensor& fake, std::int64_t steps, bool through) {
    return unrolled(adam, weights_of(d), steps, through,
                    [&](std::int64_t t, std::span<const Tensor> weights) {
                      TinyDiscriminator& copy = *copies[static_cast<std::size_t>(t)];
                      stand_at(copy, weights);
                      return loss(copy, fake);
                    });
  }

  Generator drops{3, 3};
  TinyDiscriminator d;
  Adam adam;
  std::vector<std::unique_ptr<TinyDiscriminator>> copies;
  Tensor real, codes;
};

TEST_SUITE("font_gan unrolled") {
  TEST_CASE("the gradient through unrolled updates is that of finite differences") {
    TinyGame game(0.25);
    for (const std::int64_t steps : {1, 3}) {
      const auto generator_loss = [&](const std::vector<Tensor>& codes, bool through) {
        const GradMode recording(true);
        game.drops.set_offset(1000);  // the same units are dropped at every evaluation
        const Tensor fake = tanh(codes[0]);
        const std::vector<Tensor> weights = game.ahead(fake, steps, through);
        TinyDiscriminator& last = *game.copies[static_cast<std::size_t>(steps)];
        stand_at(last, weights);
        return non_saturating_loss(last(fake));
      };
      const auto second_order = [&](const auto& codes) { return generator_loss(codes, true); };
      const GradcheckResult result = gradcheck(second_order, {game.codes.clone()}, 1e-5);
      CHECK_MESSAGE(result.max_error < 1e-6, result.worst);
      const auto first_order = [&](const auto& codes) { return generator_loss(codes, false); };
      CHECK(gradcheck(first_order, {game.codes.clone()}, 1e-5).max_error > 1e-4);
    }
  }

  TEST_CASE("unrolled updates are those of Adam, and leave the network alone") {
    TinyGame game(0);
    const Tensor fake = tanh(game.codes);
    const auto statistics = game.d.norm.running_mean.to_vector<double>();
    const auto before = game.d.out.weight.to_vector<double>();
    std::vector<std::vector<Tensor>> ahead;
    for (bool through : {true, false}) ahead.push_back(game.ahead(fake, 3, through));
    CHECK(game.d.norm.running_mean.to_vector<double>() == statistics);
    CHECK(game.d.out.weight.to_vector<double>() == before);
    for (int i = 0; i < 3; ++i) game.update(fake);
    const std::vector<Tensor> reached = weights_of(game.d);
    for (const auto& weights : ahead) {
      for (std::size_t i = 0; i < reached.size(); ++i) {
        const auto expected = reached[i].to_vector<double>(), got = weights[i].to_vector<double>();
        for (std::size_t k = 0; k < got.size(); ++k) {
          CHECK(got[k] == doctest::Approx(expected[k]).epsilon(1e-6));
        }
      }
    }
    CHECK_FALSE(ahead[1][0].requires_grad());
    CHECK_THROWS_AS(stand_at(game.d, std::span(reached).first(2)), Error);
    CHECK_THROWS_AS(
        stand_at(game.d, std::vector<Tensor>(reached.size(), Tensor::zeros({1}, DType::f64))),
        Error);
  }
}

}  // namespace
}  // namespace etude::font_gan
