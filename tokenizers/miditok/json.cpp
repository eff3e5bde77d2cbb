// The settings as JSON.
#include "tokenizers/miditok/config.h"

#include <algorithm>
#include <charconv>

#include "engine/error.h"
#include "tokenizers/miditok/chords.h"

namespace etude::miditok {
namespace {

constexpr const char* kMidiTokVersion = "3.0.4";
constexpr const char* kSymusicVersion = "0.5.4";

/// Whole numbers separated by `separator`, as many as `numbers` takes.
template <std::size_t N>
bool parse(const std::string& text, char separator, std::array<int, N>& numbers) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < N; ++i) {
    if (i > 0 && (at == end || *at++ != separator)) return false;
    const auto [stop, error] = std::from_chars(at, end, numbers[i]);
    if (error != std::errc()) return false;
    at = stop;
  }
  return at == end;
}

void read(const Json& json, bool& value) {
  require(json.is_boolean(), "must be true or false");
  value = json.get<bool>();
}

void read(const Json& json, int& value) {
  require(json.is_number_integer() && json.get<std::int64_t>() == json.get<int>(),
          "must be a whole number");
  value = json.get<int>();
}

void read(const Json& json, std::vector<int>& values) {
  require(json.is_array(), "must be a list of whole numbers");
  values.resize(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) read(json[i], values[i]);
}

void read(const Json& json, std::array<int, 2>& values) {
  require(json.is_array() && json.size() == 2, "must be two whole numbers, e.g. [21,109]");
  for (std::size_t i = 0; i < 2; ++i) read(json[i], values[i]);
}

void read(const Json& json, std::vector<std::string>& values) {
  require(json.is_array(), "must be a list of strings");
  values.clear();
  for (const Json& value : json) {
    require(value.is_string(), "must be a list of strings");
    const auto& token = value.get_ref<const std::string&>();
    values.push_back(token.find('_') == std::string::npos ? token + "_None" : token);
  }
}

void read(const Json& json, std::vector<BeatRange>& ranges) {
  require(json.is_object(), "must be like {\"0_4\":8,\"4_12\":4}");
  ranges.clear();
  for (const auto& [key, value] : json.items()) {
    std::array<int, 2> beats{};
    require(parse(key, '_', beats), "must be like {\"0_4\":8,\"4_12\":4}, with no ", key);
    ranges.push_back({beats[0], beats[1], 0});
    read(value, ranges.back().positions);
  }
}

void read(const Json& json, std::vector<Meters>& meters) {
  require(json.is_object(), "must be like {\"8\":[3,6],\"4\":[3,4]}");
  meters.clear();
  for (const auto& [key, value] : json.items()) {
    std::array<int, 1> denominator{};
    require(parse(key, '/', denominator), "must be like {\"8\":[3,6],\"4\":[3,4]}, with no ", key);
    meters.push_back({denominator[0], {}});
    read(value, meters.back().numerators);
  }
}

void read(const Json& json, std::optional<BeatTime>& time) {
  time.reset();
  if (json.is_null()) return;
  std::array<int, 3> parts{};
  if (json.is_string()) {
    require(parse(json.get<std::string>(), '.', parts), "must be like \"4.0.4\"");
  } else {
    std::vector<int> list;
    read(json, list);
    require(list.size() == 3, "must be like \"4.0.4\"");
    std::ranges::copy(list, parts.begin());
  }
  require(parts[0] >= 0 && parts[0] < 10'000 && parts[1] >= 0 && parts[1] < 1000 && parts[2] > 0 &&
              parts[2] < 1000,
          "must be beats.positions.resolution, like \"4.0.4\"");
  time = BeatTime{parts[0], parts[1], parts[2]};
}

template <class T>
Json write(const T& value) {
  return value;
}

Json write(const std::vector<BeatRange>& ranges) {
  Json json = Json::object();
  for (const BeatRange& range : ranges)
    json[std::to_string(range.first) + "_" + std::to_string(range.last)] = range.positions;
  return json;
}

Json write(const std::vector<Meters>& meters) {
  Json json = Json::object();
  for (const Meters& meter : meters) json[std::to_string(meter.denominator)] = meter.numerators;
  return json;
}

Json write(const std::optional<BeatTime>& time) { return time ? Json(time->text()) : Json(); }

/// Calls f(key, value) for every setting.
template <class C, class F>
void each_setting(C& c, const F& f) {
  f("pitch_range", c.pitch_range);
  f("beat_res", c.beat_res);
  f("num_velocities", c.num_velocities);
  f("remove_duplicated_notes", c.remove_duplicated_notes);
  f("special_tokens", c.special_tokens);
  f("use_velocities", c.use_velocities);
  f("use_chords", c.use_chords);
  f("use_rests", c.use_rests);
  f("use_tempos", c.use_tempos);
  f("use_time_signatures", c.use_time_signatures);
  f("use_programs", c.use_programs);
  f("use_pitchdrum_tokens", c.use_pitchdrum_tokens);
  f("one_token_stream_for_programs", c.one_token_stream_for_programs);
  f("beat_res_rest", c.beat_res_rest);
  f("chord_tokens_with_root_note", c.chord_tokens_with_root_note);
  f("num_tempos", c.num_tempos);
  f("tempo_range", c.tempo_range);
  f("log_tempos", c.log_tempos);
  f("delete_equal_successive_tempo_changes", c.delete_equal_successive_tempo_changes);
  f("time_signature_range", c.time_signature_range);
  f("drums_pitch_range", c.drums_pitch_range);
  f("max_duration", c.max_duration);
}

