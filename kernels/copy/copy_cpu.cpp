#include "kernels/copy/copy.h"

#include "kernels/copy/convert.h"
#include "kernels/core/map.h"

namespace etude {

void cpu::copy(Stream&, const View& x, const View& y) {
  dispatch_any("copy", x.dtype, [&]<class X>() {
    dispatch_any("copy", y.dtype,
                 [&]<class Y>() { map<Y, X, 1>(Convert<Y>{}, std::span(&x, 1), y); });
  });
}

void cpu::fill(Stream&, const View& y, double value) {
  dispatch_any("fill", y.dtype,
               [&]<class Y>() { map<Y, Y, 0>(Constant<Y>{Convert<Y>{}(value)}, {}, y); });
}

}  // namespace etude
