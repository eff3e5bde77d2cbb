// Every op's first and second derivative against finite differences in double.

#include "engine/gradcheck.h"

#include <doctest/doctest.h>

#include "engine/nn/layers.h"
#include "engine/ops/attention.h"
#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/lstm.h"
#include "engine/ops/matmul.h"
#include "engine/ops/norm.h"
#include "engine/ops/recompute.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/random.h"

namespace etude {
namespace {

constexpr double kTolerance = 1e-6;

/// Uniform in [lo, hi], f64.
Tensor random_input(const Dims& shape, std::uint64_t seed, double lo = -1, double hi = 1) {
  Generator generator(seed, 77);
  return uniform(generator, shape, lo, hi, DType::f64);
}

/// Values at least 0.1 away from zero, where |x|, leaky ReLU and the like have their kinks.
Tensor away_from_zero(const Dims& shape, std::uint64_t seed) {
  const Tensor x = random_input(shape, seed);
  return x + affine(greater(x, Tensor::zeros({}, DType::f64)), 0.2, -0.1);
}

struct OpCase {
  std::string name;
  TensorFunction f;
  std::vector<Tensor> inputs;
  int orders = 2;  // 1: not differentiable twice in a way finite differences can see
};

void check_cases(const std::vector<OpCase>& cases) {
  for (const OpCase& c : cases) {
    CAPTURE(c.name);
    const GradcheckResult first = gradcheck(c.f, c.inputs);
    CHECK_MESSAGE(first.max_error <= kTolerance, c.name, ": ", first.worst);
    if (c.orders < 2) continue;
    const GradcheckResult second = gradcheck_second_order(c.f, c.inputs);
    CHECK_MESSAGE(second.max_error <= kTolerance, c.name, ", second order: ", second.worst);
  }
}

using In = const std::vector<Tensor>&;

TEST_SUITE("gradcheck") {
  TEST_CASE("a wrong gradient is found") {
    const auto wrong = [](In x) {
      return record("wrong", square(x[0]).detach(), {x[0]},
                    [x = saved(x[0])](const Tensor& dy, Needs) { return Grads{dy * x}; });
    };
    CHECK(gradcheck(wrong, {random_input({3}, 1)}).max_error > 0.1);
  }

  TEST_CASE("elementwise ops") {
    const Tensor a = random_input({2, 3}, 1), b = random_input({3}, 2);
    const Tensor positive = random_input({2, 3}, 3, 0.5, 2), away = away_from_zero({2, 3}, 4);
    const Tensor column = random_input({2, 1}, 5), away2 = away_from_zero({3}, 6);
    check_cases({
        {"add", [](In x) { return x[0] + x[1]; }, {a, b}},
        {"sub", [](In x) { return x[0] - x[1]; }, {column, b}},
        {"mul", [](In x) { return x[0] * x[1]; }, {a, b}},
        {"div", [](In x) { return x[0] / x[1]; }, {a, positive}},
        {"div broadcast", [](In x) { return x[0] / x[1]; }, {positive, away2}},
        {"maximum", [](In x) { return square(maximum(x[0], x[1])); }, {a, away * 2.0}},
        {"minimum", [](In x) { return square(minimum(x[0], x[1])); }, {a, away * 2.0}},
        {"neg", [](In x) { return -square(x[0]); }, {a}},
        {"exp", [](In x) { return exp(x[0]); }, {a}},
        {"log", [](In x) { return log(x[0]); }, {positive}},
        {"sqrt", [](In x) { return sqrt(x[0]); }, {positive}},
        {"abs", [](In x) { return abs(x[0]) * x[0]; }, {away}},
        {"square", [](In x) { return square(x[0]); }, {a}},
        {"reciprocal", [](In x) { return reciprocal(x[0]); }, {positive}},
        {"pow", [](In x) { return pow(x[0], 2.5); }, {positive}},
        {"affine", [](In x) { return square(affine(x[0], 3, -2)); }, {a}},
        {"clamp", [](In x) { return square(clamp(x[0], -0.05, 0.05) + x[0]); }, {away}},
        {"tanh", [](In x) { return tanh(x[0]); }, {a}},
        {"sigmoid", [](In x) { return sigmoid(x[0]); }, {a}},
        {"softplus", [](In x) { return softplus(x[0]); }, {a}},
        {"leaky_relu", [](In x) { return square(leaky_relu(x[0], 0.2)); }, {away}},
        {"relu", [](In x) { return square(relu(x[0])); }, {away}},
        {"gelu", [](In x) { return gelu(x[0]); }, {a}},
        {"gelu_tanh", [](In x) { return gelu_tanh(x[0]); }, {a}},
        {"normal_cdf", [](In x) { return normal_cdf(x[0]); }, {a}},
        {"where",
         [](In x) { return where(greater(x[0], x[1]), square(x[0]), exp(x[1])); },
         {a, away * 2.0}},
    });
  }

  TEST_CASE("shape and reduction ops") {
    const Tensor a = random_input({2, 3, 4}, 1), b = random_input({2, 2, 4}, 2);
    check_cases({
        {"reshape",
         [](In x) {
           return square(reshape(x[0], {4, -1}));
         },
         {a}},
        {"permute",
         [](In x) {
           return square(permute(x[0], {2, 0, 1}));
         },
         {a}},
        {"transpose", [](In x) { return square(transpose(x[0])); }, {a}},
        {"slice", [](In x) { return square(slice(x[0], 1, 1, 3)); }, {a}},
        {"expand",
         [](In x) {
           return square(expand(x[0], {2, 2, 4}));
         },
         {random_input({2, 1, 4}, 3)}},
        {"contiguous", [](In x) { return square(contiguous(transpose(x[0]))); }, {a}},
        {"concat",
         [](In x) {
           return square(concat({x[0], x[1]}, 1));
         },
         {a, b}},
        {"sum_to",
         [](In x) {
           return square(sum_to(x[0], {3, 1}));
         },
         {a}},
        {"sum", [](In x) { return square(sum(x[0])); }, {a}},
        {"sum dims",
         [](In x) {
           return square(sum(x[0], {0, -1}));
         },
         {a}},
        {"mean", [](In x) { return square(mean(x[0], {1}, true)); }, {a}},
        {"max", [](In x) { return square(max(x[0], {2})); }, {a}},
    });
  }

  TEST_CASE("products and convolutions") {
    const ConvParams strided{.stride_h = 2, .stride_w = 1, .pad_h = 1, .dilation_w = 2};
    const ConvParams grouped{.pad_h = 1, .pad_w = 1, .groups = 2};
    ConvTransposeParams up;
    up.stride_h = up.stride_w = 2;
    up.pad_h = up.pad_w = 1;
    up.output_pad_h = 1;
    ConvTransposeParams up_grouped;
    up_grouped.groups = 2;
    up_grouped.stride_w = 2;
    check_cases({
        {"matmul",
         [](In x) { return matmul(x[0], x[1]); },
         {random_input({3, 4}, 1), random_input({4, 2}, 2)}},
        {"matmul batch",
         [](In x) { return matmul(x[0], transpose(x[1])); },
         {random_input({2, 3, 4}, 1), random_input({2, 2, 4}, 2)}},
        {"matmul shared right",
         [](In x) { return matmul(x[0], x[1]); },
         {random_input({2, 3, 4}, 1), random_input({4, 2}, 2)}},
        {"matmul shared left",
         [](In x) { return matmul(x[0], x[1]); },
         {random_input({3, 4}, 1), random_input({2, 4, 2}, 2)}},
        {"linear",
         [](In x) { return linear(x[0], x[1], x[2]); },
         {random_input({2, 2, 3}, 1), random_input({4, 3}, 2), random_input({4}, 3)}},
        {"conv",
         [=](In x) { return conv(x[0], x[1], strided); },
         {random_input({2, 2, 5, 6}, 1), random_input({3, 2, 3, 2}, 2)}},
        {"conv grouped",
         [=](In x) { return conv(x[0], x[1], grouped); },
         {random_input({2, 4, 3, 3}, 1), random_input({2, 2, 3, 3}, 2)}},
        // Far from the kink: with these biases the sums of a channel are all above 0 or all below.
        {"conv fused",
         [=](In x) {
           return square(conv(x[0], x[1], strided, {x[2] * 90.0, 0.3}));
         },
         {random_input({2, 2, 5, 6}, 1), random_input({3, 2, 3, 2}, 2), away_from_zero({3}, 3)}},
        {"conv_transpose fused",
         [=](In x) {
           return square(conv_transpose(x[0], x[1], up, {x[2] * 90.0, 0.2}));
         },
         {random_input({2, 2, 3, 3}, 1), random_input({2, 3, 4, 4}, 2), away_from_zero({3}, 3)}},
        {"conv_transpose",
         [=](In x) { return conv_transpose(x[0], x[1], up); },
         {random_input({2, 2, 3, 3}, 1), random_input({2, 3, 4, 4}, 2)}},
        {"conv_transpose grouped",
         [=](In x) { return conv_transpose(x[0], x[1], up_grouped); },
         {random_input({1, 4, 2, 3}, 1), random_input({4, 1, 2, 3}, 2)}},
    });
  }

  TEST_CASE("normalisation, softmax, losses, dropout") {
    const auto batch_norm_with = [](double slope, bool training) {
      return [=](In x) {
        Tensor mean = Tensor::full({3}, 0.1, DType::f64), var = Tensor::full({3}, 2, DType::f64);
        return batch_norm(x[0], x[1], x[2], mean, var, {.training = training, .slope = slope});
      };
    };
    const Tensor x4 = random_input({4, 3, 2, 2}, 1), x2 = random_input({6, 3}, 2);
    const Tensor gamma = random_input({3}, 3, 0.5, 1.5), beta = random_input({3}, 4);
    const Tensor target = Tensor::from(std::vector<std::int32_t>{2, 0, 1}, {3});
    check_cases({
        {"batch_norm 2d", batch_norm_with(1, true), {x4, gamma, beta}},
        {"batch_norm 1d", batch_norm_with(1, true), {x2, gamma, beta}},
        {"batch_norm leaky", batch_norm_with(0.2, true), {x2, gamma, beta * 3.0}},
        {"batch_norm inference", batch_norm_with(0.2, false), {x4, gamma, beta * 3.0}},
        {"layer_norm",
         [](In x) { return layer_norm(x[0], x[1], x[2]); },
         {random_input({2, 3, 4}, 5), random_input({4}, 6), random_input({4}, 7)}},
        {"layer_norm of a transposed view",
         [](In x) { return square(layer_norm(transpose(x[0]), x[1], x[2])); },
         {random_input({4, 3}, 5), random_input({4}, 6), random_input({4}, 7)}},
        {"softmax", [](In x) { return softmax(x[0]); }, {random_input({3, 4}, 5)}},
        {"log_softmax", [](In x) { return log_softmax(x[0]); }, {random_input({3, 4}, 6)}},
        {"cross_entropy",
         [=](In x) { return cross_entropy(x[0], target); },
         {random_input({3, 4}, 7)}},
        {"bce_with_logits",
         [](In x) {
           return bce_with_logits(x[0], 1) + bce_with_logits(x[0], 0) + bce_with_logits(x[0], 0.3);
         },
         {random_input({3, 1}, 8)}},
        {"dropout",
         [](In x) {
           Generator same(5, 5);
           return square(dropout(same, x[0], 0.4, false, 0.2));
         },
         {away_from_zero({3, 4}, 9)}},
        {"dropout channels",
         [](In x) {
           Generator same(5, 6);
           return square(dropout(same, x[0], 0.4, true));
         },
         {random_input({2, 3, 2}, 10)}},
        {"cast", [](In x) { return cast(square(x[0]), DType::f64); }, {x2}},
    });
  }

  TEST_CASE("embedding: ids that repeat, of any shape") {
    const Tensor w = random_input({5, 3}, 1), row = random_input({3}, 2);
    const Tensor ids = Tensor::from(std::vector<std::int32_t>{4, 0, 4, 4, 2, 0}, {2, 3});
    check_cases({
        {"embedding", [=](In x) { return embedding(x[0], ids); }, {w}},
        {"embedding of a function",
         [=](In x) { return square(embedding(tanh(x[0]), ids)) * x[1]; },
         {w, row}},
        {"embedding of a transposed table",
         [=](In x) { return square(embedding(transpose(x[0]), slice(ids, 1, 1, 2))); },
         {random_input({3, 5}, 3)}},
    });
  }

  TEST_CASE("a linear layer with its cross entropy, where some rows have no target") {
    const Tensor x = random_input({2, 3, 4}, 1), w = random_input({5, 4}, 2);
    const Tensor target = Tensor::from(std::vector<std::int32_t>{4, 0, -1, 4, 2, -1}, {2, 3});
    check_cases({
        {"linear_cross_entropy",
         [=](In x) { return linear_cross_entropy(x[0], x[1], target); },
         {x, w}},
        {"twice one, of functions",
         [=](In x) { return linear_cross_entropy(tanh(x[0]), square(x[1]), target) * 2.0; },
         {x, w}},
    });
    // In pieces of one row, of two, and of four: as in one piece.
    for (DType dtype : {DType::f64, DType::bf16}) {
      const auto gradients = [&](std::int64_t rows) {
        std::vector<Tensor> of{cast(x.detach(), dtype).detach(), cast(w.detach(), dtype).detach()};
        for (Tensor& t : of) t.set_requires_grad(true);
        const Tensor loss = linear_cross_entropy(of[0], of[1], target, rows * 5);
        std::vector<Tensor> all = grad(loss, of);
        all.push_back(loss);
        return all;
      };
      const auto whole = gradients(6);
      for (std::int64_t rows : {1, 2, 4}) {
        const auto found = gradients(rows);
        for (int i = 0; i < 3; ++i) {
          const Tensor apart = cast(found[i], DType::f64) - cast(whole[i], DType::f64);
          CHECK(max(square(apart)).item() <= (dtype == DType::f64 ? 1e-30 : 1.6e-5));
        }
      }
    }
    const Tensor none = Tensor::full({2, 3}, -1, DType::i32);
    CHECK(linear_cross_entropy(x, w, none).item() == 0);
    const Tensor all = Tensor::from(std::vector<std::int32_t>{4, 0, 1, 4, 2, 3}, {2, 3});
    CHECK(linear_cross_entropy(x, w, all).item() ==
          doctest::Approx(cross_entropy(linear(x, w), all).item()).epsilon(1e-12));
  }

  TEST_CASE("recomputed: the function runs again for the gradient, with the same draws") {
    Tensor w = random_input({4}, 2);
    w.set_requires_grad(true);
    const std::vector<Tensor> leaves{w};
    std::vector<std::vector<Tensor>> gradients;
    for (bool again : {false, true}) {
      Generator random(5, 7);
      int runs = 0;
      const auto f = [&](const Tensor& t) {
        ++runs;
        return dropout(random, tanh(t * w), 0.5);
      };
      Tensor x = random_input({3, 4}, 1);
      x.set_requires_grad(true);
      const Tensor y = again ? recomputed(f, x, leaves, &random) : f(x);
      const std::uint64_t offset = random.offset();
      const std::vector<Tensor> wanted{x, w};
      gradients.push_back(grad(sum(square(y)), wanted));
      CHECK(runs == (again ? 2 : 1));
      CHECK(random.offset() == offset);
    }
    for (int i = 0; i < 2; ++i) CHECK(max(abs(gradients[0][i] - gradients[1][i])).item() == 0);
    CHECK(max(abs(gradients[0][0])).item() > 0);
  }

  TEST_CASE("attention: packed heads; with dropout once") {
    const Tensor qkv = random_input({2, 3, 12}, 1), weights = random_input({2, 3, 4}, 2);
    check_cases({
        {"attention", [](In x) { return self_attention(x[0], {.heads = 2}); }, {qkv}},
        {"rotary",
         [](In x) { return square(rotary(x[0], 1, 5)) * x[1]; },
         {qkv, random_input({2, 3, 12}, 3)}},
        {"attention of one head, of a function",
         [](In x) { return square(self_attention(tanh(x[0]), {.heads = 1})) * x[1]; },
         {qkv, weights}},
        {"attention with dropout",
         [](In x) {
           Generator same(5, 7);
           return self_attention(x[0], {.heads = 2, .dropout = 0.4, .generator = &same});
         },
         {qkv},
         1},
    });
  }

  TEST_CASE("long short-term memory: layers, states, lengths, dropout") {
    const std::vector<Tensor> inputs{
        random_input({3, 2, 3}, 1), random_input({8, 3}, 2),    random_input({8, 2}, 3),
        random_input({8}, 4),       random_input({8, 2}, 5),    random_input({8, 2}, 6),
        random_input({8}, 7),       random_input({2, 2, 2}, 8), random_input({2, 2, 2}, 9)};
    const auto all_outputs = [](const LstmResult& r) { return concat({r.y, r.end.h, r.end.c}, 0); };
    const auto two_layers = [=](In x, LstmOptions options) {
      options.start = {x[7], x[8]};
      return all_outputs(
          lstm(x[0], std::vector<LstmWeights>{{x[1], x[2], x[3]}, {x[4], x[5], x[6]}}, options));
    };
    const Tensor lengths = Tensor::from(std::vector<std::int32_t>{2, 0}, {2});
    check_cases({
        {"lstm",
         [=](In x) {
           return all_outputs(lstm(x[0], std::vector<LstmWeights>{{x[1], x[2], x[3]}}));
         },
         {inputs.begin(), inputs.begin() + 4}},
        {"lstm of dependent inputs",
         [=](In x) {
           const Tensor h = tanh(slice(x[0], 0, 0, 1));
           return all_outputs(lstm(x[0], std::vector<LstmWeights>{{x[1], x[2], x[3]}},
                                   {.start = {slice(h, 2, 0, 2), slice(h, 2, 1, 3)}}));
         },
         {inputs.begin(), inputs.begin() + 4}},
        {"lstm of sums",
         [=](In x) {
           return all_outputs(
               lstm(x[0], std::vector<LstmWeights>{{{}, x[1], {}}}, {.lengths = lengths}));
         },
         {random_input({3, 2, 8}, 1), inputs[2]}},
        {"lstm, two layers", [=](In x) { return two_layers(x, {}); }, inputs},
        {"lstm, lengths", [=](In x) { return two_layers(x, {.lengths = lengths}); }, inputs},
        {"lstm, dropout",
         [=](In x) {
           Generator same(5, 7);
           return two_layers(x, {.dropout = 0.4, .generator = &same});
         },
         inputs},
    });
  }

  TEST_CASE("a gradient through several steps of gradient descent, as unrolled GANs need it") {
    const auto unrolled = [](In x) {
      Tensor w = x[0];
      for (int step = 0; step < 3; ++step) {
        const Tensor loss = sum(square(tanh(matmul(x[1], w))));
        const std::vector<Tensor> inputs{w};
        w = w - grad(loss, inputs, true)[0] * 0.1;
      }
      return sum(square(w));
    };
    const GradcheckResult result =
        gradcheck(unrolled, {random_input({3, 2}, 1), random_input({4, 3}, 2)});
    CHECK_MESSAGE(result.max_error <= kTolerance, result.worst);
  }
}

}  // namespace
}  // namespace etude
