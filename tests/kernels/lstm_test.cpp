#include "kernels/lstm/lstm.h"

#include <doctest/doctest.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <cmath>

#include "kernels/lstm/cases.h"
#include "kernels/lstm/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using lstm_cases::Case;
using testing::input;
using testing::output;
using Reference = reference::Lstm<double>;

using Forward = std::span<const LstmForward>;
using Backward = std::span<const LstmBackward>;
using Masks = std::span<const View>;

/// One way to compute a stack in one dtype.
struct Backend {
  std::string name;
  Device device;
  DType dtype;
  void (*forward)(Stream&, Forward, Masks);
  void (*backward)(Stream&, Backward, Masks);
};

/// The public functions on both devices, and every rung of the ladder.
std::vector<Backend> backends() {
  std::vector<Backend> all;
  for (DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    all.push_back({"cpu", Device::cpu, dtype, lstm_stack_forward, lstm_stack_backward});
  }
  for (DType dtype : {DType::f32, DType::bf16}) {
    all.push_back({"gpu", Device::gpu, dtype, lstm_stack_forward, lstm_stack_backward});
  }
  for (const LstmRung& rung : lstm_rungs()) {
    all.push_back({rung.name, Device::gpu, rung.dtype, rung.forward, rung.backward});
  }
  return all;
}

DType cell_type(DType dtype) { return dtype == DType::bf16 ? DType::f32 : dtype; }

/// What a layer is given in both directions; x is the first one's.
struct LayerOperands {
  testing::Operand x, w_ih, w_hh, bias, h0, c0, dh_end, dc_end;
};
struct Operands {
  std::vector<LayerOperands> layers;
  std::vector<testing::Operand> masks;
  testing::Operand lengths, dy;
};

Operands operands(DType dtype, const Case& n) {
  const DType cell = cell_type(dtype);
  const double bound = n.H > 0 ? 1 / std::sqrt(static_cast<double>(n.H)) : 1;
  std::uint64_t seed = 1;
  const auto random = [&](DType type, const Dims& shape, double scale) {
    return input(type, shape, testing::random_values(numel(shape), seed++, -scale, scale));
  };
  Operands all;
  for (int l = 0; l < n.layers; ++l) {
    const std::int64_t I = l == 0 ? n.I : n.H, input_rows = n.summed && l == 0 ? 0 : 4 * n.H;
    LayerOperands o;
    o.x = random(dtype, {n.T, n.B, I}, n.scale);
    o.w_ih = random(dtype, {input_rows, I}, bound);
    o.w_hh = random(dtype, {4 * n.H, n.H}, bound);
    o.bias = random(dtype, {input_rows}, bound);
    o.h0 = random(dtype, {n.B, n.H}, 1);
    o.c0 = random(cell, {n.B, n.H}, n.scale);
    o.dh_end = random(dtype, {n.B, n.H}, 1);
    o.dc_end = random(cell, {n.B, n.H}, 1);
    all.layers.push_back(o);
    if (l == 0 || !n.masked) continue;
    // Dropout of a quarter.
    auto kept = testing::random_integers(n.T * n.B * n.H, seed++, 4);
    for (double& value : kept) value = value > 0 ? 4.0 / 3 : 0;
    all.masks.push_back(input(dtype, {n.T, n.B, n.H}, kept));
  }
  all.dy = random(dtype, {n.T, n.B, n.H}, 1);
  std::vector<double> lengths;
  if (n.lengths) {
    // From none to one more step than there are: both ends are cut.
    lengths = testing::random_integers(n.B, 77, static_cast<int>(n.T) + 3);
    for (double& length : lengths) length -= 1;
    lengths[0] = 0;
    lengths.back() = static_cast<double>(n.T - 1);
  }
  all.lengths = input(DType::i32, {static_cast<std::int64_t>(lengths.size())}, lengths);
  return all;
}

/// A stack is a layer after another.
struct ReferenceStack {
  std::vector<Reference> layers;
  std::vector<std::vector<double>> masks;

