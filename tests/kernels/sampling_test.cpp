#include "kernels/sampling/sampling.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "kernels/sampling/cases.h"
#include "kernels/sampling/reference.h"
#include "kernels/sampling/weights.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using sampling_cases::Case;
using testing::input;
using testing::Operand;
using testing::output;

constexpr PhiloxKey kKey{.seed = 0x123456789abcdef0, .stream = 77, .offset = 0xfffffffe};

#ifdef __FMA__
constexpr bool kSameBits = true;  // of exponentials and logarithms, on both devices
#else
constexpr bool kSameBits = false;
#endif

struct Backend {
  std::string name;
  Device device;
  void (*run)(Stream&, const PhiloxKey&, const View&, const View&, const View&, const View&,
              const SamplingParams&);
};

/// The CPU and every rung of the ladder. (The public function on a GPU is one of them.)
std::vector<Backend> backends() {
  std::vector<Backend> all{{"cpu", Device::cpu, sample}};
  for (const SamplingRung& rung : sampling_rungs()) {
    all.push_back({rung.name, Device::gpu, rung.run});
  }
  return all;
}

/// id, log_prob and flag of each row.
struct Drawn {
  std::vector<double> id, log_prob, flag;
};

/// History and lengths may have no values: then there are none.
struct Inputs {
  Operand logits;
  Operand history = {}, lengths = {};
  SamplingParams params = {};
};

Drawn draw(const Backend& backend, const Inputs& in, const PhiloxKey& key = kKey) {
  const Dims rows{in.logits.shape[0]};
  std::vector<Operand> operands{in.logits, output(DType::i32, rows), output(DType::f32, rows),
                                output(DType::i32, rows)};
  const bool history = !in.history.values.empty();
  if (history) operands.push_back(in.history);
  if (!in.lengths.values.empty()) operands.push_back(in.lengths);
  auto y = testing::run(backend.device, operands, [&](Stream& s, auto v) {
    SamplingParams p = in.params;
    if (history) p.history = v[4];
    if (!in.lengths.values.empty()) p.history_length = v[5];
    backend.run(s, key, v[0], v[1], v[2], v[3], p);
  });
  return {y[0], y[1], y[2]};
}

Inputs inputs_of(const Case& c) {
  auto values = testing::random_values(c.rows * c.vocabulary, 1, -c.scale, c.scale);
  if (c.levels) {
    for (double& x : values)
      x = std::floor((x + c.scale) / (2 * c.scale) * c.levels) - c.levels / 2;
  }
  Inputs in{input(DType::f32, {c.rows, c.vocabulary}, values, {c.vocabulary + c.gap, 1})};
  in.params = {c.temperature, c.top_k, c.top_p, c.penalty};
  if (c.history) {
    auto history =
        testing::random_integers(c.rows * c.history, 2, static_cast<int>(c.vocabulary) + 4);
    for (double& token : history) token -= 2;  // two too small, two too large
    in.history = input(DType::i32, {c.rows, c.history}, history);
    auto lengths = testing::random_integers(c.rows, 3, static_cast<int>(c.history) + 4);
    for (double& n : lengths) n = c.history + 1 - std::floor(n / 2);
    in.lengths = input(DType::i32, {c.rows}, lengths);
  }
  return in;
}

std::vector<double> penalised_row(const Case& c, const Inputs& in, std::int64_t row) {
  const double* x = in.logits.values.data() + row * c.vocabulary;
  std::vector<std::int64_t> history;
  for (std::int64_t i = 0; i < c.history && i < in.lengths.values[row]; ++i) {
    history.push_back(static_cast<std::int64_t>(in.history.values[row * c.history + i]));
  }
  return reference::penalised_logits<double>({x, x + c.vocabulary}, history,
                                             static_cast<float>(c.penalty));
}

