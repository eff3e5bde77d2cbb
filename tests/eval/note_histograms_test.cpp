#include "eval/note_histograms.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "engine/error.h"
#include "tests/error_text.h"

namespace etude {
namespace {

using doctest::Approx;

std::vector<Note> pitches(const std::vector<int>& values) {
  std::vector<Note> notes;
  for (const int value : values) notes.push_back({0, 1, value, 64});
  return notes;
}

std::vector<Note> durations(const std::vector<double>& values) {
  std::vector<Note> notes;
  for (const double value : values) notes.push_back({0, value, 60, 64});
  return notes;
}

TEST_CASE("averages: those of every cell of the report on the performance LSTM") {
  // L1, L2, KL(p||q), KL(q||p) and the average, four decimals each: per setting the cells of pitch,
  // duration and velocity, and the overall average. Temperatures 0.6 to 1.4, then the four runs
  // with and without tempo conditioning and augmentation.
  struct Cell {
    HistogramDistances distances;
    double average;
  };
  struct Setting {
    Cell pitch, duration, velocity;
    double average;
  };
  const std::vector<Setting> settings = {{{{.0766, .0336, .0039, .0039}, .0295},
                                          {{.1890, .1180, .0328, .0389}, .0947},
                                          {{.4493, .1622, .1625, .2231}, .2493},
                                          .1245},
                                         {{{.0932, .0406, .0088, .0090}, .0379},
                                          {{.0824, .0508, .0122, .0268}, .0430},
                                          {{.4471, .1624, .1578, .2097}, .2442},
                                          .1084},
                                         {{{.1272, .0526, .0147, .0144}, .0522},
                                          {{.1620, .0973, .0703, .1310}, .1152},
                                          {{.6960, .2501, .3263, .4358}, .4271},
                                          .1982},
                                         {{{.2709, .1091, .0511, .0500}, .1203},
                                          {{.2156, .1263, .0462, .1328}, .1302},
                                          {{.4726, .1743, .1704, .2274}, .2612},
                                          .1706},
                                         {{{.1666, .0726, .0293, .0293}, .0745},
                                          {{.1121, .0636, .0307, .0741}, .0701},
                                          {{.3821, .1502, .1196, .1218}, .1934},
                                          .1127},
                                         {{{.0753, .0294, .0073, .0071}, .0298},
                                          {{.1175, .0722, .0676, .0383}, .0739},
                                          {{.3503, .1236, .1091, .1465}, .1824},
                                          .0954},
                                         {{{.0950, .0410, .0076, .0074}, .0377},
                                          {{.0661, .0421, .0108, .0093}, .0321},
                                          {{.3377, .1243, .1048, .1370}, .1760},
                                          .0819},
                                         {{{.0599, .0249, .0032, .0033}, .0228},
                                          {{.0519, .0301, .0080, .0072}, .0243},
                                          {{.3822, .1324, .1262, .1674}, .2021},
                                          .0830},
                                         {{{.0698, .0247, .0056, .0050}, .0263},
                                          {{.0733, .0403, .0522, .0578}, .0559},
                                          {{.3289, .1187, .1053, .1346}, .1719},
                                          .0847}};
  constexpr double rounding = 1.001e-4;  // half a last place of the four and of their average
  for (const auto& [pitch, duration, velocity, average] : settings) {
    CAPTURE(average);
    for (const Cell& cell : {pitch, duration, velocity}) {
      const auto [l1, l2, kl_pq, kl_qp] = cell.distances;
      CHECK(std::abs(cell.distances.average() - cell.average) < rounding);
      // What must hold between distances of shares over ten bins, with KL in nats (Pinsker).
      CHECK(l2 <= l1);
      CHECK(l1 <= std::sqrt(10) * l2);
      CHECK(kl_pq >= l1 * l1 / 2);
      CHECK(kl_qp >= l1 * l1 / 2);
    }
    const NoteDistances all{pitch.distances, duration.distances, velocity.distances};
    CHECK(std::abs(all.average() - average) < rounding);
  }
}

TEST_CASE("distances by hand") {
  const std::vector<double> p = {0.5, 0.25, 0.25}, q = {0.25, 0.25, 0.5};
  const HistogramDistances d = histogram_distances(p, q);
  CHECK(d.l1 == 0.5);
  CHECK(d.l2 == Approx(std::sqrt(0.125)));
  CHECK(d.kl_pq == Approx(0.25 * std::log(2)));  // 0.5 ln 2 - 0.25 ln 2
  const std::vector<double> r = {0.75, 0.25}, even = {0.5, 0.5};
  CHECK(histogram_distances(r, even).kl_pq == Approx(0.75 * std::log(1.5) - 0.25 * std::log(2)));
  CHECK(histogram_distances(r, even).kl_qp == Approx(-0.5 * std::log(1.5) + 0.5 * std::log(2)));
  for (const auto& same : {p, r}) {
    const HistogramDistances zero = histogram_distances(same, same);
    CHECK(zero.average() == 0);
  }
}

TEST_CASE("distances of disjoint and of nearly equal histograms") {
  const std::vector<double> p = {1, 0}, q = {0, 1};
  const HistogramDistances d = histogram_distances(p, q);
  CHECK(d.l1 == 2);
  CHECK(d.l2 == Approx(std::sqrt(2)));
  CHECK(d.kl_pq == Approx(-std::log(1e-12)));
  CHECK(d.kl_qp == Approx(-std::log(1e-12)));
  // With the additions to a million bins the shares sum to 1 + 1e-6, and are normalised.
  std::vector<double> first(1'000'000), last(1'000'000);
  first.front() = last.back() = 1;
  CHECK(histogram_distances(first, last).kl_pq ==
        Approx(-std::log(1e-12) / (1 + 1e-6)).epsilon(1e-9));
  // KL is 2 d^2 for 0.5 +- d; below the resolution of a double it must not become negative.
  for (const double e : {1e-3, 1e-6, 1e-9, 1e-12, 1e-15}) {
    CAPTURE(e);
    const std::vector<double> tilted = {0.5 + e, 0.5 - e}, even = {0.5, 0.5};
    const HistogramDistances near = histogram_distances(tilted, even);
    CHECK(near.kl_pq >= 0);
    CHECK(near.kl_qp >= 0);
    CHECK(std::abs(near.kl_pq - 2 * e * e) < 1e-15 + 1e-5 * e * e);
  }
}

TEST_CASE("histograms: bins of equal width over the joint range, the last with its upper edge") {
  // 60 ... 70: each pitch but the last is a lower edge.
  const HistogramPair h = note_histograms(NoteProperty::pitch, pitches({60, 61, 69, 70}),
                                          pitches({62, 66, 66, 70, 65}), 10);
  REQUIRE(h.edges.size() == 11);
  for (int i = 0; i <= 10; ++i) CHECK(h.edges[i] == 60 + i);
  CHECK(h.generated == std::vector<double>{.25, .25, 0, 0, 0, 0, 0, 0, 0, .5});
  CHECK(h.truth == std::vector<double>{0, 0, .2, 0, 0, .2, .4, 0, 0, .2});
  const HistogramPair velocity =
      note_histograms(NoteProperty::velocity, std::vector<Note>{{0, 1, 60, 20}, {0, 1, 60, 60}},
                      std::vector<Note>{{0, 1, 60, 40}}, 2);
  CHECK(velocity.edges == std::vector<double>{20, 40, 60});
  CHECK(velocity.generated == std::vector<double>{.5, .5});
  CHECK(velocity.truth == std::vector<double>{0, 1});
}

TEST_CASE("histograms: durations on an edge fall above it, whatever their last bit") {
  // 0.1 ... 1.1 s. 100.3 - 100.0 is less than 0.3 as a double, 0.1 + 0.2 more.
  const HistogramPair h =
      note_histograms(NoteProperty::duration, durations({0.1, 100.3 - 100.0, 0.1 + 0.2, 1.1}),
                      durations({0.3, 0.7 + 1e-16, 0.8 - 1e-16, 0.2999, 1.1}), 10);
  CHECK(h.edges[2] == 0.3);
  CHECK(h.generated == std::vector<double>{.25, 0, .5, 0, 0, 0, 0, 0, 0, .25});
  CHECK(h.truth == std::vector<double>{0, .2, .2, 0, 0, 0, .2, .2, 0, .2});
}

TEST_CASE("histograms at full resolution: one bin per pitch, velocity and 10 ms") {
  const HistogramPair pitch = note_histograms(NoteProperty::pitch, pitches({60, 62}),
                                              pitches({61, 61, 61, 63}), full_resolution);
  CHECK(pitch.edges == std::vector<double>{60, 61, 62, 63, 64});
  CHECK(pitch.generated == std::vector<double>{.5, 0, .5, 0});
  CHECK(pitch.truth == std::vector<double>{0, .75, 0, .25});
  const HistogramPair duration =
      note_histograms(NoteProperty::duration, durations({0.025, 100.03 - 100.0}),
                      durations({0.03, 0.0399, 0.049, 0.05}), full_resolution);
  CHECK(duration.edges == std::vector<double>{.02, .03, .04, .05, .06});
  CHECK(duration.generated == std::vector<double>{.5, .5, 0, 0});
  CHECK(duration.truth == std::vector<double>{0, .5, .25, .25});
  // A note held for days shares the last bin with one of ten minutes.
  const HistogramPair longest = note_histograms(NoteProperty::duration, durations({0, 600}),
                                                durations({1e6, 599.99}), full_resolution);
  CHECK(longest.edges.size() == 60'002);
  CHECK(longest.edges.back() == 600.01);
  CHECK(longest.generated.back() == 0.5);
  CHECK(longest.truth.back() == 0.5);
}

TEST_CASE("histograms: a joint range of no width is one bin, and no distance") {
  for (const int bins : {full_resolution, 1, 10}) {
    CAPTURE(bins);
    const auto generated = durations({0.25}), truth = durations({100.25 - 100, 0.25, 0.25});
    for (const NoteProperty property :
         {NoteProperty::pitch, NoteProperty::duration, NoteProperty::velocity}) {
      const HistogramPair h = note_histograms(property, generated, truth, bins);
      CHECK(h.generated == std::vector<double>{1});
      CHECK(h.truth == std::vector<double>{1});
      CHECK(h.edges.size() == 2);
    }
    CHECK(note_distances(generated, truth, bins).average() == 0);
  }
}

/// Values spread by quadratic residues; durations lie off every edge.
std::vector<Note> spread(int count, auto&& pitch, auto&& milliseconds, auto&& velocity) {
  std::vector<Note> notes;
  for (int i = 0; i < count; ++i) {
    notes.push_back({0.1 * i, milliseconds(i) / 1000.0 + 0.000321, pitch(i), velocity(i)});
  }
  return notes;
}

TEST_CASE("note distances: as numpy.histogram and the formulas give them") {
  const std::vector<Note> generated = spread(
      500, [](int i) { return 48 + (7 * i * i + 3 * i) % 31; },
      [](int i) { return 50 + (13 * i * i + 29 * i) % 977; },
      [](int i) { return 30 + (5 * i * i + 11 * i) % 67; });
  const std::vector<Note> truth = spread(
      300, [](int i) { return 45 + (5 * i * i + i) % 29; },
      [](int i) { return 40 + (17 * i * i + 31 * i) % 853; },
      [](int i) { return 35 + (3 * i * i + 7 * i) % 71; });
  auto check = [](const HistogramDistances& d, const HistogramDistances& expected) {
    CHECK(d.l1 == Approx(expected.l1).epsilon(1e-9));
    CHECK(d.l2 == Approx(expected.l2).epsilon(1e-9));
    CHECK(d.kl_pq == Approx(expected.kl_pq).epsilon(1e-9));
    CHECK(d.kl_qp == Approx(expected.kl_qp).epsilon(1e-9));
  };
  const NoteDistances ten = note_distances(generated, truth);
  check(ten.pitch, {0.661333333333, 0.223837242458, 1.74010907863, 0.307813789277});
  check(ten.duration, {0.289333333333, 0.116160808078, 2.2052849768, 0.117016685309});
  check(ten.velocity, {0.646666666667, 0.264994758858, 0.373559238133, 4.90629386302});
  CHECK(ten.average() == Approx(0.987700314492).epsilon(1e-9));
  const NoteDistances many = note_distances(generated, truth, 32);
  check(many.pitch, {1.09733333333, 0.262004240848, 12.7840949822, 12.0375574431});
  check(many.duration, {0.408, 0.0906274424958, 2.7028486311, 0.204959860192});
  check(many.velocity, {1.03866666667, 0.219206650345, 7.92924318195, 10.0801118618});
  CHECK(many.average() == Approx(4.07122119117).epsilon(1e-9));
  const NoteDistances full = note_distances(generated, truth, full_resolution);
  check(full.pitch, {1.09733333333, 0.262004240848, 12.7840949822, 12.0375574431});
  check(full.duration, {0.666666666667, 0.0809444253794, 3.2060951637, 1.75614038285});
  check(full.velocity, {1.28533333333, 0.190573403764, 14.8740807532, 15.2950066728});
  CHECK(full.average() == Approx(5.29465256677).epsilon(1e-9));
}

TEST_CASE("note histograms: broken input is named") {
  const auto good = pitches({60});
  auto message = [&](const std::vector<Note>& generated, const std::vector<Note>& truth, int bins) {
    return message_of([&] { note_distances(generated, truth, bins); });
  };
  CHECK(contains(message({}, good, 10), "no generated notes"));
  CHECK(contains(message(good, {}, 10), "no true notes"));
  CHECK(contains(message(good, good, -1), "-1 bins"));
  CHECK(contains(message(good, good, 1'000'001), "bins"));
  CHECK(contains(message(pitches({60, 128}), good, 10), "generated: note 1 has pitch 128"));
  CHECK(contains(message(good, pitches({-1}), 10), "truth: note 0 has pitch -1"));
  CHECK(contains(message(good, {{0, 1, 60, 128}}, 10), "velocity 128"));
  CHECK(contains(message(durations({-0.1}), good, 10), "lasts -0.1 s"));
  CHECK(contains(message(durations({std::nan("")}), good, 10), "lasts nan s"));
  CHECK(contains(message(durations({1e7}), good, 10), "lasts"));
  CHECK(contains(message({{std::numeric_limits<double>::infinity(), 1, 60, 64}}, good, 10), "inf"));

  auto distances = [](const std::vector<double>& p, const std::vector<double>& q) {
    return message_of([&] { histogram_distances(p, q); });
  };
  CHECK(contains(distances({1}, {0.5, 0.5}), "1 and 2 bins"));
  CHECK(contains(distances({}, {}), "0 bins"));
  CHECK(contains(distances({2, -1}, {0.5, 0.5}), "-1"));
  CHECK(contains(distances({0.5, 0.5}, {3, 5}), "sum to 8"));
  CHECK(contains(distances({0.5, std::nan("")}, {0.5, 0.5}), "nan"));
}

}  // namespace
}  // namespace etude
