#include "models/music_gpt/hugging_face.h"

#include <algorithm>

#include "engine/io/safetensors.h"
#include "engine/ops/shape.h"
#include "engine/run/run_folder.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";

/// Hugging Face's name of one of our parameters.
std::string their_name(std::string name) {
  for (const auto& [ours, theirs] : {std::pair{".gamma", ".weight"}, std::pair{".beta", ".bias"}}) {
    if (name.ends_with(ours)) name.replace(name.size() - std::string(ours).size(), 16, theirs);
  }
  return name;
}

/// Their products have weights [in, out].
bool is_transposed(const std::string& name) {
  return name.find(".c_") != std::string::npos && name.ends_with(".weight");
}

/// A tensor of the file, whose names may all begin with "transformer.".
const Tensor& find_tensor(const Checkpoint& file, const std::string& name, const fs::path& path) {
  for (const char* prefix : {"", "transformer."}) {
    const auto at = file.tensors.find(prefix + name);
    if (at != file.tensors.end()) return at->second;
  }
  fail(path.string(), ": there is no tensor ", name, "; is it a GPT-2 with so many layers?");
}

/// config.json's value of a key, which must be there.
template <class T>
T value_of(const Json& json, const char* key, const fs::path& path) {
  require(json.contains(key), path.string(), ": ", key, " is missing; is it a GPT-2's?");
  try {
    return json.at(key).get<T>();
  } catch (const Json::exception&) {
    fail(path.string(), ": ", key, " has the wrong type: ", json.at(key).dump());
  }
}

/// Error unless an optional key has the value that this model computes with.
template <class T>
void expect_value(const Json& json, const char* key, const T& ours, const fs::path& path) {
  if (!json.contains(key) || json.at(key).is_null()) return;
  require(json.at(key) == Json(ours), path.string(), ": ", key, " is ", json.at(key).dump(),
          "; this model has ", Json(ours).dump());
}

/// What a parameter of ours becomes from their tensor.
Tensor fitted(const Tensor& theirs, const Tensor& ours, const std::string& name, TokenRows rows,
              const fs::path& path) {
  if (is_transposed(name)) return transpose(theirs);
  const bool tokens = name == "wte.weight", positions = name == "wpe.weight";
  const bool matrix = theirs.rank() == 2 && theirs.dim(1) == ours.dim(-1);
  if (positions && matrix && theirs.dim(0) > ours.dim(0)) return slice(theirs, 0, 0, ours.dim(0));
  if (tokens && rows == TokenRows::fresh) return ours;
  if (!tokens || !matrix || theirs.dim(0) == ours.dim(0)) return theirs;
  require(rows != TokenRows::same_vocabulary, path.string(), ": it has ", theirs.dim(0),
          " tokens, the network ", ours.dim(0), "; say whether its rows are reused or fresh");
  const std::int64_t shared = std::min(theirs.dim(0), ours.dim(0));
  if (shared == ours.dim(0)) return slice(theirs, 0, 0, shared);
  return concat({to_device(theirs, ours.device()), slice(ours, 0, shared, ours.dim(0))}, 0);
}

}  // namespace

void save_hugging_face(const Gpt& gpt, const fs::path& folder) {
  const NoGrad none;
  const GptShape& n = gpt.shape();
  require(!n.rotary, "music_gpt: transformers' GPT-2 has a table of positions: a network with ",
          "rotary ones cannot be saved for it");
  make_folder(folder);
  Checkpoint file;
  file.info["format"] = "pt";
  for (const auto& [name, parameter] : gpt.parameters()) {
    const Tensor value = is_transposed(name) ? transpose(parameter) : parameter;
    file.tensors[their_name(name)] = to_device(contiguous(value), Device::cpu);
  }
  save_safetensors(folder / kWeights, file);
  write_json(folder / kConfig, {{"architectures", {"GPT2LMHeadModel"}},
                                {"model_type", "gpt2"},
                                {"vocab_size", n.vocabulary},
                                {"n_positions", n.context},
                                {"n_layer", n.layers},
                                {"n_head", n.heads},
                                {"n_embd", n.width},
                                {"activation_function", "gelu_new"},
                                {"layer_norm_epsilon", 1e-5},
                                {"tie_word_embeddings", true},
                                {"bos_token_id", nullptr},
                                {"eos_token_id", nullptr},
                                {"torch_dtype", "float32"}});
}

GptShape hugging_face_shape(const fs::path& folder) {
  const fs::path path = folder / kConfig;
  const Json json = read_json(path);
  require(value_of<std::string>(json, "model_type", path) == "gpt2", path.string(),
          ": model_type is ", json.at("model_type").dump(), ", not \"gpt2\"");
  const auto count = [&](const char* key) { return value_of<std::int64_t>(json, key, path); };
  const GptShape shape{.vocabulary = count("vocab_size"),
                       .context = count("n_positions"),
                       .layers = count("n_layer"),
                       .heads = count("n_head"),
                       .width = count("n_embd")};
  expect_value(json, "activation_function", "gelu_new", path);
  expect_value(json, "layer_norm_epsilon", 1e-5, path);
  expect_value(json, "tie_word_embeddings", true, path);
  expect_value(json, "scale_attn_weights", true, path);
  expect_value(json, "scale_attn_by_inverse_layer_idx", false, path);
  expect_value(json, "n_inner", 4 * shape.width, path);
  return shape;
}

void load_hugging_face(Gpt& gpt, const fs::path& folder, TokenRows rows) {
  const NoGrad none;
  const GptShape theirs_shape = hugging_face_shape(folder), &ours = gpt.shape();
  const auto expect_same = [&](const char* what, std::int64_t there, std::int64_t here) {
    require(there == here, (folder / kConfig).string(), ": its ", what, " is ", there,
            ", the network's ", here);
  };
  expect_same("number of layers", theirs_shape.layers, ours.layers);
  expect_same("number of heads", theirs_shape.heads, ours.heads);
  expect_same("width", theirs_shape.width, ours.width);
  require(!ours.rotary, folder.string(), ": a GPT-2 has a table of positions, the network rotary ",
          "ones");
  const fs::path path = folder / kWeights;
  const Checkpoint file = load_safetensors(path);
  std::vector<std::pair<Tensor, Tensor>> copies;  // made when all are known to fit
  for (const auto& [name, parameter] : gpt.parameters()) {
    const Tensor& theirs = find_tensor(file, their_name(name), path);
    const Tensor value = fitted(theirs, parameter, name, rows, path);
    require(value.shape() == parameter.shape(), path.string(), ": ", their_name(name),
            " has shape ", theirs.shape(), ", which does not fit the network's ", parameter.shape(),
            is_transposed(name) ? " transposed" : "");
    copies.emplace_back(parameter, cast(value, parameter.dtype()));
  }
  for (auto& [parameter, value] : copies) parameter.copy_(value);
}

}  // namespace etude::music_gpt