  std::vector<double> masked(std::vector<double> values, std::size_t gap) const {
    for (std::size_t i = 0; i < values.size() && !masks.empty(); ++i) values[i] *= masks[gap][i];
    return values;
  }
  void forward() {
    for (std::size_t l = 0; l < layers.size(); ++l) {
      if (l > 0) layers[l].x = masked(layers[l - 1].y, l - 1);
      layers[l].forward();
    }
  }
  void backward(const Operands& o) {
    for (std::size_t l = layers.size(); l-- > 0;) {
      const bool top = l + 1 == layers.size();
      const auto dy = top ? o.dy.values : masked(layers[l + 1].dx, l);
      layers[l].backward(dy, o.layers[l].dh_end.values, o.layers[l].dc_end.values);
    }
  }
};

ReferenceStack reference_of(const Case& n, const Operands& o) {
  ReferenceStack all;
  for (std::size_t l = 0; l < o.layers.size(); ++l) {
    const LayerOperands& in = o.layers[l];
    all.layers.push_back({.summed = n.summed && l == 0,
                          .T = n.T,
                          .B = n.B,
                          .I = l == 0 ? n.I : n.H,
                          .H = n.H,
                          .x = in.x.values,
                          .w_ih = in.w_ih.values,
                          .w_hh = in.w_hh.values,
                          .bias = in.bias.values,
                          .h0 = in.h0.values,
                          .c0 = in.c0.values,
                          .lengths = o.lengths.values});
  }
  for (const testing::Operand& mask : o.masks) all.masks.push_back(mask.values);
  return all;
}

using Values = std::vector<std::vector<double>>;

/// The operands of one call, in the order in which their views are asked for again.
struct Call {
  std::vector<testing::Operand> all;

  void add(const testing::Operand& o) { all.push_back(o); }
  void add(DType dtype, const Dims& shape) { all.push_back(output(dtype, shape)); }
  void add_common(const Operands& o) {
    add(o.lengths);
    for (const testing::Operand& mask : o.masks) add(mask);
  }
  /// run(stream, next, lengths, masks), where next() is the following operand's view.
  Values run(const Backend& backend, const Operands& o, auto call) const {
    return testing::run(backend.device, all, [&](Stream& s, std::span<const View> v) {
      const View lengths = v[0].dim(0) > 0 ? v[0] : View();
      std::size_t at = 1 + o.masks.size();
      call(
          s, [&] { return v[at++]; }, lengths, v.subspan(1, o.masks.size()));
    });
  }
};

/// Per layer y, h_end, c_end, gates, cells, and its x if that is written.
Values run_forward(const Backend& backend, const Case& n, const Operands& o) {
  const DType dtype = backend.dtype, cell = cell_type(dtype);
  const Dims y{n.T, n.B, n.H}, state{n.B, n.H};
  Call call;
  call.add_common(o);
  for (const LayerOperands& in : o.layers) {
    const bool first = &in == &o.layers[0];
    for (const auto* t : {&in.w_ih, &in.w_hh, &in.bias, &in.h0, &in.c0}) call.add(*t);
    call.add(dtype, y), call.add(dtype, state), call.add(cell, state);
    call.add(dtype, {n.T, n.B, 4 * n.H}), call.add(cell, y);
    if (first) call.add(in.x);
    if (!first && n.masked) call.add(dtype, y);
  }
  return call.run(backend, o, [&](Stream& s, auto next, const View& lengths, Masks masks) {
    std::vector<LstmForward> layers;
    for (std::size_t l = 0; l < o.layers.size(); ++l) {
      LstmForward p;
      p.w_ih = next(), p.w_hh = next(), p.bias = next(), p.h0 = next(), p.c0 = next();
      if (n.summed && l == 0) p.w_ih = p.bias = View();
      p.y = next(), p.h_end = next(), p.c_end = next(), p.gates = next(), p.cells = next();
      p.x = l == 0 || n.masked ? next() : layers[l - 1].y;
      p.lengths = lengths;
      layers.push_back(p);
    }
    backend.forward(s, layers, masks);
  });
}

