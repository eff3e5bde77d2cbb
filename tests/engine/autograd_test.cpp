#include "engine/autograd.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/allocator.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"

namespace etude {
namespace {

Tensor leaf(std::vector<float> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return Tensor::from(values, {n}).set_requires_grad(true);
}

TEST_SUITE("autograd") {
  TEST_CASE("gradients accumulate until zero_grad") {
    Tensor x = leaf({1, 2});
    backward(sum(square(x)));
    CHECK(x.grad().to_vector<float>() == std::vector<float>{2, 4});
    backward(sum(square(x)));
    CHECK(x.grad().to_vector<float>() == std::vector<float>{4, 8});
    x.zero_grad();
    CHECK_FALSE(x.grad().defined());
  }

  TEST_CASE("a tensor used several times gets the sum, and shared gradients stay apart") {
    Tensor x = leaf({3}), y = leaf({5});
    const Tensor s = x + y;
    backward(sum(s * s + x));
    CHECK(x.grad().item() == 17);
    CHECK(y.grad().item() == 16);
    backward(sum(x + y));
    CHECK(x.grad().item() == 18);
    CHECK(y.grad().item() == 17);
  }

  TEST_CASE("a gradient that an op hands to several inputs is not shared by leaves") {
    // add gives one dy to h and k; x then gets more, which must not reach w.
    Tensor x = leaf({1, 2}), w = leaf({0, 0});
    const Tensor h = exp(w), k = square(x);
    backward(sum(square(x + h + k)));
    CHECK(w.grad().to_vector<float>() == std::vector<float>{6, 14});
    CHECK(x.grad().to_vector<float>() == std::vector<float>{18, 70});
  }

  TEST_CASE("a backward that returns another shape is an error, not a wrong gradient") {
    Tensor x = leaf({1, 2});
    const Tensor y = record("bad", square(x).detach(), {x},
                            [](const Tensor& dy, Needs) { return Grads{sum(dy)}; });
    CHECK_THROWS_WITH_AS(backward(sum(y)),
                         "backward of bad: input 0 has shape [2], its gradient []", Error);
  }

  TEST_CASE("an in-place change of a result that its gradient needs is an error") {
    Tensor x = leaf({1});
    Tensor y = tanh(x);
    {
      const NoGrad no_grad;
      y.fill_(0);
    }
    CHECK_THROWS_AS(backward(sum(y)), Error);
    Tensor z = sigmoid(x);
    CHECK_THROWS_AS(add_(z, x), Error);
  }

  TEST_CASE("cast carries the gradient back to the input's dtype") {
    Tensor x = leaf({3});
    backward(sum(square(cast(x, DType::f64))));
    CHECK(x.grad().dtype() == DType::f32);
    CHECK(x.grad().item() == 6);
  }

  TEST_CASE("detach and NoGrad cut the graph") {
    Tensor x = leaf({2});
    CHECK_FALSE(square(x).detach().requires_grad());
    {
      const NoGrad no_grad;
      CHECK_FALSE(square(x).requires_grad());
    }
    CHECK(square(x).requires_grad());
    backward(sum(square(x) * square(x).detach()));
    CHECK(x.grad().item() == 16);
  }

  TEST_CASE("grad() leaves grad alone, gives undefined for what does not matter, and repeats") {
    Tensor x = leaf({3}), unused = leaf({1});
    const std::vector<Tensor> inputs{x, unused};
    const auto first = grad(sum(square(x) * x), inputs, true);
    CHECK(first[0].item() == 27);
    CHECK_FALSE(first[1].defined());
    const std::vector<Tensor> only{x};
    CHECK(grad(sum(first[0]), only)[0].item() == 18);
    CHECK_FALSE(x.grad().defined());
  }

  TEST_CASE("grad() with respect to an intermediate") {
    Tensor x = leaf({3});
    const Tensor y = square(x);
    const std::vector<Tensor> inputs{y};
    CHECK(grad(sum(square(y)), inputs)[0].item() == 18);
  }

  TEST_CASE("a released graph and a foreign root are errors") {
    Tensor x = leaf({1});
    const Tensor y = sum(square(x));
    backward(y);
    CHECK_THROWS_WITH_AS(
        backward(y),
        "backward: the graph behind reshape was already used and released; the first "
        "time, pass retain_graph to backward or create_graph to grad",
        Error);
    CHECK_THROWS_AS(backward(Tensor::ones({1})), Error);
    CHECK_THROWS_AS(backward(square(leaf({1, 2}))), Error);
    const Tensor z = sum(square(x));
    backward(z, true);
    backward(z);
    CHECK(x.grad().item() == 6);
  }

  TEST_CASE("an in-place change of what a gradient needs is an error, not a wrong gradient") {
    Tensor x = leaf({1}), w = leaf({2});
    const Tensor y = sum(x * w);
    {
      const NoGrad no_grad;
      w.fill_(5);
    }
    CHECK_THROWS_AS(backward(y), Error);
    CHECK_THROWS_AS(w.fill_(1), Error);
  }

  TEST_CASE("anomaly mode names the op whose result turned NaN") {
    const AnomalyMode anomaly;
    Tensor x = leaf({-1});
    CHECK_THROWS_WITH_AS(log(x) * 2.0, "anomaly: log: NaN in the result of shape [1]", Error);
    // 0 * inf in the backward of sqrt at 0.
    Tensor zero = leaf({0});
    CHECK_THROWS_AS(backward(sum(sqrt(zero) * sqrt(zero))), Error);
    {
      const AnomalyMode off(false);
      CHECK(std::isnan(log(x).item()));
    }
  }

  TEST_CASE("a very long chain is destroyed without deep recursion") {
    Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 200000; ++i) y = y + 0.0;
    backward(sum(y));
    CHECK(x.grad().item() == 1);
  }

