#include "tools/etude/data_manifest.h"

#include <array>
#include <fstream>
#include <memory>
#include <sstream>

#include "engine/error.h"
#include "engine/run/console.h"

#ifdef ETUDE_HAVE_CRYPTO
#include <openssl/evp.h>
#endif

namespace etude {
namespace {

namespace fs = std::filesystem;

#ifdef ETUDE_HAVE_CRYPTO

std::string sha256_of(const fs::path& path) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(),
                                                                       EVP_MD_CTX_free);
  bool good = digest && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1;
  std::ifstream file(path, std::ios::binary);
  require(file.good(), path.string(), ": cannot be read");
  std::array<char, 1 << 16> bytes;
  while (good && file.read(bytes.data(), bytes.size()).gcount() > 0)
    good =
        EVP_DigestUpdate(digest.get(), bytes.data(), static_cast<std::size_t>(file.gcount())) == 1;
  require(!file.bad(), path.string(), ": cannot be read");
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum;
  unsigned size = 0;
  require(good && EVP_DigestFinal_ex(digest.get(), sum.data(), &size) == 1,
          "libcrypto cannot compute a SHA-256 sum");
  std::string digits;
  for (unsigned i = 0; i < size; ++i) {
    digits.push_back("0123456789abcdef"[sum[i] >> 4]);
    digits.push_back("0123456789abcdef"[sum[i] & 15]);
  }
  return digits;
}

#else

std::string sha256_of(const fs::path&) {
  fail(
      "etude data: this build has no libcrypto to verify files with: install libssl-dev "
      "(tools/setup does) and build again");
}

#endif

}  // namespace

bool stays_inside(const std::string& path) {
  if (path.empty() || path.front() == '/') return false;
  for (const fs::path& part : fs::path(path))
    if (part == "..") return false;
  return true;
}

std::vector<DataFile> parse_manifest(const std::string& text, const std::string& source) {
  constexpr std::size_t digits = 64;
  std::vector<DataFile> files;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const bool sum = line.find_first_not_of("0123456789abcdef") == digits;
    require(sum && line.compare(digits, 2, "  ") == 0 && stays_inside(line.substr(digits + 2)),
            source, ":", number,
            ": must be a SHA-256 sum, two blanks and a path inside the data set");
    files.push_back({line.substr(digits + 2), line.substr(0, digits)});
  }
  require(!files.empty(), source, ": lists no file");
  return files;
}

std::string first_difference(const std::vector<DataFile>& files, const fs::path& folder) {
  for (const DataFile& file : files) {
    leave_if_stopped();
    const fs::path path = folder / file.path;
    if (!fs::is_regular_file(path)) return file.path + " is missing";
    const std::string sum = sha256_of(path);
    if (sum != file.sha256) return file.path + " has the sum " + sum + " instead of " + file.sha256;
  }
  return "";
}

}  // namespace etude
