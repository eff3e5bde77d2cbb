#!/usr/bin/env bash
# The performance LSTM from MIDI files to the page, on music of its own: reproduce, sample, eval, and
# what is wrong with their input. ETUDE_BIN: the program.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"
cd "$work" || exit 1
export OMP_NUM_THREADS=1

mkdir music
for first in 30 40; do scale "$first" 2 "music/$first.mid"; done

run 0 "" "$ETUDE_BIN" reproduce performance_lstm --preset smoke --set data=music/30.mid \
  --set variants=baseline,both,tempo,corpus --set corpus=music --set corpus_iterations=4 --out page
for file in report.html summary.json {baseline,both,tempo,corpus}-1/{metrics.json,best.safetensors} \
  baseline-1/tau-0.8.{mid,png} baseline-1/primed.mid tempo-1/tempo-1.2.mid; do
  [[ -s page/$file ]] || fail "page/$file is missing"
done
grep -q '<h2[^>]*>A corpus' page/report.html || fail "the page has no section on the corpus"
run 0 "" "$ETUDE_BIN" report performance_lstm page
run 0 "" "$ETUDE_BIN" eval performance_lstm --checkpoint page/baseline-1/best.safetensors --out eval
cmp -s <(grep -A999 '"settings"' eval/metrics.json) <(grep -A999 '"settings"' page/baseline-1/metrics.json) ||
  fail "eval and reproduce disagree"

sample=("$ETUDE_BIN" sample performance_lstm --checkpoint page/tempo-1/best.safetensors --length 60)
run 0 "tokens/s" "${sample[@]}" --primer music/40.mid --primer_length 20 --temperature 0.8 --tempo 1.2 --out a
run 0 "" "${sample[@]}" --primer music/40.mid --primer_length 20 --temperature 0.8 --tempo 1.2 --out b
cmp -s a/piece-1.mid b/piece-1.mid || fail "the same seed gave two pieces"
run 0 "" "$ETUDE_BIN" tokenize a/piece-1.mid
run 2 "temperature = -1 is not in" "${sample[@]}" --temperature -1
run 2 "temperature must be a number" "${sample[@]}" --temperature warm
run 2 "none.mid" "${sample[@]}" --primer none.mid
run 2 "--primer_length" "${sample[@]}" --primer music/40.mid --length 10
run 2 "without tempo conditioning" "$ETUDE_BIN" sample performance_lstm \
  --checkpoint page/baseline-1/best.safetensors --tempo 1.2
run 2 "etude data get smd" "$ETUDE_BIN" train performance_lstm --set data=bwv888 --data none --out c
run 2 "unknown variant waltz" "$ETUDE_BIN" reproduce performance_lstm --set variants=waltz --out c
[[ ! -e c ]] || fail "a failed start left a folder"

finish "from MIDI files to the page"
