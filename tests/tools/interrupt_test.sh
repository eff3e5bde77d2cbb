#!/usr/bin/env bash
# Ctrl-C during training saves, says how to go on, and exits with 130; that command goes on.
# `reproduce all`, which chooses its folder itself, names it then. ETUDE_BIN: the program.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run="$work/the run's"
settings=(--preset smoke --device cpu --data "$work/data" --set epochs=2000 --set eval_every=2000
          --set checkpoint_every=100000)

# interrupted LOG MESSAGE COMMAND...: starts it, sends SIGINT once it trains and the file LOG (a
# pattern) is there, checks how it ends.
interrupted() {
  local status=0 log=$1 message=$2
  shift 2
  "$@" >/dev/null 2>"$work/err" &
  local pid=$! caught
  for _ in $(seq 600); do
    sleep 0.1
    # Training has begun when there is a log and SIGINT is caught; from then on Ctrl-C saves.
    caught=$(sed -n 's/^SigCgt:\t/0x/p' "/proc/$pid/status" 2>/dev/null) || break
    if compgen -G "$log" >/dev/null && ((caught & 2)); then sleep 1; break; fi
  done
  kill -INT "$pid" || true
  timeout 120 tail --pid="$pid" --sleep-interval=0.1 -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" || status=$?
  if [[ $status -ne 130 ]] || ! grep -q "saved up to the last finished step, continue with: .* $message" "$work/err"; then
    echo "exit code $status:"; cat "$work/err"; exit 1
  fi
}

saved=("$run/log.jsonl" "train drum_vae --resume")
interrupted "${saved[@]}" "$ETUDE_BIN" train drum_vae "${settings[@]}" --out "$run"
[[ -s "$run/last.safetensors" && -s "$run/log.jsonl" ]]
before=$(wc -l <"$run/log.jsonl")
# As it stands there, whatever the names of folders are.
interrupted "${saved[@]}" bash -c "exec env $(sed -n 's/.*continue with: //p' "$work/err")"
after=$(wc -l <"$run/log.jsonl")
((after > before)) || { echo "the resumed run did not go on: $before, $after steps"; exit 1; }
echo "interrupted after $before steps, resumed, interrupted after $after"

cd "$work"
interrupted "$work/runs/all/*/font_gan/*/log.jsonl" "reproduce all .*--out runs/all/" \
  "$ETUDE_BIN" reproduce all --preset smoke --device cpu --data "$work/data"