/// Fails unless the token drawn is the one that the row's random number falls on, to rounding, and
/// its probability the reference's.
void expect_allowed(const Case& c, const Inputs& in, const Drawn& drawn) {
  for (std::int64_t r = 0; r < c.rows; ++r) {
    CAPTURE(r);
    const std::vector<double> x = penalised_row(c, in, r);
    const auto id = static_cast<std::int64_t>(drawn.id[r]);
    REQUIRE(id >= 0);
    REQUIRE(id < c.vocabulary);
    CHECK(drawn.flag[r] == 0);
    if (c.temperature == 0) {
      CHECK(id == std::max_element(x.begin(), x.end()) - x.begin());
      CHECK(drawn.log_prob[r] == 0);
      continue;
    }
    const auto p = reference::sampling_distribution(x, c.temperature, c.top_k, c.top_p);
    REQUIRE(p[id] > 0);
    const double u = sampling::row_draw(kKey, r) * 0x1p-32;
    double below = 0;
    for (std::int64_t k = 0; k < id; ++k) below += p[k];
    CHECK(u >= below - 1e-6);
    CHECK(u <= below + p[id] + 1e-6);
    testing::expect_close("log_prob", {drawn.log_prob[r]}, {std::log(p[id])},
                          (16 + 2 * c.scale / c.temperature) * 0x1p-24);
  }
}

/// Pearson's statistic of the ids against the probabilities, in standard deviations from its mean.
double chi_square(const std::vector<double>& id, const std::vector<double>& p) {
  std::vector<double> count(p.size());
  for (double token : id) ++count[static_cast<std::size_t>(token)];
  double sum = 0, freedom = -1;
  for (std::size_t c = 0; c < p.size(); ++c) {
    const double expected = p[c] * static_cast<double>(id.size());
    if (expected == 0) {
      CHECK(count[c] == 0);
      continue;
    }
    sum += (count[c] - expected) * (count[c] - expected) / expected;
    ++freedom;
  }
  return (sum - freedom) / std::sqrt(2 * freedom);
}

