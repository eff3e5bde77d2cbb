#pragma once
// The files that a data set consists of, and their SHA-256 sums.

#include <filesystem>
#include <string>
#include <vector>

namespace etude {

/// `path` is relative to the data set's folder, with '/'; `sha256` has 64 hexadecimal digits.
struct DataFile {
  std::string path, sha256;
};

/// True for a relative path that stays in its folder: no "..", not empty.
bool stays_inside(const std::string& path);

/// Reads what sha256sum prints: a sum, two blanks, a path. Error names `source` and the line.
std::vector<DataFile> parse_manifest(const std::string& text, const std::string& source);

/// What is wrong with the first file of `folder` that is missing or has another sum; empty if all
/// are as they should be. Throws Interrupted after Ctrl-C, and Error in a build without libcrypto.
std::string first_difference(const std::vector<DataFile>& files,
                             const std::filesystem::path& folder);

}  // namespace etude
