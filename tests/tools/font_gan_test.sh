#!/usr/bin/env bash
# The font GAN from typefaces to the page: reproduce, sample, eval. ETUDE_BIN: the program.
set -uo pipefail
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"
cd "$work" || exit 1
export OMP_NUM_THREADS=1

run 0 "" "$ETUDE_BIN" reproduce font_gan --preset smoke --device cpu --data data --out page
for file in report.html summary.json {vanilla,feature_matching+conditional,best}-1/{result.json,best.safetensors} \
  best-1/{alphabet-0001,samples-0001,interpolation,styles}.png; do
  [[ -s page/$file ]] || fail "page/$file is missing"
done
rm page/report.html
run 0 "" "$ETUDE_BIN" report font_gan page
[[ -s page/report.html ]] || fail "no page again"
run 0 "" "$ETUDE_BIN" sample font_gan --checkpoint page/best-1/best.safetensors --device cpu --out letters
[[ -s letters/samples.png ]] || fail "no samples"

for model in vanilla best; do
  run 0 "" "$ETUDE_BIN" eval font_gan --checkpoint page/$model-1/last.safetensors --device cpu --data data --out $model
done
python3 - <<'PY' || fail "eval, reproduce and the log disagree"
import json
for model, told in (("vanilla", False), ("best", True)):
    seen, page = (json.load(open(f)) for f in (f"{model}/scores.json", f"page/{model}-1/result.json"))
    logged = [entry for line in open(f"page/{model}-1/log.jsonl") if "epoch" in (entry := json.loads(line))]
    assert seen["scores"] == page["scores"], model
    assert seen.get("obeyed") == page.get("obeyed"), model
    assert logged and all(("obeyed" in entry) == ("obeyed" in seen) == told for entry in logged), model
PY

finish "from typefaces to the page"