TEST_SUITE("sampling") {
  TEST_CASE("every backend and rung draws the reference's token; all draw the same") {
    const auto all = backends();
    for (const Case& c : sampling_cases::tests()) {
      const std::string what = std::to_string(c.rows) + " x " + std::to_string(c.vocabulary) +
                               " top-k " + std::to_string(c.top_k) + " top-p " +
                               std::to_string(c.top_p);
      CAPTURE(what);
      const Inputs in = inputs_of(c);
      const Drawn first = draw(all[0], in);
      expect_allowed(c, in, first);
      for (std::size_t i = 1; i < all.size(); ++i) {
        CAPTURE(all[i].name);
        const Drawn drawn = draw(all[i], in);
        CHECK(drawn.id == first.id);
        CHECK(drawn.flag == first.flag);
        testing::expect_close("log_prob", drawn.log_prob, first.log_prob, kSameBits ? 0 : 1e-5);
      }
    }
  }

  TEST_CASE("the tokens of fixed counters, from the public function on both devices") {
    struct Golden {
      SamplingParams params;
      std::vector<double> id;
    };
    const Golden goldens[] = {
        {{}, {776, 36, 764, 1425}},
        {{.top_k = 30}, {659, 14, 808, 1275}},
        {{.top_p = 0.5}, {822, 32, 764, 1419}},
        {{.temperature = 1.5, .top_k = 100, .top_p = 0.9, .repetition_penalty = 1.3},
         {868, 46, 723, 1427}},
        {{.temperature = 0}, {659, 226, 1441, 1078}},
    };
    constexpr std::int64_t kRows = 4, kVocabulary = 1500, kHistory = 600;
    Inputs in{input(DType::f32, {kRows, kVocabulary},
                    testing::random_values(kRows * kVocabulary, 11, -5, 5)),
              input(DType::i32, {kRows, kHistory},
                    testing::random_integers(kRows * kHistory, 12, kVocabulary))};
    for (const Golden& golden : goldens) {
      in.params = golden.params;
      for (Device device : testing::kDevices) {
        CHECK(draw({"sample", device, sample}, in).id == golden.id);
      }
    }
  }

  TEST_CASE("equal logits: the token is floor(u V), exactly") {
    constexpr std::int64_t kRows = 3, kVocabulary = 1003;
    const Inputs in{
        input(DType::f32, {kRows, kVocabulary}, std::vector<double>(kRows * kVocabulary, -0.7)),
        {},
        {},
        {.top_k = 5, .top_p = 0.3}};  // ties all stay
    for (const Backend& backend : backends()) {
      CAPTURE(backend.name);
      const Drawn drawn = draw(backend, in);
      for (std::int64_t r = 0; r < kRows; ++r) {
        const std::uint64_t u = sampling::row_draw(kKey, r);
        CHECK(drawn.id[r] == static_cast<double>(u * kVocabulary >> 32));
        CHECK(drawn.log_prob[r] == doctest::Approx(-std::log(1.0 * kVocabulary)).epsilon(1e-6));
      }
    }
  }

  TEST_CASE("row r takes draw r of the key, whatever the batch") {
    const auto values = testing::random_values(12 * 50, 21, -2, 2);
    const Inputs all{input(DType::f32, {12, 50}, values)};
    const Inputs last{input(DType::f32, {4, 50}, {values.begin() + 8 * 50, values.end()})};
    PhiloxKey key = kKey;
    key.offset += 2;  // 8 draws
    for (const Backend& backend : backends()) {
      const Drawn drawn = draw(backend, all);
      CHECK(draw(backend, last, key).id ==
            std::vector<double>(drawn.id.begin() + 8, drawn.id.end()));
    }
  }

  TEST_CASE("chi-square: tokens come as often as their probabilities say") {
    // On the CPU, whose tokens all others draw.
    constexpr std::int64_t kRows = 1 << 12, kVocabulary = 12;
    const auto row = testing::random_values(kVocabulary, 31, -1.5, 1.5);
    std::vector<double> values;
    for (std::int64_t r = 0; r < kRows; ++r) values.insert(values.end(), row.begin(), row.end());
    Inputs in{input(DType::f32, {kRows, kVocabulary}, values)};
    const std::vector<double> x(in.logits.values.begin(), in.logits.values.begin() + kVocabulary);
    for (const auto& [top_k, top_p] : {std::pair{0, 1.0}, {9, 1.0}, {10, 0.8}}) {
      in.params = {.temperature = 0.8, .top_k = top_k, .top_p = top_p};
      const auto p = reference::sampling_distribution(x, 0.8, top_k, top_p);
      CHECK(std::abs(chi_square(draw(backends()[0], in).id, p)) < 4);
    }
  }

  TEST_CASE("flags: NaN, no finite logit; infinities; and they touch no other row") {
    constexpr double kInf = INFINITY;
    const Inputs plain{input(DType::f32, {7, 3}, {0,     1,     2,      //
                                                  5,     NAN,   1,      //
                                                  -kInf, -kInf, -kInf,  //
                                                  -kInf, 3,     -kInf,  //
                                                  1,     kInf,  2,      //
                                                  kInf,  1,     kInf,   //
                                                  kInf,  -kInf, NAN})};
    for (const Backend& backend : backends()) {
      for (const SamplingParams& p : {SamplingParams{}, SamplingParams{.top_k = 2, .top_p = 0.9},
                                      SamplingParams{.temperature = 0}}) {
        CAPTURE(backend.name);
        CAPTURE(p.temperature);
        Inputs in = plain;
        in.params = p;
        const Drawn drawn = draw(backend, in);
        CHECK(drawn.flag == std::vector<double>{0, 1, 2, 0, 0, 0, 1});
        for (int r : {1, 2, 6}) {
          CHECK(drawn.id[r] == -1);
          CHECK(std::isnan(drawn.log_prob[r]));
        }
        CHECK(drawn.id[0] >= 0);
        CHECK(drawn.id[3] == 1);
        CHECK(drawn.log_prob[3] == 0);
        CHECK(drawn.id[4] == 1);
        CHECK(drawn.log_prob[4] == 0);
        CHECK((drawn.id[5] == 0 || drawn.id[5] == 2));
        if (p.temperature > 0) CHECK(drawn.log_prob[5] == doctest::Approx(-std::log(2.0)));
      }
    }
  }

  TEST_CASE("the penalty counts a token once, divides what is positive, multiplies what is not") {
    // After it, with 2: {1, 0.9, -4}, {-1, -0.9, 0}, and without history {2, 0.9, -2}.
    Inputs in{input(DType::f32, {3, 3}, {2, 0.9, -2, -0.5, -0.9, 0, 2, 0.9, -2}),
              input(DType::i32, {3, 4}, {0, 0, 2, 2, 0, 2, 0, -1, 0, 0, 0, 0}),
              input(DType::i32, {3}, {4, 9, 0}),
              {.top_p = 1e-9, .repetition_penalty = 2}};
    for (const Backend& backend : backends()) {
      CAPTURE(backend.name);
      in.params.top_k = 0;
      in.params.top_p = 1e-9;
      CHECK(draw(backend, in).id == std::vector<double>{0, 2, 0});
      in.params.top_p = 1;
      in.params.top_k = 2;  // {1, 0.9}, {-0.9, 0}, {2, 0.9}
      const Drawn drawn = draw(backend, in);
      const double gap[] = {0.1, 0.9, 1.1};
      for (int r = 0; r < 3; ++r) {
        const bool best = drawn.id[r] == (r == 1 ? 2 : 0);
        CHECK((best || drawn.id[r] == 1));
        CHECK(drawn.log_prob[r] ==
              doctest::Approx(-std::log1p(std::exp(best ? -gap[r] : gap[r]))).epsilon(1e-5));
      }
    }
  }

  TEST_CASE("temperature 0 takes the first maximum, -0 and 0 being equal") {
    const Inputs in{input(DType::f32, {2, 5}, {-1, -0.0, 0, -0.0, -2, 1, 3, 3, 2, 3}),
                    {},
                    {},
                    {.temperature = 0}};
    for (const Backend& backend : backends()) {
      CHECK(draw(backend, in).id == std::vector<double>{1, 1});
    }
    Inputs ties = in;
    ties.params = {.top_k = 1};  // all zeros stay: each has a third
    for (const Backend& backend : backends()) {
      CHECK(draw(backend, ties).log_prob[0] == doctest::Approx(-std::log(3.0)));
    }
  }

  TEST_CASE("extreme temperatures: the flattest and the sharpest distribution") {
    Inputs in{input(DType::f32, {1, 5}, {1e30, -1e30, 3e38, -3e38, -INFINITY})};
    Inputs flat{input(DType::f32, {1, 4}, {1e30, -1e30, 3e37, -INFINITY})};
    in.params.temperature = 1e-300;
    flat.params.temperature = 1e300;
    for (const Backend& backend : backends()) {
      CHECK(draw(backend, in).id[0] == 2);
      CHECK(draw(backend, flat).log_prob[0] == doctest::Approx(-std::log(3.0)));
    }
  }

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    float x[6] = {}, log_prob[2] = {};
    std::int32_t id[2] = {}, flag[2] = {}, history[4] = {};
    const View logits(x, DType::f32, {2, 3});
    const auto call = [&](const SamplingParams& p, const View& v) {
      sample(Stream::of(Device::cpu), kKey, v, View(id, DType::i32, {2}),
             View(log_prob, DType::f32, {2}), View(flag, DType::i32, {2}), p);
    };
    CHECK_THROWS_WITH_AS(call({.temperature = -1}, logits),
                         "sample: temperature must be 0 or positive, not -1", Error);
    CHECK_THROWS_WITH_AS(call({.top_k = -2}, logits),
                         "sample: top_k must be 0 (all) or positive, not -2", Error);
    CHECK_THROWS_WITH_AS(call({.top_p = 0}, logits), "sample: top_p must be in (0, 1], not 0",
                         Error);
    CHECK_THROWS_WITH_AS(call({.top_p = NAN}, logits), "sample: top_p must be in (0, 1], not nan",
                         Error);
    CHECK_THROWS_WITH_AS(call({.repetition_penalty = 0}, logits),
                         "sample: repetition_penalty must be positive, not 0", Error);
    CHECK_THROWS_WITH_AS(call({.history = View(history, DType::i32, {4})}, logits),
                         "sample: the history must be [2, H] i32, contiguous, not [4] i32", Error);
    CHECK_THROWS_WITH_AS(call({}, View(x, DType::f32, {3, 2})),
                         "sample: id, log_prob and flag must be [3], not [2], [2] and [2]", Error);
    CHECK_THROWS_WITH_AS(call({}, View(x, DType::f32, {2, 0})),
                         "sample: a vocabulary has 1 to 524288 tokens, not 0", Error);
    CHECK_THROWS_WITH_AS(call({}, View(x, DType::f32, {2, 3}, {1, 2})),
                         "sample: the rows of the logits must be without gaps, not strided by "
                         "[1, 2]",
                         Error);
  }
}

}  // namespace
}  // namespace etude
