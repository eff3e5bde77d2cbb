#include "tools/etude/peer_onednn.h"

#ifdef ETUDE_HAVE_ONEDNN
#include <map>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#endif

namespace etude {

#ifdef ETUDE_HAVE_ONEDNN
namespace {

using dnnl::memory;
using Desc = memory::desc;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

/// A primitive's description: in version 2 from an operation's, in version 3 at once. `hint` is
/// nothing, or the description of the forward primitive.
template <class Primitive, class... Args>
typename Primitive::primitive_desc describe(const Args&... args) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), args...};
#else
  return {typename Primitive::desc(args...), engine()};
#endif
}
template <class Primitive, class Hint, class... Args>
typename Primitive::primitive_desc describe_backward(const Hint& hint, const Args&... args) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), args..., hint};
#else
  return {typename Primitive::desc(args...), engine(), hint};
#endif
}

Desc plain(const Dims& shape, const Dims& strides, DType dtype) {
  const auto type = dtype == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  return {memory::dims(shape.begin(), shape.end()), type,
          memory::dims(strides.begin(), strides.end())};
}

/// The same with the layout left to the primitive.
Desc any(const Dims& shape, DType dtype) {
  const auto type = dtype == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  return {memory::dims(shape.begin(), shape.end()), type, memory::format_tag::any};
}

/// An operand of a plan: the user's view, and where the primitive keeps its own copy if it wants
/// another layout.
struct Argument {
  int id;            // DNNL_ARG_...
  std::size_t view;  // which operand of the case
  bool output;
  memory plain, inner;
  dnnl::reorder convert;  // empty where the layouts agree
};

/// A primitive with its operands and conversions.
class Plan {
 public:
  explicit Plan(dnnl::primitive primitive) : primitive_(std::move(primitive)), stream_(engine()) {}

  void add(int id, std::size_t view, bool output, const Desc& plain, const Desc& inner) {
    Argument x{id, view, output, memory(plain, engine(), DNNL_MEMORY_NONE), {}, {}};
    if (inner == plain) {
      x.inner = x.plain;
    } else {
      x.inner = memory(inner, engine());
      x.convert = output ? dnnl::reorder(x.inner, x.plain) : dnnl::reorder(x.plain, x.inner);
    }
    arguments_.push_back(std::move(x));
  }

  void run(std::span<const View> views) {
    std::unordered_map<int, memory> operands;
    for (Argument& x : arguments_) {
      x.plain.set_data_handle(views[x.view].data);
      if (x.convert && !x.output) x.convert.execute(stream_, x.plain, x.inner);
      operands.insert({x.id, x.inner});
    }
    primitive_.execute(stream_, operands);
    for (Argument& x : arguments_) {
      if (x.convert && x.output) x.convert.execute(stream_, x.inner, x.plain);
    }
    stream_.wait();
  }

 private:
  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::vector<Argument> arguments_;
};

using MakePlan = Plan (*)(const BenchCase&, std::span<const View>);

Plan matmul_plan(const BenchCase&, std::span<const View> v) {
  const auto pd = describe<dnnl::matmul>(any(v[0].shape, v[0].dtype), any(v[1].shape, v[1].dtype),
                                         any(v[2].shape, v[2].dtype));
  Plan plan{dnnl::matmul(pd)};
  const auto layout = [&](std::size_t i) { return plain(v[i].shape, v[i].strides, v[i].dtype); };
  plan.add(DNNL_ARG_SRC, 0, false, layout(0), pd.src_desc());
  plan.add(DNNL_ARG_WEIGHTS, 1, false, layout(1), pd.weights_desc());
  plan.add(DNNL_ARG_DST, 2, true, layout(2), pd.dst_desc());
  return plan;
}

/// A convolution's or transposed convolution's operands as oneDNN describes them.
struct Window {
  Dims x, w, w_strides, y;  // w: [K, C, R, S], or with groups [G, K / G, C / G, R, S]
  DType dtype;
  memory::dims strides, dilates, pad_before, pad_behind;

