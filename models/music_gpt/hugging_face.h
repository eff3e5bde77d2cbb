#pragma once
// Weights in the layout of Hugging Face's GPT-2: a folder with config.json and model.safetensors,
// which `transformers` opens, and the reverse.

#include <filesystem>

#include "models/music_gpt/model.h"

namespace etude::music_gpt {

/// Writes both files into `folder`, which is made. Error for a network with rotary positions, which
/// those have not.
void save_hugging_face(const Gpt& gpt, const std::filesystem::path& folder);

/// The shape that config.json states. Throws Error that names file and key for what is missing, no
/// GPT-2, or computed otherwise here (another activation, scaled attention, an MLP that is not four
/// times as wide, weights that are not tied).
GptShape hugging_face_shape(const std::filesystem::path& folder);

/// What becomes of token embeddings where the file's vocabulary is another one: its first rows are
/// taken as they are, or the network keeps its own.
enum class TokenRows { same_vocabulary, reused, fresh };

/// Reads both files, names with or without "transformer.", into a network of that width, number of
/// layers and heads, and no more positions. Tensors that GPT-2 has not, buffers of masks among
/// them, are ignored. Throws Error as hugging_face_shape(), and one that names file and tensor for
/// what is missing or of another shape, and, with same_vocabulary, for another number of tokens.
void load_hugging_face(Gpt& gpt, const std::filesystem::path& folder,
                       TokenRows rows = TokenRows::same_vocabulary);

}  // namespace etude::music_gpt
