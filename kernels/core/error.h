#pragma once
// The one error type of the project and the one way to raise it.

#include <sstream>
#include <stdexcept>
#include <string>

namespace etude {

/// Every failure a caller can cause or must know of. `what()` is one line that names the operation,
/// the requirement and the actual value, e.g. "conv: weight has 3 input channels, x has 4".
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws Error with `parts` streamed one after the other.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw Error(text.str());
}

/// Throws Error with `parts` streamed one after the other unless `condition` holds; the message is
/// built only then.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(parts...);
}

}  // namespace etude
