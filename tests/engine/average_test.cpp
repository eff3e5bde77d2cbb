#include "engine/optim/average.h"

#include <doctest/doctest.h>

#include "engine/nn/layers.h"

namespace etude {
namespace {

struct Normalised : Module {
  explicit Normalised(Init init)
      : line(*this, "line", {.in = 2, .out = 3}, init), norm(*this, "norm", 3, init) {}
  Linear line;
  BatchNorm norm;
};

TEST_CASE("move_towards moves parameters by a share, and leaves buffers and the model") {
  Generator generator(1, 1);
  Normalised average({.generator = generator}), model({.generator = generator});
  model.norm.running_mean.fill_(5);
  average.norm.running_mean.fill_(7);
  const auto before = average.line.weight.to_vector<float>();
  const auto target = model.line.weight.to_vector<float>();
  move_towards(average, model, 0.25);
  const auto after = average.line.weight.to_vector<float>();
  for (std::size_t i = 0; i < after.size(); ++i) {
    CHECK(after[i] == doctest::Approx(0.75 * before[i] + 0.25 * target[i]));
  }
  CHECK(model.line.weight.to_vector<float>() == target);
  CHECK(average.norm.running_mean.to_vector<float>()[0] == 7);
  move_towards(average, model, 1);
  CHECK(average.line.weight.to_vector<float>() == target);
  Linear other(average, "other", {.in = 2, .out = 3}, {.generator = generator});
  CHECK_THROWS_AS(move_towards(average, model, 0.5), Error);
}

}  // namespace
}  // namespace etude
