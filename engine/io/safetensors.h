#pragma once
// safetensors files: 8 bytes of header length, a JSON header, raw little-endian data.
// Format: Hugging Face, safetensors specification, version 0.4.

#include <filesystem>

#include "engine/state.h"

namespace etude {

/// Writes to a temporary file beside `path`, syncs it to disk and renames it, so that at any moment
/// `path` is either the old or the new checkpoint, whole. Error names the file and the reason.
void save_safetensors(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Reads and checks everything: sizes, offsets, overlaps. Error names the file and what is wrong
/// with it (missing, truncated, not safetensors).
Checkpoint load_safetensors(const std::filesystem::path& path);

}  // namespace etude
