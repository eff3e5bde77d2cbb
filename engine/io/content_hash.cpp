#include "engine/io/content_hash.h"

namespace etude {

void ContentHash::add(std::string_view bytes) {
  for (const char byte : bytes) hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
}

std::string ContentHash::hex() const {
  std::string digits;
  for (int shift = 60; shift >= 0; shift -= 4)
    digits.push_back("0123456789abcdef"[hash_ >> shift & 15]);
  return digits;
}

}  // namespace etude