/// Per layer dgates, dw_ih, dw_hh, dbias, dh0, dc0, dx, from what forward saved.
Values run_backward(const Backend& backend, const Case& n, const Operands& o,
                    const ReferenceStack& saved, bool dx_wanted = true) {
  const DType dtype = backend.dtype, cell = cell_type(dtype);
  const Dims y{n.T, n.B, n.H}, gates{n.T, n.B, 4 * n.H};
  Call call;
  call.add_common(o);
  call.add(o.dy);
  for (std::size_t l = 0; l < o.layers.size(); ++l) {
    const LayerOperands& in = o.layers[l];
    const Reference& r = saved.layers[l];
    for (const auto* t : {&in.w_ih, &in.w_hh, &in.h0, &in.c0, &in.dh_end, &in.dc_end}) call.add(*t);
    call.add(input(dtype, y, r.y)), call.add(input(dtype, gates, r.gates));
    call.add(input(cell, y, r.cells));
    if (l == 0 || n.masked) call.add(input(dtype, in.x.shape, r.x));
    call.add(dtype, gates);
    for (const auto* t : {&in.w_ih, &in.w_hh, &in.bias, &in.h0, &in.c0, &in.x}) {
      call.add(t->dtype, t->shape);
    }
  }
  return call.run(backend, o, [&](Stream& s, auto next, const View& lengths, Masks masks) {
    std::vector<LstmBackward> layers;
    const View dy = next();
    for (std::size_t l = 0; l < o.layers.size(); ++l) {
      LstmBackward p;
      p.w_ih = next(), p.w_hh = next(), p.h0 = next(), p.c0 = next();
      p.dh_end = next(), p.dc_end = next(), p.y = next(), p.gates = next(), p.cells = next();
      p.x = l == 0 || n.masked ? next() : layers[l - 1].y;
      p.dgates = next(), p.dw_ih = next(), p.dw_hh = next(), p.dbias = next();
      p.dh0 = next(), p.dc0 = next(), p.dx = next();
      if (n.summed && l == 0) p.w_ih = p.dw_ih = p.dbias = p.dx = View();
      if (!dx_wanted && l == 0) p.dx = View();
      p.lengths = lengths;
      if (l > 0) layers[l - 1].dy = p.dx;
      layers.push_back(p);
    }
    layers.back().dy = dy;
    backend.backward(s, layers, masks);
  });
}

/// The card's public functions take one of the rungs, which are all checked: a few cases show it.
/// Of a single layer the wavefront makes the rung before it. The first two rungs have no tiles.
bool left_out(const Backend& backend, const Case& n) {
  if (backend.name.starts_with("wavefront")) return n.layers == 1;
  if (backend.name == "gpu") return n.T > 1 && n.H < 40;
  const bool tiled = backend.device == Device::cpu || backend.name.starts_with("persistent");
  return !tiled && n.T > 1 && n.H >= 32;
}

/// Rounding of a sum of `terms` products and of storage; the states carry it from step to step.
double tolerance_of(const Backend& backend, const Case& n, double terms) {
  const double compute = std::min(testing::epsilon_of(backend.dtype), 0x1p-24);
  const double steps = static_cast<double>(n.T + n.layers);
  const double sums = (16 + terms) * compute * steps * n.scale;
  return backend.dtype == DType::bf16 ? sums + 4 * steps * n.scale * 0x1p-8 : sums;
}

void check_forward(const Backend& backend, const Case& n) {
  const Operands o = operands(backend.dtype, n);
  ReferenceStack expected = reference_of(n, o);
  expected.forward();
  const Values actual = run_forward(backend, n, o);
  const double tolerance = tolerance_of(backend, n, static_cast<double>(n.I + n.H));
  auto next = actual.begin();
  for (std::size_t l = 0; l < o.layers.size(); ++l) {
    CAPTURE(l);
    const Reference& r = expected.layers[l];
    testing::expect_close("y", *next++, r.y, tolerance);
    testing::expect_close("h_end", *next++, r.h_end, tolerance);
    testing::expect_close("c_end", *next++, r.c_end, tolerance);
    testing::expect_close("gates", *next++, r.gates, tolerance);
    testing::expect_close("cells", *next++, r.cells, tolerance);
    if (l > 0 && n.masked) testing::expect_close("x", *next++, r.x, 2 * tolerance);
  }
}

