#pragma once
// The data of the coursework whose reports the experiments reproduce ("ee641"): no set of `etude
// data`, but archives that its users bring.

#include <filesystem>
#include <string>

namespace etude {

/// data_dir/name. If it is not there, it is unpacked from name.tar.xz, without the archive's top
/// folder, in the folder that the environment's ETUDE_DATA_MIRROR names. `what` it holds is for the
/// message: "the coursework's train/ and val/". Throws Error with the remedy.
std::filesystem::path find_coursework(const std::filesystem::path& data_dir,
                                      const std::string& name, const std::string& what);

}  // namespace etude
