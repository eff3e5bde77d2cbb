#pragma once
// `etude data`: the data sets that somebody else publishes, fetched and verified. One is two files
// of tools/datasets/: NAME.toml says what it is and where it is published, NAME.sha256 lists its
// files.

#include <filesystem>
#include <span>
#include <string>

namespace etude {

/// The two files of a data set, as text in the program.
struct DataSetText {
  const char* name;
  const char* toml;
  const char* sha256;
};
/// Everything in tools/datasets/, which this is generated from.
std::span<const DataSetText> data_set_texts();

/// Prints every data set: what it is, its licence and page, whether it is in `data_dir`.
void list_data(const std::filesystem::path& data_dir);

/// Makes `data_dir`/`name` hold exactly the files of the set's manifest, each with its SHA-256 sum,
/// and prints that path. The folder gets its name when all is verified, never before; one that is
/// there is verified and left alone. The files come from NAME.tar.xz in the folder that the
/// environment's ETUDE_DATA_MIRROR names, if it is there, else from the official address; a set
/// that has none is an Error that says how to get the files by hand. What arrived of a download
/// before it was interrupted is kept and continued by the next call. ETUDE_DATASETS names a folder
/// to read instead of tools/datasets. Throws Error with the remedy, and Interrupted after Ctrl-C.
void get_data(const std::string& name, const std::filesystem::path& data_dir);

}  // namespace etude
