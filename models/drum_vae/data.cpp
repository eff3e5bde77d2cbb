#include "models/drum_vae/data.h"

#include "engine/error.h"
#include "engine/io/content_hash.h"
#include "engine/io/npz.h"
#include "models/coursework.h"
#include "models/drum_vae/groove.h"
#include "models/drum_vae/synthetic.h"

namespace etude::drum_vae {
namespace {

namespace fs = std::filesystem;

constexpr int kTrain = 800;  // of the 1000 patterns of a synthetic set; the rest validates
constexpr int kPerStyle = 200, kTestPerStyle = 4000;
// A run's seed must not change what runs are compared on.
enum : std::uint64_t { kDataSeed = 641, kTrainStream = 1, kTestStream = 2 };

Patterns draw(int per_style, std::uint64_t stream) {
  Generator generator(kDataSeed, stream);
  return draw_patterns(per_style, generator);
}

void append(Patterns& to, const Patterns& from, std::int64_t begin, std::int64_t end) {
  to.hits.insert(to.hits.end(), from.hits.begin() + begin, from.hits.begin() + end);
  to.styles.insert(to.styles.end(), from.styles.begin() + begin, from.styles.begin() + end);
}

DrumData load_synthetic() {
  DrumData data;
  const Patterns all = draw(kPerStyle, kTrainStream);
  append(data.train, all, 0, kTrain);
  append(data.validation, all, kTrain, all.size());
  return data;
}

/// One part of the coursework's file: hits [count, 16, 9] and styles [count].
Patterns read_part(const Npz& arrays, const std::string& part, std::int64_t count,
                   const std::string& file) {
  const auto hits = arrays.find(part + "_patterns"), styles = arrays.find(part + "_styles");
  require(hits != arrays.end() && styles != arrays.end(), file, ": no arrays ", part,
          "_patterns and ", part, "_styles; unpack ee641_drums.tar.xz again");
  const auto numbers = [&](const NpyArray& array, const std::vector<std::int64_t>& shape) {
    require(array.shape == shape, file, ": the arrays of ", part, " do not hold ", count,
            " patterns of 16 x 9; unpack ee641_drums.tar.xz again");
    return std::visit([](const auto& v) { return std::vector<int>(v.begin(), v.end()); },
                      array.values);
  };
  const std::vector<int> cells = numbers(hits->second, {count, kSteps, kInstruments});
  Patterns patterns;
  patterns.styles = numbers(styles->second, {count});
  patterns.hits.resize(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    require(cells[i] == 0 || cells[i] == 1, file, ": ", part, "_patterns holds ", cells[i],
            " where 0 or 1 is a hit");
    patterns.hits[i / kCells][i % kCells] = static_cast<std::uint8_t>(cells[i]);
  }
  for (const int style : patterns.styles) {
    require(style >= 0 && style < kStyles, file, ": ", part, "_styles holds ", style,
            ", there are 0 to ", kStyles - 1);
  }
  return patterns;
}

DrumData load_ee641(const fs::path& data_dir) {
  const fs::path file =
      find_coursework(data_dir, "ee641_drums", "the coursework's patterns.npz") / "patterns.npz";
  const Npz arrays = read_npz(file);
  DrumData data;
  data.train = read_part(arrays, "train", kTrain, file.string());
  data.validation = read_part(arrays, "val", kPerStyle * kStyles - kTrain, file.string());
  return data;
}

void add(ContentHash& hash, const Patterns& patterns) {
  hash.add(std::to_string(patterns.size()) + ":");
  for (const Pattern& pattern : patterns.hits) {
    hash.add({reinterpret_cast<const char*>(pattern.data()), pattern.size()});
  }
  for (const int style : patterns.styles) hash.add(std::to_string(style));
}

}  // namespace

DrumData load_drum_data(const std::string& name, const fs::path& data_dir) {
  DrumData data;
  if (name == "groove") {
    GrooveData groove = load_groove(data_dir / "groove");
    data.train = std::move(groove.train);
    data.validation = data.test = std::move(groove.validation);
    data.notes = std::move(groove.notes);
    data.notes.emplace_back("Validation and test are the same patterns, the held-out drummers'.");
  } else {
    require(name == "synthetic" || name == "ee641", "unknown patterns ", name,
            "; there are synthetic, ee641, groove");
    data = name == "synthetic" ? load_synthetic() : load_ee641(data_dir);
    data.test = draw(kTestPerStyle, kTestStream);
    data.exact_density = true;
  }
  data.name = name;
  ContentHash hash;
  add(hash, data.train);
  add(hash, data.validation);
  add(hash, data.test);
  data.hash = hash.hex();
  return data;
}

}  // namespace etude::drum_vae
