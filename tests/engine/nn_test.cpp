#include <doctest/doctest.h>

#include <cmath>

#include "engine/nn/layers.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/optim/adam.h"
#include "engine/optim/schedule.h"

namespace etude {
namespace {

struct Mlp : Module {
  explicit Mlp(Init init)
      : hidden(*this, "hidden", {.in = 2, .out = 16}, init),
        norm(*this, "norm", 16, init),
        out(*this, "out", {.in = 16, .out = 2}, init) {}
  Tensor operator()(const Tensor& x) { return out(norm(hidden(x), 0)); }
  Linear hidden;
  BatchNorm norm;
  Linear out;
};

TEST_SUITE("nn") {
  TEST_CASE("a module names its parameters and buffers in order") {
    Generator random(1, 1);
    Mlp net({.generator = random});
    std::vector<std::string> names;
    for (auto& [name, tensor] : net.parameters()) names.push_back(name);
    CHECK(names == std::vector<std::string>{"hidden.weight", "hidden.bias", "norm.gamma",
                                            "norm.beta", "out.weight", "out.bias"});
    CHECK(net.buffers().size() == 2);
    CHECK(net.num_parameters() == 2 * 16 + 16 + 16 + 16 + 16 * 2 + 2);
    net.train(false);
    CHECK_FALSE(net.norm.training());
  }

  TEST_CASE("training separates XOR, on both devices, and twice the same bits") {
    for (Device device : {Device::cpu, Device::gpu}) {
      std::vector<std::vector<float>> weights;
      for (int run = 0; run < 2; ++run) {
        Generator random(3, 1);
        Mlp net({.generator = random, .device = device});
        Adam adam(net, {.lr = 0.05});
        const Tensor x = Tensor::from(std::vector<float>{0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}, device);
        const Tensor t = Tensor::from(std::vector<std::int32_t>{0, 1, 1, 0}, {4}, device);
        double loss = 0;
        for (int step = 0; step < 60; ++step) {
          adam.zero_grad();
          const Tensor l = cross_entropy(net(x), t);
          backward(l);
          adam.step();
          loss = l.item();
        }
        CHECK(loss < 0.05);
        weights.push_back(net.hidden.weight.to_vector<float>());
      }
      CHECK(weights[0] == weights[1]);
    }
  }

  TEST_CASE("Adam's first steps by hand") {
    struct One : Module {
      Tensor w = add_parameter("w", Tensor::from(std::vector<float>{1, -2}, {2}));
    } net;
    Adam adam(net, {.lr = 0.1, .weight_decay = 0.5});
    double w[2] = {1, -2}, m[2] = {}, v[2] = {};
    for (int t = 1; t <= 3; ++t) {
      adam.zero_grad();
      backward(sum(square(net.w) * net.w));
      adam.step();
      for (int i = 0; i < 2; ++i) {
        const double g = 3 * w[i] * w[i];
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        w[i] -= 0.1 * 0.5 * w[i];
        w[i] -= 0.1 * (m[i] / (1 - std::pow(0.9, t))) /
                (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-8);
      }
    }
    const auto actual = net.w.to_vector<float>();
    CHECK(actual[0] == doctest::Approx(w[0]).epsilon(1e-5));
    CHECK(actual[1] == doctest::Approx(w[1]).epsilon(1e-5));
  }

  TEST_CASE("a parameter without a gradient counts as zero, and clipping bounds the norm") {
    struct Two : Module {
      Tensor a = add_parameter("a", Tensor::ones({3}));
      Tensor b = add_parameter("b", Tensor::ones({2}));
    } net;
    Adam adam(net, {});
    backward(sum(net.a * 4.0));
    CHECK(adam.clip_gradient(1).item() == doctest::Approx(std::sqrt(48.0)));
    CHECK(adam.gradient_norm().item() == doctest::Approx(1).epsilon(1e-4));
    adam.step();
    CHECK(net.b.to_vector<float>() == std::vector<float>{1, 1});
    CHECK(net.a.to_vector<float>()[0] < 1);
  }

  TEST_CASE(
      "an embedding takes rows of its weight, and only those get a gradient, on both devices") {
    for (Device device : {Device::cpu, Device::gpu}) {
      Generator random(8, 1);
      Module root;
      Embedding embed(root, "embed", {.num = 40, .dim = 25},
                      {.generator = random, .device = device});
      CHECK(root.parameters()[0].first == "embed.weight");
      CHECK(embed.weight.shape() == Dims{40, 25});
      const auto weight = embed.weight.to_vector<float>();
      double square = 0;
      for (float w : weight) square += w * w;
      CHECK(square / 1000 == doctest::Approx(1).epsilon(0.15));  // 3.4 standard errors
      const Tensor ids = Tensor::from(std::vector<std::int32_t>{3, 39, 3, 40}, {2, 2}, device);
      const Tensor y = embed(ids);
      CHECK(y.shape() == Dims{2, 2, 25});
      const auto rows = y.to_vector<float>();
      CHECK(std::vector<float>(rows.begin(), rows.begin() + 25) ==
            std::vector<float>(weight.begin() + 75, weight.begin() + 100));
      CHECK(std::isnan(rows.back()));
      backward(sum(y));
      const auto dw = embed.weight.grad().to_vector<float>();
      for (std::size_t i = 0; i < dw.size(); ++i) {
        const std::size_t row = i / 25;
        CHECK(dw[i] == (row == 3 ? 2 : row == 39 ? 1 : 0));
      }
      CHECK_THROWS_WITH_AS(embed(y), "embedding: ids must be i32, not f32", Error);
      CHECK_THROWS_WITH_AS(embedding(ids, ids), "embedding: dtype i32 is not supported here",
                           Error);
    }
  }

  TEST_CASE("an LSTM of a table's rows is the LSTM of their sequence, with its gradients") {
    Generator random(4, 1);
    Module root;
    const Init init{.generator = random, .dtype = DType::f64};
    Lstm layers(root, "lstm", {.in = 3, .hidden = 5, .layers = 2}, init);
    Embedding table(root, "table", {.num = 4, .dim = 3}, init);
    Linear more(root, "more", {.in = 1, .out = 3}, init);
    const Tensor ids = Tensor::from(std::vector<std::int32_t>{3, 0, 3, 3, 2, 0}, {3, 2});
    const Tensor added = more(Tensor::ones({2, 1}, DType::f64));
    for (const Tensor& t : {Tensor(), added}) {
      // Three ids for four rows multiply the sequence, six the table.
      for (const Tensor& some : {slice(ids, 1, 0, 1), ids}) {
        const Tensor here = t.defined() ? slice(t, 0, 0, some.dim(1)) : t;
        const Tensor rows = table(some);
        const std::vector<Tensor> y{sum(square(layers.of_rows(table.weight, some, here).y)),
                                    sum(square(layers(here.defined() ? rows + here : rows).y))};
        CHECK(y[0].item() == doctest::Approx(y[1].item()).epsilon(1e-12));
        for (const auto& [name, parameter] : root.parameters()) {
          const std::vector<Tensor> of{parameter};
          const Tensor found = grad(y[0], of, true)[0], expected = grad(y[1], of, true)[0];
          REQUIRE(found.defined() == expected.defined());
          if (!found.defined()) continue;
          CHECK_MESSAGE(sum(square(found - expected)).item() < 1e-24, name);
          CHECK(sum(square(expected)).item() > 1e-6);
        }
      }
    }
  }

  TEST_CASE("an LSTM in one run, step by step with its state, and on both devices") {
    std::vector<std::vector<float>> results;
    for (Device device : {Device::cpu, Device::gpu}) {
      Generator random(4, 1);
      Module root;
      Lstm layers(root, "lstm", {.in = 3, .hidden = 5, .layers = 2, .dropout = 0.5},
                  {.generator = random, .device = device});
      CHECK(root.num_parameters() == 4 * 5 * (3 + 5 + 1) + 4 * 5 * (5 + 5 + 1));
      CHECK(root.parameters()[3].first == "lstm.w_ih_1");
      const Tensor x = uniform(random, {4, 1, 3}, -1, 1, DType::f32, device);
      CHECK_THROWS_WITH_AS(layers(x), "lstm: dropout 0.5 needs a generator", Error);
      root.train(false);
      const NoGrad none;
      const LstmResult whole = layers(x);
      LstmState state;
      for (std::int64_t t = 0; t < 4; ++t) {
        const LstmResult step = layers(slice(x, 0, t, t + 1), {.start = state});
        state = step.end;
        const auto expected = slice(whole.y, 0, t, t + 1).to_vector<float>();
        const auto actual = step.y.to_vector<float>();
        for (std::size_t i = 0; i < actual.size(); ++i) {
          CHECK(actual[i] == doctest::Approx(expected[i]).epsilon(1e-5));
        }
      }
      results.push_back(whole.y.to_vector<float>());
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      CHECK(results[0][i] == doctest::Approx(results[1][i]).epsilon(1e-5));
    }
  }

  TEST_CASE("a stack of LSTM layers with dropout agrees across devices, with its gradients") {
    std::vector<std::vector<float>> results[2];
    for (Device device : {Device::cpu, Device::gpu}) {
      auto& found = results[device == Device::gpu];
      Generator random(4, 1), dropout_draws(4, 2);
      Module root;
      Lstm layers(root, "lstm", {.in = 3, .hidden = 5, .layers = 3, .dropout = 0.4},
                  {.generator = random, .device = device});
      Tensor x = uniform(random, {5, 2, 3}, -1, 1, DType::f32, device);
      const Tensor lengths = Tensor::from(std::vector<std::int32_t>{5, 3}, {2}, device);
      const LstmResult y =
          layers(x.set_requires_grad(true), {.lengths = lengths, .generator = &dropout_draws});
      CHECK(y.end.h.shape() == Dims{3, 2, 5});
      std::vector<Tensor> of{x};
      for (const auto& [name, parameter] : root.parameters()) of.push_back(parameter);
      const Tensor loss = sum(square(y.y)) + sum(y.end.h) + sum(square(y.end.c));
      for (const Tensor& t : {y.y, y.end.h, y.end.c}) found.push_back(t.to_vector<float>());
      for (const Tensor& t : grad(loss, of)) found.push_back(t.to_vector<float>());
    }
    REQUIRE(results[0].size() == 3 + 1 + 9);
    for (std::size_t k = 0; k < results[0].size(); ++k) {
      CAPTURE(k);
      REQUIRE(results[0][k].size() == results[1][k].size());
      for (std::size_t i = 0; i < results[0][k].size(); ++i) {
        CHECK(results[0][k][i] == doctest::Approx(results[1][k][i]).epsilon(1e-4));
      }
    }
  }

  TEST_CASE("an LSTM deeper than one graph node is its halves, one after the other") {
    Generator random(4, 1);
    Module root;
    Lstm all(root, "lstm", {.in = 2, .hidden = 2, .layers = 9}, {.generator = random});
    const Tensor x = uniform(random, {3, 2, 2}, -1, 1);
    const NoGrad none;
    const std::span<const LstmWeights> w = all.weights;
    const LstmResult whole = lstm(x, w), first = lstm(x, w.first(4)),
                     second = lstm(first.y, w.subspan(4));
    CHECK(whole.y.to_vector<float>() == second.y.to_vector<float>());
    CHECK(whole.end.c.to_vector<float>() ==
          concat({first.end.c, second.end.c}, 0).to_vector<float>());
  }

  TEST_CASE("schedules meet their corner points") {
    CHECK(warmup_cosine(0, 10, 100, 1) == doctest::Approx(0.1));
    CHECK(warmup_cosine(10, 10, 100, 1) == doctest::Approx(1));
    CHECK(warmup_cosine(100, 10, 100, 1, 0.1) == doctest::Approx(0.1));
    CHECK(linear_decay(50, 0, 100, 1) == doctest::Approx(0.5));
    CHECK(one_cycle(0, 1000, {.lr = 1}) == doctest::Approx(1.0 / 25));
    CHECK(one_cycle(299, 1000, {.lr = 1}) == doctest::Approx(1));
    CHECK(one_cycle(999, 1000, {.lr = 1}) == doctest::Approx(1.0 / 25e4));
    // PyTorch 2.15's OneCycleLR(max_lr=4e-4, total_steps=50, pct_start=.1, div_factor=1e3).
    const OneCycle cycle{.lr = 4e-4, .rise = 0.1, .start = 1e3};
    struct {
      std::int64_t step;
      double lr, beta1;
    } const expected[] = {{0, 4e-7, 0.95},
                          {2, 0.0002002, 0.9},
                          {4, 4e-4, 0.85},
                          {5, 0.00039951281010068383, 0.8501217974870088},
                          {20, 0.0002876742405903926, 0.8780814426605461},
                          {49, 4e-11, 0.95}};
    for (const auto& [step, lr, beta1] : expected) {
      CHECK(one_cycle(step, 50, cycle) == doctest::Approx(lr).epsilon(1e-9));
      CHECK(one_cycle_beta1(step, 50, cycle) == doctest::Approx(beta1).epsilon(1e-9));
    }
  }

  TEST_CASE("dropout keeps the mean, drops channels together, and agrees across devices") {
    std::vector<std::vector<float>> results;
    for (Device device : {Device::cpu, Device::gpu}) {
      Generator random(9, 1);
      const Tensor x = Tensor::ones({8, 16, 3, 3}, DType::f32, device);
      const auto y = dropout(random, x, 0.25, true).to_vector<float>();
      double total = 0;
      for (std::size_t c = 0; c < 8 * 16; ++c) {
        for (int i = 1; i < 9; ++i) CHECK(y[c * 9] == y[c * 9 + i]);
        total += y[c * 9];
      }
      CHECK(total / (8 * 16) == doctest::Approx(1).epsilon(0.15));
      results.push_back(y);
    }
    CHECK(results[0] == results[1]);
  }
}

}  // namespace
}  // namespace etude