  /// `transposed`: w lies as [C, K / groups, R, S].
  Window(const BenchCase& c, const View& x_view, const View& w_view, const View& y_view,
         bool transposed)
      : x(x_view.shape), y(y_view.shape), dtype(x_view.dtype) {
    const auto number = [&](const char* name) { return static_cast<std::int64_t>(c.number(name)); };
    const std::int64_t G = number("groups"), R = w_view.dim(2), S = w_view.dim(3);
    const std::int64_t K = y.data[1] / G, C = x.data[1] / G;
    w = {K, C, R, S};
    w_strides = transposed ? Dims{R * S, K * R * S, S, 1} : Dims{C * R * S, R * S, S, 1};
    if (G > 1) {
      w = {G, K, C, R, S};
      w_strides = {K * C * R * S, w_strides[0], w_strides[1], S, 1};
    }
    strides = {number("stride_h"), number("stride_w")};
    dilates = {number("dilation_h") - 1, number("dilation_w") - 1};
    pad_before = {number("pad_h"), number("pad_w")};
    // What is left behind the last window; of the wide side, which for a transposed one is y.
    const Dims &wide = transposed ? y : x, &narrow = transposed ? x : y;
    for (int d = 0; d < 2; ++d) {
      const std::int64_t taps = d == 0 ? R : S;
      pad_behind.push_back((narrow[2 + d] - 1) * strides[d] + (dilates[d] + 1) * (taps - 1) + 1 -
                           wide[2 + d] - pad_before[d]);
    }
  }

  Desc any_x() const { return any(x, dtype); }
  Desc any_w() const { return any(w, dtype); }
  Desc any_y() const { return any(y, dtype); }
  Desc plain_x() const { return plain(x, contiguous_strides(x), dtype); }
  Desc plain_w() const { return plain(w, w_strides, dtype); }
  Desc plain_y() const { return plain(y, contiguous_strides(y), dtype); }
};

/// The three operations of a layer, for either kind.
template <class Forward, class BackwardData, class BackwardWeights, dnnl::algorithm kAlgorithm,
          bool kTransposed>
struct Layer {
  static auto forward_desc(const Window& p) {
    return describe<Forward>(dnnl::prop_kind::forward_training, kAlgorithm, p.any_x(), p.any_w(),
                             p.any_y(), p.strides, p.dilates, p.pad_before, p.pad_behind);
  }
  static Plan forward(const BenchCase& c, std::span<const View> v) {
    const Window p(c, v[0], v[1], v[2], kTransposed);
    const auto pd = forward_desc(p);
    Plan plan{Forward(pd)};
    plan.add(DNNL_ARG_SRC, 0, false, p.plain_x(), pd.src_desc());
    plan.add(DNNL_ARG_WEIGHTS, 1, false, p.plain_w(), pd.weights_desc());
    plan.add(DNNL_ARG_DST, 2, true, p.plain_y(), pd.dst_desc());
    return plan;
  }
  static Plan input_grad(const BenchCase& c, std::span<const View> v) {
    const Window p(c, v[2], v[1], v[0], kTransposed);
    const auto pd = describe_backward<BackwardData>(forward_desc(p), kAlgorithm, p.any_x(),
                                                    p.any_w(), p.any_y(), p.strides, p.dilates,
                                                    p.pad_before, p.pad_behind);
    Plan plan{BackwardData(pd)};
    plan.add(DNNL_ARG_DIFF_DST, 0, false, p.plain_y(), pd.diff_dst_desc());
    plan.add(DNNL_ARG_WEIGHTS, 1, false, p.plain_w(), pd.weights_desc());
    plan.add(DNNL_ARG_DIFF_SRC, 2, true, p.plain_x(), pd.diff_src_desc());
    return plan;
  }
  static Plan weight_grad(const BenchCase& c, std::span<const View> v) {
    const Window p(c, v[0], v[2], v[1], kTransposed);
    const auto pd = describe_backward<BackwardWeights>(forward_desc(p), kAlgorithm, p.any_x(),
                                                       p.any_w(), p.any_y(), p.strides, p.dilates,
                                                       p.pad_before, p.pad_behind);
    Plan plan{BackwardWeights(pd)};
    plan.add(DNNL_ARG_SRC, 0, false, p.plain_x(), pd.src_desc());
    plan.add(DNNL_ARG_DIFF_DST, 1, false, p.plain_y(), pd.diff_dst_desc());
    plan.add(DNNL_ARG_DIFF_WEIGHTS, 2, true, p.plain_w(), pd.diff_weights_desc());
    return plan;
  }
};
using Conv = Layer<dnnl::convolution_forward, dnnl::convolution_backward_data,
                   dnnl::convolution_backward_weights, dnnl::algorithm::convolution_direct, false>;