void check_backward(const Backend& backend, const Case& n) {
  const Operands o = operands(backend.dtype, n);
  ReferenceStack expected = reference_of(n, o);
  expected.forward();
  expected.backward(o);
  const Values actual = run_backward(backend, n, o, expected);
  const double tolerance = tolerance_of(backend, n, static_cast<double>(4 * n.H));
  // Sums over all sequences and steps, of gradients that the states have made less exact.
  const double over_rows = tolerance_of(backend, n, static_cast<double>(n.T * n.B));
  const double scale = 1 + std::sqrt(static_cast<double>(n.T * n.B));
  auto next = actual.begin();
  for (std::size_t l = 0; l < o.layers.size(); ++l) {
    CAPTURE(l);
    const Reference& r = expected.layers[l];
    testing::expect_close("dgates", *next++, r.dgates, tolerance);
    testing::expect_close("dw_ih", *next++, r.dw_ih, over_rows, scale);
    testing::expect_close("dw_hh", *next++, r.dw_hh, over_rows, scale);
    testing::expect_close("dbias", *next++, r.dbias, over_rows, scale);
    testing::expect_close("dh0", *next++, r.dh0, tolerance);
    testing::expect_close("dc0", *next++, r.dc0, tolerance);
    if (l == 0 && !n.summed) testing::expect_close("dx", *next, r.dx, tolerance);
    ++next;
  }
}

/// check(backend, case) for every backend, but where left_out(backend, case).
void each(const auto& cases, auto left_out, auto check) {
  for (const Backend& backend : backends()) {
    for (const Case& n : cases) {
      if (left_out(backend, n)) continue;
      CAPTURE(backend.name);
      CAPTURE(name_of(backend.dtype));
      CAPTURE(n.name());
      check(backend, n);
    }
  }
}

