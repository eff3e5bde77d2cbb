#!/usr/bin/env bash
# Training processes killed with SIGKILL at random moments and resumed end bit-identical to ones left
# alone, and at no moment is a checkpoint unreadable. ETUDE_BIN: the program.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"
export OMP_NUM_THREADS=1
RANDOM=641

# check MODEL KILLS "FILES" SETTINGS...: FILES are compared.
check() {
  local model=$1 kills=$2 files=$3
  shift 3
  local settings=(--preset smoke --device cpu --data "$work/data" "$@") here="$work/$model" arguments pid ms status
  "$ETUDE_BIN" train "$model" "${settings[@]}" --out "$here/whole" 2>"$work/err" || { cat "$work/err"; exit 1; }
  # How long one run takes decides how far apart the kills may lie.
  local begin run_ms done_kills=0 rounds=0 folder="$here/killed"
  begin=$(date +%s%N)
  "$ETUDE_BIN" train "$model" "${settings[@]}" --out "$here/timed" 2>/dev/null
  run_ms=$((($(date +%s%N) - begin) / 1000000))
  while ((done_kills < kills)); do
    rounds=$((rounds + 1))
    if [[ -f "$folder/config.toml" ]]; then arguments=(--resume "$folder" --data "$work/data" --device cpu)
    else rm -rf "$folder"; arguments=("${settings[@]}" --out "$folder"); fi
    setsid "$ETUDE_BIN" train "$model" "${arguments[@]}" >/dev/null 2>"$work/err" &
    pid=$!
    ms=$((100 + RANDOM % (run_ms / 3 + 100)))
    sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
    kill -KILL "$pid" 2>/dev/null || true
    status=0
    wait "$pid" 2>/dev/null || status=$?
    if ((status == 137)); then done_kills=$((done_kills + 1)); continue; fi
    if ((status != 0)); then echo "resumed run failed:"; cat "$work/err"; exit 1; fi
    rm -rf "$folder"  # it completed before all kills were made: start over
  done
  [[ -f "$folder/config.toml" ]] || "$ETUDE_BIN" train "$model" "${settings[@]}" --out "$folder" 2>/dev/null
  "$ETUDE_BIN" train "$model" --resume "$folder" --data "$work/data" --device cpu >/dev/null 2>"$work/err" || {
    echo "last resume failed:"; cat "$work/err"; exit 1; }
  for file in $files; do
    cmp "$here/whole/$file" "$here/killed/$file"
    cmp "$here/whole/$file" "$here/timed/$file"
  done
  echo "$model: bit-identical after $done_kills kills in $rounds starts"
}

mkdir -p "$work/music"
for first in 30 40 50; do scale "$first" 8 "$work/music/$first.mid"; done

checkpoints="last.safetensors best.safetensors log.jsonl"
check drum_vae "${ETUDE_KILLS:-16}" "$checkpoints" --set epochs=16 --set checkpoint_every=20
check font_gan "${ETUDE_KILLS:-4}" "$checkpoints coverage.json alphabet-0008.png" \
  --set epochs=8 --set checkpoint_every=2 --set eval_every=3
check music_gpt "${ETUDE_KILLS:-4}" "$checkpoints at-50.safetensors" --set "data=$work/music" \
  --set iterations=200 --set checkpoint_every=7 --set eval_every=10
check performance_lstm "${ETUDE_KILLS:-4}" "$checkpoints" --set "data=$work/music/30.mid" \
  --set conditioning=factor --set augmentation=true --set dropout=0.2 \
  --set random_state=true --set iterations=600 --set checkpoint_every=7 --set eval_every=100
