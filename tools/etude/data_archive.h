#pragma once
// Files out of an archive.

#include <filesystem>
#include <vector>

#include "tools/etude/data_manifest.h"

namespace etude {

/// Writes those files of a .zip, .tar.gz or .tar.xz that `files` lists below `folder`, and nothing
/// else; links are never made. The archive's own top folder, whatever its name, is left out: it is
/// what stands before the first of `files`. Error for a damaged archive, for one without that file,
/// and, before anything is written, for one with a path that leads out of the folder. Interrupted
/// after Ctrl-C. Error in a build without libarchive.
void unpack(const std::filesystem::path& archive, const std::vector<DataFile>& files,
            const std::filesystem::path& folder);

}  // namespace etude
