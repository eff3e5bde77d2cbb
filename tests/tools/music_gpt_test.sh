#!/usr/bin/env bash
# The music transformer from MIDI files to the page, on music of its own: reproduce, train and
# resume, sample, eval, and what is wrong with their input. ETUDE_BIN: the program.
set -uo pipefail
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"
cd "$work" || exit 1
export OMP_NUM_THREADS=1

mkdir music
for first in 30 40 50; do scale "$first" 8 "music/$first.mid"; done

smoke=(music_gpt --preset smoke --set data=music)
run 0 "" "$ETUDE_BIN" reproduce "${smoke[@]}" --out page
for file in report.html summary.json real.json {remi,midilike}-1/{metrics.json,best.safetensors} \
  midilike-1/at-50.safetensors midilike-1/50-default.{mid,png}; do
  [[ -s page/$file ]] || fail "page/$file is missing"
done
for section in Closeness 'The report' Tokenizers Continuations; do
  grep -q "<h2[^>]*>$section" page/report.html || fail "the page has no section $section"
done
run 0 "" "$ETUDE_BIN" report music_gpt page
run 0 "" "$ETUDE_BIN" eval music_gpt --checkpoint page/midilike-1/best.safetensors --out eval
python3 - <<'PY' || fail "eval and reproduce disagree"
import json, sys
seen, page = (json.load(open(f)) for f in ("eval/metrics.json", "page/midilike-1/metrics.json"))
sys.exit(any(seen[key] != page[key] for key in ("held_out", "settings")))
PY

run 0 "" "$ETUDE_BIN" train "${smoke[@]}" --set tokenizer=remi_plus --set pitch_shift=2 --out run
run 0 "" "$ETUDE_BIN" train music_gpt --resume run
[[ -s run/at-100.safetensors ]] || fail "no network is kept at the milestone"

sample=("$ETUDE_BIN" sample music_gpt --checkpoint page/midilike-1/best.safetensors --bars 4)
run 0 "tokens/s" "${sample[@]}" --prompt music/40.mid --prompt_bars 2 --top_k 0 --out a
run 0 "" "${sample[@]}" --prompt music/40.mid --prompt_bars 2 --top_k 0 --out b
cmp -s a/piece-1.mid b/piece-1.mid || fail "the same seed gave two pieces"
run 0 "" "$ETUDE_BIN" tokenize a/piece-1.mid --tokenizer remi
run 2 "temperature = -1 is not in" "${sample[@]}" --temperature -1
run 2 "none.mid" "${sample[@]}" --prompt none.mid --prompt_bars 2
run 2 "--bars 4: the prompt alone has 4" "${sample[@]}" --prompt music/40.mid --prompt_bars 4
run 2 "etude data get pop1k7" "$ETUDE_BIN" train music_gpt --set data=pop1k7 --data none --out c
run 2 "one piece alone" "$ETUDE_BIN" train music_gpt --set data=music/30.mid --out c
run 2 "unknown variant waltz" "$ETUDE_BIN" reproduce music_gpt --set variants=waltz --out c
run 2 "set start_from to the folder" "$ETUDE_BIN" reproduce "${smoke[@]}" --set variants=remi_text --out c
run 2 "none of the variants" "$ETUDE_BIN" reproduce "${smoke[@]}" --set start_from=music --out c
run 2 "milestones" "$ETUDE_BIN" reproduce "${smoke[@]}" --set milestones=50,10 --out c
[[ ! -e c ]] || fail "a failed start left a folder"

finish "from MIDI files to the page"
