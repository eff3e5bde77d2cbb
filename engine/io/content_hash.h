#pragma once
// Telling contents apart by a short name.

#include <cstdint>
#include <string>
#include <string_view>

namespace etude {

/// FNV-1a (64 bits) of all that was added, for telling contents apart, not for security.
/// Source: Fowler, Noll, Vo, Eastlake, "The FNV non-cryptographic hash algorithm".
class ContentHash {
 public:
  void add(std::string_view bytes);
  /// 16 hexadecimal digits.
  std::string hex() const;

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace etude
