#include "models/font_gan/run_result.h"

#include "models/report_parts.h"

namespace etude::font_gan {

RunResult read_run(const std::filesystem::path& folder, const std::string& name) {
  const std::filesystem::path file = folder / name / "result.json";
  const Json result = read_json(file);
  RunResult run;
  run.name = name;
  blame(file, [&] {
    run.data = result.at("data");
    run.variant = result.at("variant");
    run.kind = (run.data == "typefaces" ? "" : run.data + ", ") + run.variant;
    run.epochs = result.at("epochs");
    if (result.contains("diverged")) {
      run.diverged = result.at("diverged");
      return;
    }
    run.train_seconds = number_or_nan(result.at("train_seconds"));
    run.has_scores = result.value("discriminator", "") == "scores";
    run.scores = Scores::from_json(result.at("scores"));
    run.second = SecondOpinion::from_json(result.at("second"));
    if (result.contains("obeyed")) {
      run.obeyed = result.at("obeyed");
      run.kind += " (told)";
    }
    if (result.contains("code_confidences")) {
      run.code_confidences = result.at("code_confidences").get<std::vector<float>>();
    }
    if (!result.contains("style")) return;
    const Json& style = result.at("style");
    run.style = {
        .share = style.at("share"), .chance = style.at("chance"), .judge = style.at("judge")};
  });
  if (run.diverged.empty()) run.history = History::read(folder / name / "log.jsonl");
  return run;
}

}  // namespace etude::font_gan
