#pragma once
// The numbers of the report that is reproduced: distances between the histograms of one generated
// piece and the true one, at each of its settings.

#include <array>
#include <string_view>

namespace etude::performance_lstm {

struct ReportedCells {
  std::string_view table, setting;
  /// L1, L2, KL(p || q), KL(q || p).
  std::array<double, 4> pitch, duration, velocity;
};

inline constexpr std::array kReported = {
    ReportedCells{"temperature",
                  "tau 0.6",
                  {0.0766, 0.0336, 0.0039, 0.0039},
                  {0.1890, 0.1180, 0.0328, 0.0389},
                  {0.4493, 0.1622, 0.1625, 0.2231}},
    ReportedCells{"temperature",
                  "tau 0.8",
                  {0.0932, 0.0406, 0.0088, 0.0090},
                  {0.0824, 0.0508, 0.0122, 0.0268},
                  {0.4471, 0.1624, 0.1578, 0.2097}},
    ReportedCells{"temperature",
                  "tau 1",
                  {0.1272, 0.0526, 0.0147, 0.0144},
                  {0.1620, 0.0973, 0.0703, 0.1310},
                  {0.6960, 0.2501, 0.3263, 0.4358}},
    ReportedCells{"temperature",
                  "tau 1.2",
                  {0.2709, 0.1091, 0.0511, 0.0500},
                  {0.2156, 0.1263, 0.0462, 0.1328},
                  {0.4726, 0.1743, 0.1704, 0.2274}},
    ReportedCells{"temperature",
                  "tau 1.4",
                  {0.1666, 0.0726, 0.0293, 0.0293},
                  {0.1121, 0.0636, 0.0307, 0.0741},
                  {0.3821, 0.1502, 0.1196, 0.1218}},
    ReportedCells{"primed",
                  "tau 1",
                  {0.1272, 0.0526, 0.0147, 0.0144},
                  {0.1620, 0.0973, 0.0703, 0.1310},
                  {0.6960, 0.2501, 0.3263, 0.4358}},
    ReportedCells{"primed",
                  "primed",
                  {0.2241, 0.0972, 0.0369, 0.0360},
                  {0.2192, 0.1400, 0.3029, 0.0976},
                  {0.3374, 0.1292, 0.1032, 0.1337}},
    ReportedCells{"tempo",
                  "baseline",
                  {0.0753, 0.0294, 0.0073, 0.0071},
                  {0.1175, 0.0722, 0.0676, 0.0383},
                  {0.3503, 0.1236, 0.1091, 0.1465}},
    ReportedCells{"tempo",
                  "both",
                  {0.0950, 0.0410, 0.0076, 0.0074},
                  {0.0661, 0.0421, 0.0108, 0.0093},
                  {0.3377, 0.1243, 0.1048, 0.1370}},
    ReportedCells{"tempo",
                  "conditioning",
                  {0.0599, 0.0249, 0.0032, 0.0033},
                  {0.0519, 0.0301, 0.0080, 0.0072},
                  {0.3822, 0.1324, 0.1262, 0.1674}},
    ReportedCells{"tempo",
                  "augmentation",
                  {0.0698, 0.0247, 0.0056, 0.0050},
                  {0.0733, 0.0403, 0.0522, 0.0578},
                  {0.3289, 0.1187, 0.1053, 0.1346}},
};

}  // namespace etude::performance_lstm