using ConvTranspose =
    Layer<dnnl::deconvolution_forward, dnnl::deconvolution_backward_data,
          dnnl::deconvolution_backward_weights, dnnl::algorithm::deconvolution_direct, true>;

template <bool kLog>
Plan softmax_plan(const BenchCase&, std::span<const View> v) {
  const Desc layout = plain(v[0].shape, v[0].strides, v[0].dtype);
  constexpr auto kInference = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  constexpr auto kAlgorithm =
      kLog ? dnnl::algorithm::softmax_log : dnnl::algorithm::softmax_accurate;
  const auto pd = describe<dnnl::softmax_forward>(kInference, kAlgorithm, layout, layout, 1);
  Plan plan{dnnl::softmax_forward(pd)};
#else
  using Primitive = std::conditional_t<kLog, dnnl::logsoftmax_forward, dnnl::softmax_forward>;
  const auto pd = describe<Primitive>(kInference, layout, 1);
  Plan plan{Primitive(pd)};
#endif
  plan.add(DNNL_ARG_SRC, 0, false, layout, layout);
  plan.add(DNNL_ARG_DST, 1, true, layout, layout);
  return plan;
}

template <dnnl::algorithm kAlgorithm>
Plan eltwise_plan(const BenchCase&, std::span<const View> v) {
  const Desc x = plain(v[0].shape, v[0].strides, v[0].dtype);
  constexpr auto kInference = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  const auto pd = describe<dnnl::eltwise_forward>(kInference, kAlgorithm, x, x, 0.f, 0.f);
#else
  const auto pd = describe<dnnl::eltwise_forward>(kInference, kAlgorithm, x, 0.f, 0.f);
#endif
  Plan plan{dnnl::eltwise_forward(pd)};
  plan.add(DNNL_ARG_SRC, 0, false, x, pd.src_desc());
  plan.add(DNNL_ARG_DST, 1, true, plain(v[1].shape, v[1].strides, v[1].dtype), pd.dst_desc());
  return plan;
}

template <dnnl::algorithm kAlgorithm>
Plan reduction_plan(const BenchCase&, std::span<const View> v) {
  const Desc x = plain(v[0].shape, v[0].strides, v[0].dtype);
  const Desc y = plain(v[1].shape, v[1].strides, v[1].dtype);
  const auto pd = describe<dnnl::reduction>(kAlgorithm, x, y, 0.f, 0.f);
  Plan plan{dnnl::reduction(pd)};
  plan.add(DNNL_ARG_SRC, 0, false, x, x);
  plan.add(DNNL_ARG_DST, 1, true, y, y);
  return plan;
}

const std::map<std::string, MakePlan> kPlans = {
    {"matmul", matmul_plan},
    {"conv", Conv::forward},
    {"conv_input_grad", Conv::input_grad},
    {"conv_weight_grad", Conv::weight_grad},
    {"conv_transpose", ConvTranspose::forward},
    {"conv_transpose_input_grad", ConvTranspose::input_grad},
    {"conv_transpose_weight_grad", ConvTranspose::weight_grad},
    {"softmax", softmax_plan<false>},
    {"log_softmax", softmax_plan<true>},
    {"tanh", eltwise_plan<dnnl::algorithm::eltwise_tanh>},
    {"gelu", eltwise_plan<dnnl::algorithm::eltwise_gelu_erf>},
    {"sum", reduction_plan<dnnl::algorithm::reduction_sum>},
    {"max", reduction_plan<dnnl::algorithm::reduction_max>},
};

}  // namespace

bool onednn_available() { return true; }

std::optional<BenchRunner> onednn_runner(const BenchCase& c) {
  const auto found = kPlans.find(c.operation);
  if (found == kPlans.end() || c.tf32) return std::nullopt;
  auto plan = std::make_shared<std::optional<Plan>>();
  return BenchRunner{"onednn", "oneDNN's primitive, from and to plain tensors", Device::cpu,
                     [plan, c, make = found->second](Stream&, std::span<const View> v) {
                       try {
                         if (!*plan) plan->emplace(make(c, v));
                         (*plan)->run(v);
                       } catch (const dnnl::error& error) {
                         fail("oneDNN: ", error.what());
                       }
                     }};
}

#else

bool onednn_available() { return false; }
std::optional<BenchRunner> onednn_runner(const BenchCase&) { return std::nullopt; }

#endif

}  // namespace etude
