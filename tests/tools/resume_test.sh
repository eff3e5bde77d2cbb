#!/usr/bin/env bash
# A training process killed with SIGKILL at random moments and resumed ends bit-identical to one
# left alone, and at no moment is a checkpoint unreadable. ETUDE_BIN: the program.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kills=${ETUDE_KILLS:-20}
settings=(--preset smoke --device cpu --data "$work/data"
          --set epochs=24 --set checkpoint_every=2 --set eval_every=3)
export OMP_NUM_THREADS=1

"$ETUDE_BIN" train font_gan "${settings[@]}" --out "$work/whole" 2>"$work/err" || {
  cat "$work/err"; exit 1; }

# How long one run takes decides how far apart the kills may lie.
begin=$(date +%s%N)
"$ETUDE_BIN" train font_gan "${settings[@]}" --out "$work/timed" 2>/dev/null
run_ms=$((($(date +%s%N) - begin) / 1000000))
RANDOM=641
done_kills=0 rounds=0
while ((done_kills < kills)); do
  folder="$work/killed"
  # A run that completed before all kills were made starts over.
  if ((rounds > 0)) && [[ -f "$folder/coverage.json" ]]; then rm -rf "$folder"; fi
  rounds=$((rounds + 1))
  if [[ -f "$folder/config.toml" ]]; then arguments=(--resume "$folder" --data "$work/data" --device cpu)
  else rm -rf "$folder"; arguments=("${settings[@]}" --out "$folder"); fi
  setsid "$ETUDE_BIN" train font_gan "${arguments[@]}" >/dev/null 2>"$work/err" &
  pid=$!
  ms=$((100 + RANDOM % (run_ms / 3 + 100)))
  sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
  if kill -KILL "$pid" 2>/dev/null; then
    status=0
    wait "$pid" 2>/dev/null || status=$?
    if ((status == 137)); then done_kills=$((done_kills + 1)); continue; fi
  else
    status=0
    wait "$pid" 2>/dev/null || status=$?
  fi
  if ((status != 0)); then echo "resumed run failed:"; cat "$work/err"; exit 1; fi
done
[[ -f "$work/killed/config.toml" ]] || "$ETUDE_BIN" train font_gan "${settings[@]}" --out "$work/killed" 2>/dev/null
"$ETUDE_BIN" train font_gan --resume "$work/killed" --data "$work/data" --device cpu >/dev/null 2>"$work/err" || {
  echo "last resume failed:"; cat "$work/err"; exit 1; }
for file in last.safetensors best.safetensors log.jsonl coverage.json alphabet-0024.png; do
  cmp "$work/whole/$file" "$work/killed/$file"
  cmp "$work/whole/$file" "$work/timed/$file"
done
echo "bit-identical after $done_kills kills in $rounds starts"
