#include "engine/ops/sampling.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/ops/shape.h"

namespace etude {
namespace {

Tensor random_logits(const Dims& shape) {
  Generator generator(5, 1);
  return uniform(generator, shape, -3, 3);
}

/// On another device.
Tensor moved(const Tensor& x, Device device) {
  return Tensor::from(x.to_vector<float>(), x.shape(), device);
}

TEST_SUITE("sampling op") {
  TEST_CASE("both devices draw the same tokens, and the generator moves on by a draw per row") {
    const Tensor logits = random_logits({3, 4, 50});
    const SamplingParams params{.temperature = 0.9, .top_k = 20, .top_p = 0.9};
    std::vector<std::int32_t> first;
    for (Device device : {Device::cpu, Device::gpu}) {
      Generator generator(7, 2);
      const SampledTokens y = sample(moved(logits, device), params, generator);
      CHECK(generator.offset() == 3);  // 12 draws
      CHECK(y.id.shape() == Dims{3, 4});
      CHECK(y.log_prob.shape() == Dims{3, 4});
      for (std::int32_t flag : y.flag.to_vector<std::int32_t>()) CHECK(flag == 0);
      for (float value : y.log_prob.to_vector<float>()) CHECK(value <= 0);
      const auto id = y.id.to_vector<std::int32_t>();
      if (first.empty()) first = id;
      CHECK(id == first);
      CHECK(sample(moved(logits, device), params, generator).id.to_vector<std::int32_t>() != id);
    }
  }

  TEST_CASE("a slice's rows are drawn from where they lie") {
    const Tensor logits = random_logits({4, 3, 20});
    const Tensor last = reshape(slice(logits, 1, 2, 3), {4, 20});
    for (const Tensor& x : {last, contiguous(last), slice(logits, 1, 2, 3)}) {
      Generator generator(1, 1), same(1, 1);
      CHECK(sample(x, {}, generator).id.to_vector<std::int32_t>() ==
            sample(last.clone(), {}, same).id.to_vector<std::int32_t>());
    }
  }

  TEST_CASE("the history is penalised, up to its length") {
    const Tensor logits = Tensor::from<float>({3, 2, 1, 3, 2, 1}, {2, 3});
    const Tensor history = Tensor::from<std::int32_t>({0, 1, 0, 1}, {2, 2});
    const Tensor lengths = Tensor::from<std::int32_t>({2, 1}, {2});
    const SamplingParams greedy{.temperature = 0, .repetition_penalty = 10};
    Generator generator(1, 1);
    CHECK(sample(logits, greedy, generator, history).id.to_vector<std::int32_t>() ==
          std::vector<std::int32_t>{2, 2});
    CHECK(sample(logits, greedy, generator, history, lengths).id.to_vector<std::int32_t>() ==
          std::vector<std::int32_t>{2, 1});
  }

  TEST_CASE("one row without a leading dimension; a NaN is flagged; errors name themselves") {
    Generator generator(1, 1);
    const SampledTokens y = sample(Tensor::from<float>({0, NAN}, {2}), {}, generator);
    CHECK(y.flag.item() == 1);
    CHECK(y.id.item() == -1);
    CHECK(std::isnan(y.log_prob.item()));
    CHECK_THROWS_WITH_AS(sample(Tensor::zeros({2, 0}), {}, generator),
                         "sample: logits must be [.., vocabulary], not [2, 0]", Error);
    CHECK_THROWS_WITH_AS(sample(Tensor::zeros({2, 3}), {.top_p = 2}, generator),
                         "sample: top_p must be in (0, 1], not 2", Error);
    const Tensor lengths = Tensor::from<std::int32_t>({1, 1}, {2});
    CHECK_THROWS_WITH_AS(sample(Tensor::zeros({2, 3}), {}, generator, {}, lengths),
                         "sample: history lengths of shape [2] without a history", Error);
  }
}

}  // namespace
}  // namespace etude
