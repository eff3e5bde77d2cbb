#include "models/font_gan/typefaces.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "engine/error.h"
#include "engine/io/npz.h"
#include "models/font_gan/typeface_raster.h"

namespace etude {
namespace {

namespace fs = std::filesystem;

// To be raised with every change of what is drawn: it names the cache and seeds the draws.
constexpr std::uint64_t recipe_version = 1;

constexpr int num_faces = static_cast<int>(typefaces.size());

/// One half of the data set. Image i shows letter i / (num_faces * per_letter_face) in face
/// i / per_letter_face % num_faces.
struct Split {
  const char* name;
  std::uint64_t index;
  int per_letter_face;
  std::int64_t num_images() const {
    return std::int64_t{num_letters} * num_faces * per_letter_face;
  }
  int letter(std::int64_t image) const {
    return static_cast<int>(image / (num_faces * per_letter_face));
  }
  int face(std::int64_t image) const {
    return static_cast<int>(image / per_letter_face % num_faces);
  }
};

constexpr std::array<Split, 2> splits = {
    {{"train", 0, train_per_letter_face}, {"val", 1, val_per_letter_face}}};

std::string recipe_hash(const std::vector<fs::path>& font_files) {
  ContentHash hash;
  hash.add(std::to_string(recipe_version) + " " + rasteriser_version());
  for (const fs::path& file : font_files) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    require(stream.good() && !bytes.empty(), "typefaces: cannot read ", file.string());
    hash.add(" " + std::to_string(bytes.size()) + ":");
    hash.add(bytes);
  }
  return hash.hex();
}

/// The content of the cache: for each split its images as ink, its letters and its faces.
Npz draw_typefaces(std::uint64_t seed, const std::vector<fs::path>& font_files) {
  const std::vector<Typeface> faces(font_files.begin(), font_files.end());
  Npz arrays;
  for (const Split& split : splits) {
    const std::int64_t count = split.num_images();
    std::vector<std::uint8_t> images(static_cast<std::size_t>(count) * letter_image_pixels);
    std::vector<std::uint8_t> letters, face_indices;
    for (std::int64_t i = 0; i < count; ++i) {
      // A stream per image, so that it stays the same whatever is drawn beside it.
      LetterDraws draws(seed,
                        recipe_version << 48 | split.index << 32 | static_cast<std::uint64_t>(i));
      const std::span image(images.data() + i * letter_image_pixels, letter_image_pixels);
      faces[split.face(i)].draw(split.letter(i), LetterStyle{}, draws, image);
      letters.push_back(static_cast<std::uint8_t>(split.letter(i)));
      face_indices.push_back(static_cast<std::uint8_t>(split.face(i)));
    }
    const std::string name = split.name;
    arrays[name + "_images"] = {{count, letter_image_size, letter_image_size}, std::move(images)};
    arrays[name + "_labels"] = {{count}, std::move(letters)};
    arrays[name + "_faces"] = {{count}, std::move(face_indices)};
  }
  return arrays;
}

FontData from_arrays(const Npz& arrays) {
  FontData data;
  data.name = "typefaces";
  for (const TypefaceSource& face : typefaces) data.faces.emplace_back(face.kind);
  const auto fill = [&](const Split& split, std::vector<float>& images, std::vector<int>& labels,
                        std::vector<int>& faces) {
    const std::string name = split.name;
    const std::int64_t count = split.num_images();
    images = ink_to_float(npz_values<std::uint8_t>(arrays, name + "_images",
                                                   {count, letter_image_size, letter_image_size}));
    const auto& letters = npz_values<std::uint8_t>(arrays, name + "_labels", {count});
    const auto& face_indices = npz_values<std::uint8_t>(arrays, name + "_faces", {count});
    labels.assign(letters.begin(), letters.end());
    faces.assign(face_indices.begin(), face_indices.end());
    for (std::int64_t i = 0; i < count; ++i)
      require(labels[i] == split.letter(i) && faces[i] == split.face(i), "typefaces: ", name,
              " image ", i, " must be letter ", split.letter(i), " in face ", split.face(i),
              ", it is letter ", labels[i], " in face ", faces[i]);
  };
  fill(splits[0], data.train_images, data.train_labels, data.train_faces);
  fill(splits[1], data.val_images, data.val_labels, data.val_faces);
  data.hash = content_hash(data);
  return data;
}

/// Every file below `folder` by name; of equal names the first path in the alphabet, since folders
/// list their files in no order.
void index_files(const fs::path& folder, std::map<std::string, fs::path>& found) {
  std::error_code problem;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied,
                                         problem);
  std::map<std::string, fs::path> here;
  for (; !problem && entry != fs::recursive_directory_iterator(); entry.increment(problem)) {
    const auto [known, added] = here.try_emplace(entry->path().filename().string(), entry->path());
    if (!added) known->second = std::min(known->second, entry->path());
  }
  found.merge(here);  // what an earlier folder has, it keeps
}

}  // namespace

std::vector<fs::path> font_folders() {
  if (const char* own = std::getenv("ETUDE_FONT_DIR"); own && *own) return {own};
  return {"/usr/share/fonts"};
}

std::vector<fs::path> find_typefaces(const std::vector<fs::path>& folders) {
  std::map<std::string, fs::path> found;
  for (const fs::path& folder : folders) index_files(folder, found);
  std::vector<fs::path> files;
  for (const TypefaceSource& face : typefaces) {
    const auto entry = found.find(face.file);
    if (entry == found.end()) {
      std::string searched;
      for (const fs::path& folder : folders) searched += " " + folder.string();
      fail("typefaces: there is no font \"", face.file, "\" under", searched,
           ": run tools/setup, or install the package ", face.package,
           ", or set ETUDE_FONT_DIR to a folder that has it");
    }
    files.push_back(entry->second);
  }
  return files;
}

FontData load_typefaces(const fs::path& data_dir, std::uint64_t seed,
                        const std::vector<fs::path>& font_files) {
  require(font_files.size() == typefaces.size(), "typefaces: ", typefaces.size(),
          " font files are needed, not ", font_files.size());
  const fs::path cache =
      data_dir / ("typefaces-" + std::to_string(seed) + "-" + recipe_hash(font_files) + ".npz");
  std::vector<std::string> notes;
  if (std::error_code ignored; fs::exists(cache, ignored)) {
    try {
      return from_arrays(read_npz(cache));
    } catch (const Error& error) {
      notes.push_back(cache.string() + " was damaged and has been made anew (" + error.what() +
                      ")");
    }
  }
  const Npz arrays = draw_typefaces(seed, font_files);
  try {
    std::error_code ignored;  // writing tells what is wrong with the folder
    fs::create_directories(data_dir, ignored);
    write_npz(cache, arrays);
  } catch (const Error& error) {
    notes.push_back(std::string("the type faces will be drawn again next time: ") + error.what());
  }
  FontData data = from_arrays(arrays);
  data.notes = std::move(notes);
  return data;
}

}  // namespace etude
