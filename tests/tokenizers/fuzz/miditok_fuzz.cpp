// libFuzzer's entry point; the unit tests check the same. See tokenizers/README.md.
#include "tests/tokenizers/miditok_properties.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t num_bytes) {
  etude::miditok::check_miditok({bytes, num_bytes});
  return 0;
}