  TEST_CASE("a finished step gives all its memory back") {
    Allocator& allocator = Allocator::of(Device::cpu);
    const std::size_t before = allocator.stats().bytes_in_use;
    for (int i = 0; i < 3; ++i) {
      Tensor x = Tensor::ones({64, 64}).set_requires_grad(true);
      const Tensor y = sigmoid(tanh(exp(matmul(x, x))));
      const std::vector<Tensor> inputs{x};
      backward(sum(grad(sum(softmax(y) * y), inputs, true)[0]));
    }
    CHECK(allocator.stats().bytes_in_use == before);
  }

  TEST_CASE("gradients on the gpu agree with the cpu") {
    std::vector<std::vector<float>> results;
    for (Device device : {Device::cpu, Device::gpu}) {
      Tensor w = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3}, device);
      w.set_requires_grad(true);
      const Tensor x = Tensor::from(std::vector<float>{1, -1, 2, 0.5f}, {2, 2}, device);
      backward(mean(leaky_relu(matmul(x, w) - 1.5, 0.2)));
      results.push_back(w.grad().to_vector<float>());
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      CHECK(results[0][i] == doctest::Approx(results[1][i]));
    }
  }

  TEST_CASE("operands that do not fit are answered by one clear line") {
    const Tensor a = Tensor::ones({2, 3}), b = Tensor::ones({4});
    CHECK_THROWS_WITH_AS(a + b, "add: shapes [2, 3] and [4] do not broadcast", Error);
    CHECK_THROWS_WITH_AS(a + Tensor::ones({3}, DType::f64),
                         "add: operands are f32 and f64; cast one of them", Error);
    CHECK_THROWS_WITH_AS(a + Tensor::ones({3}, DType::f32, Device::gpu),
                         "add: operands are on cpu and gpu; move one of them", Error);
    CHECK_THROWS_AS(matmul(a, a), Error);
    CHECK_THROWS_AS(linear(a, Tensor::ones({2, 2})), Error);
    CHECK_THROWS_AS(reshape(a, {4, -1}), Error);
    CHECK_THROWS_AS(permute(a, {0, 0}), Error);
    CHECK_THROWS_AS(slice(a, 1, 2, 5), Error);
    CHECK_THROWS_AS(slice(a, 7, 0, 1), Error);
    CHECK_THROWS_AS(expand(a, {5, 3}), Error);
    CHECK_THROWS_AS(concat({a, b}, 0), Error);
    CHECK_THROWS_AS(sum(a, {5}), Error);
    CHECK_THROWS_AS(cross_entropy(a, Tensor::zeros({3}, DType::i32)), Error);
    CHECK_THROWS_AS(one_hot(a, 3), Error);
    CHECK_THROWS_AS(bce_with_logits(a, 2), Error);
    CHECK_THROWS_AS(Tensor::from(std::vector<float>{1, 2}, {3}), Error);
    CHECK_THROWS_AS(Tensor().shape(), Error);
  }
}

}  // namespace
}  // namespace etude
