#include "models/midi_music.h"

#include <algorithm>
#include <cctype>

namespace etude {
namespace {

namespace fs = std::filesystem;

// Where Debian's packages put their tunes.
const fs::path kOpenttdTunes = "/usr/share/games/openttd/baseset/openmsx";
const fs::path kSimutransTunes = "/usr/share/games/simutrans/music";

void add_midi_files(const fs::path& folder, std::vector<fs::path>& files) {
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::string extension = entry->path().extension().string();
    std::ranges::transform(extension, extension.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (entry->is_regular_file() && (extension == ".mid" || extension == ".midi")) {
      files.push_back(entry->path());
    }
  }
  require(!error, folder.string(), ": cannot be read: ", error.message());
  std::ranges::sort(files);
}

}  // namespace

std::string get_midi_set(const std::string& set) {
  return "; fetch it with: etude data get " + set +
         ", or choose other music with --set data=NAME (tunes, or a MIDI file or folder of yours)";
}

MidiSource midi_data_set(const std::string& name, const fs::path& data_dir) {
  MidiSource source{.name = name, .data = name, .files = {}};
  const fs::path folder = data_dir / name;
  require(fs::is_directory(folder), name, ": there is no folder ", folder.string(),
          get_midi_set(name));
  add_midi_files(folder, source.files);
  require(!source.files.empty(), folder.string(), ": holds no *.mid or *.midi file",
          get_midi_set(name));
  return source;
}

MidiSource midi_tunes() {
  MidiSource source{.name = "tunes", .data = "tunes", .files = {}};
  for (const fs::path& folder : {kOpenttdTunes, kSimutransTunes}) {
    if (fs::is_directory(folder)) add_midi_files(folder, source.files);
  }
  require(!source.files.empty(), "tunes: neither ", kOpenttdTunes.string(), " nor ",
          kSimutransTunes.string(),
          " is there: install openttd-openmsx and simutrans-data (tools/setup does), or choose "
          "other music with --set data=NAME (a MIDI file or folder of yours)");
  source.note =
      "Tunes of the packages openttd-openmsx and simutrans-data: all parts but the drums, "
      "played on one piano.";
  return source;
}

MidiSource own_midi(const std::string& path, const std::string& known) {
  require(fs::exists(path), "data=", path, ": neither a known set (", known,
          ") nor a file or folder");
  const fs::path whole = fs::weakly_canonical(path);
  if (!fs::is_directory(whole)) {
    return {.name = whole.stem().string(), .data = whole.string(), .files = {whole}};
  }
  MidiSource source{
      .name = whole.filename().string(), .data = whole.string(), .files = {}, .lenient = true};
  add_midi_files(whole, source.files);
  require(!source.files.empty(), whole.string(), ": holds no *.mid or *.midi file");
  return source;
}

}  // namespace etude