TEST_SUITE("lstm") {
  TEST_CASE("a layer agrees with the double reference") {
    each(lstm_cases::tests(), left_out, check_forward);
  }

  TEST_CASE("its gradient agrees with the double reference") {
    each(lstm_cases::tests(), left_out, check_backward);
  }

  TEST_CASE("a stack agrees with the double reference, and its gradient") {
    const auto none = [](const Backend&, const Case&) { return false; };
    // Layer by layer means the same on every rung but the last.
    const auto by_layers = [](const Backend& b, const Case& n) {
      if (b.name == "gpu") return n.H >= 32 || n.B > 64;
      if (b.name == "wavefront_bf16") return n.H == 32 || n.B > 64;  // as in f32
      return b.device == Device::gpu && b.name != "wavefront";
    };
    const auto all = lstm_cases::stacks();
    const auto few = std::span(all).first(lstm_cases::kStacksForAll);
    const auto more = std::span(all).subspan(lstm_cases::kStacksForAll);
    each(few, none, check_forward);
    each(few, none, check_backward);
    each(more, by_layers, check_forward);
    each(more, by_layers, check_backward);
  }

  TEST_CASE("the CPU's chunks of steps agree with the double reference") {
    const auto on_gpu = [](const Backend& b, const Case&) { return b.device != Device::cpu; };
    each(lstm_cases::cpu_tests(), on_gpu, check_forward);
    each(lstm_cases::cpu_tests(), on_gpu, check_backward);
  }

#ifdef _OPENMP
  TEST_CASE("the CPU's results have the same bits on one thread and on several") {
    const Case n{7, 66, 30, 70, true};  // enough work for threads
    const Backend cpu = backends()[0];
    const Operands o = operands(cpu.dtype, n);
    ReferenceStack saved = reference_of(n, o);
    saved.forward();
    const int usual = omp_get_max_threads();
    std::vector<Values> results;
    for (int threads : {1, 2, 3, 3}) {
      omp_set_num_threads(threads);
      Values all = run_forward(cpu, n, o);
      for (auto& gradient : run_backward(cpu, n, o, saved)) all.push_back(gradient);
      results.push_back(all);
    }
    omp_set_num_threads(usual);
    for (const Values& other : results) CHECK((other == results[0]));
  }
#endif

  TEST_CASE("the reference's gradient is the slope of its forward pass") {
    const Case n{3, 3, 2, 3, true};
    const Operands o = operands(DType::f64, n);
    Reference r = reference_of(n, o).layers[0];
    const auto &dh_end = o.layers[0].dh_end.values, &dc_end = o.layers[0].dc_end.values;
    r.forward();
    r.backward(o.dy.values, dh_end, dc_end);
    const Reference at = r;
    const auto loss = [&] {
      r.forward();
      double sum = 0;
      for (std::size_t i = 0; i < r.y.size(); ++i) sum += o.dy.values[i] * r.y[i];
      for (std::size_t i = 0; i < r.h_end.size(); ++i) {
        sum += dh_end[i] * r.h_end[i] + dc_end[i] * r.c_end[i];
      }
      return sum;
    };
    testing::expect_slope("x", r.x, at.dx, loss);
    testing::expect_slope("w_ih", r.w_ih, at.dw_ih, loss);
    testing::expect_slope("w_hh", r.w_hh, at.dw_hh, loss);
    testing::expect_slope("bias", r.bias, at.dbias, loss);
    testing::expect_slope("h0", r.h0, at.dh0, loss);
    testing::expect_slope("c0", r.c0, at.dc0, loss);
  }

  TEST_CASE("the small cases take a rung's own kernels, a wide layer its fallback") {
    // In different orders of addition at least one of many bits differs.
    const auto same = [](const Case& n, const char* name, const char* other) {
      Values found[2];
      for (const Backend& backend : backends()) {
        for (int i : {0, 1}) {
          if (backend.name != (i ? other : name)) continue;
          found[i] = run_forward(backend, n, operands(backend.dtype, n));
        }
      }
      return found[0] == found[1];
    };
    CHECK(!same({2, 5, 8, 32}, "persistent", "fused_gates"));
    CHECK(same({2, 2, 8, 40}, "persistent", "fused_gates"));
    for (const Case& n : lstm_cases::stacks()) {
      CAPTURE(n.name());
      if (n.H > 4) CHECK(same(n, "wavefront", "persistent") == (n.H == 40));
    }
  }

  TEST_CASE("dx is left out where it is not wanted") {
    const Case n{2, 3, 4, 5};
    for (const Backend& backend : backends()) {
      const Operands o = operands(backend.dtype, n);
      ReferenceStack saved = reference_of(n, o);
      saved.forward();
      const Values with_dx = run_backward(backend, n, o, saved);
      const Values actual = run_backward(backend, n, o, saved, false);
      for (double value : actual[6]) CHECK(std::isnan(value));
      for (int i : {0, 1, 2, 3, 4, 5}) CHECK(actual[i] == with_dx[i]);
    }
  }

  TEST_CASE("wrong operands are answered by an Error that names them") {
    std::vector<float> data(64);
    const auto view = [&](const Dims& shape) { return View(data.data(), DType::f32, shape); };
    LstmForward p{.x = view({1, 2, 3}),
                  .w_ih = view({8, 3}),
                  .w_hh = view({8, 2}),
                  .bias = view({8}),
                  .h0 = view({2, 2}),
                  .c0 = view({2, 2}),
                  .lengths = {},
                  .y = view({1, 2, 2}),
                  .h_end = view({2, 2}),
                  .c_end = view({2, 2}),
                  .gates = view({1, 2, 8}),
                  .cells = view({1, 2, 2})};
    p.h0 = view({1, 2});
    CHECK_THROWS_WITH_AS(
        lstm_forward(Stream::of(Device::cpu), p),
        "lstm: h0 must be f32 [2, 2] without gaps, not f32 [1, 2] strided by [2, 1]", Error);
  }
}

}  // namespace
}  // namespace etude