/// MidiTok's settings that Etude has not, at their defaults: `fixed` ones must stay so, the others
/// have no effect then.
struct Foreign {
  const char* key;
  Json value;
  bool fixed;
};

const std::vector<Foreign>& foreign() {
  static const std::vector<Foreign> list = [] {
    Json programs = Json::array();
    for (int i = 0; i < 128; ++i) programs.push_back(i);
    programs.push_back(-1);
    std::vector<Foreign> settings = {{"encode_ids_split", "bar", false},
                                     {"use_note_duration_programs", programs, true},
                                     {"use_sustain_pedals", false, true},
                                     {"use_pitch_bends", false, true},
                                     {"use_pitch_intervals", false, true},
                                     {"default_note_duration", 0.5, false},
                                     {"programs", programs, true},
                                     {"program_changes", false, true},
                                     {"chord_maps", chord_maps_json(), true},
                                     {"chord_unknown", nullptr, true},
                                     {"delete_equal_successive_time_sig_changes", false, false},
                                     {"sustain_pedal_duration", false, false},
                                     {"pitch_bend_range", {-8192, 8191, 32}, false},
                                     {"max_pitch_interval", 16, false},
                                     {"pitch_intervals_max_time_dist", 1, false},
                                     {"max_bar_embedding", nullptr, true},
                                     {"use_bar_end_tokens", false, true}};
    for (const char* key : {"ac_polyphony_track", "ac_polyphony_bar", "ac_pitch_class_bar",
                            "ac_note_density_track", "ac_note_density_bar", "ac_note_duration_bar",
                            "ac_note_duration_track", "ac_repetition_track"})
      settings.push_back({key, false, true});
    const std::pair<const char*, int> numbers[] = {{"ac_polyphony_min", 1},
                                                   {"ac_polyphony_max", 6},
                                                   {"ac_note_density_track_min", 0},
                                                   {"ac_note_density_track_max", 18},
                                                   {"ac_note_density_bar_max", 18},
                                                   {"ac_repetition_track_num_bins", 10},
                                                   {"ac_repetition_track_num_consec_bars", 4}};
    for (const auto& [key, value] : numbers) settings.push_back({key, value, false});
    return settings;
  }();
  return list;
}

/// A list of programs is a set.
bool same(Json a, Json b) {
  if (a.is_array() && b.is_array() && a.size() > 100) {
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
  }
  return a == b;
}

void set(Config& config, const std::string& key, const Json& value) {
  bool found = false;
  each_setting(config, [&](const char* name, auto& setting) {
    if (key != name) return;
    found = true;
    try {
      read(value, setting);
    } catch (const Error& error) {
      fail("miditok: ", key, " ", error.what(), "; it is ", value.dump());
    }
  });
  if (found) return;
  const auto other = std::ranges::find(foreign(), key, &Foreign::key);
  if (other == foreign().end()) {
    std::string keys;
    each_setting(config, [&](const char* name, auto&) { keys += std::string(", ") + name; });
    fail("miditok: there is no setting ", key, "; the settings are: ", keys.substr(2));
  }
  require(!other->fixed || same(value, other->value), "miditok: ", key,
          " can only be MidiTok's default, ", other->value.dump(), ", not ", value.dump());
}

}  // namespace

Config from_json(const Json& json, const std::string& tokenization, Config base) {
  require(json.is_object(), "miditok: the JSON of a tokenizer or its config must be an object");
  const bool whole = json.contains("config") && json["config"].is_object();
  require(!json.contains("_model"),
          "miditok: the tokenizer has a trained model (BPE or the like), which Etude has not");
  require(!json.contains("tokenization") || json["tokenization"] == tokenization,
          "miditok: the file is of another tokenizer than ", tokenization, ": ",
          json.value("tokenization", Json()).dump());
  for (const auto& [key, value] : (whole ? json["config"] : json).items()) {
    if (key == "additional_params") {
      for (const auto& [inner, parameter] : value.items()) set(base, inner, parameter);
    } else if (!key.ends_with("_version")) {
      set(base, key, value);
    }
  }
  check(base);
  return base;
}

Json to_json(const Config& config, const std::string& tokenization) {
  Json inner = Json::object(), additional = Json::object();
  each_setting(config, [&](const char* key, const auto& value) {
    if (std::string(key) != "max_duration") inner[key] = write(value);
  });
  for (const auto& [key, value, fixed] : foreign()) {
    const bool of_remi = std::string(key).find("_bar_e") != std::string::npos;
    if (!of_remi) inner[key] = value;
    if (of_remi && tokenization == "REMI") additional[key] = value;
  }
  if (config.max_duration) additional["max_duration"] = write(config.max_duration);
  inner["additional_params"] = additional;
  return {{"config", inner},
          {"tokenization", tokenization},
          {"miditok_version", kMidiTokVersion},
          {"symusic_version", kSymusicVersion}};
}

Config with_settings(Config base, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    require(equals != std::string::npos, "miditok: a setting is KEY=VALUE, not ", setting);
    const std::string text = setting.substr(equals + 1);
    const Json value = Json::parse(text, nullptr, false);
    set(base, setting.substr(0, equals), value.is_discarded() ? Json(text) : value);
  }
  check(base);
  return base;
}

std::string settings_text(const Config& config, const Config& base) {
  Json values;
  each_setting(base, [&](const char* key, const auto& value) { values[key] = write(value); });
  std::string text;
  each_setting(config, [&](const char* key, const auto& value) {
    const Json json = write(value);
    if (json == values[key]) return;
    text += (text.empty() ? "" : " ") + std::string(key) + "=" + json.dump();
  });
  return text;
}

}  // namespace etude::miditok
