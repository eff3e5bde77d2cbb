#!/usr/bin/env bash
# Wrong input is answered by one line on standard error and exit code 2. ETUDE_BIN: the program.
set -uo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect TEXT COMMAND...: exit code 2, exactly one line of error, which holds TEXT. (A slow build may
# print progress before it.)
expect() {
  local text=$1 status=0
  shift
  "$@" >"$work/out" 2>"$work/err" || status=$?
  if [[ $status -ne 2 || $(grep -c '^etude: ' "$work/err") -ne 1 ]] ||
    ! tail -n 1 "$work/err" | grep -F -- "$text" | grep -q '^etude: '; then
    echo "FAIL (exit $status): $*"
    echo "  expected one line with: $text"
    sed 's/^/  got: /' "$work/err"
    failures=$((failures + 1))
  fi
}
# Two steps of two batches: a sanitizer build takes seconds for each.
train=("$ETUDE_BIN" train font_gan --preset smoke --device cpu --data "$work/data"
       --set train_images=64 --set batch=32 --set epochs=1)

expect "unknown command" "$ETUDE_BIN" fly
expect "unknown option --fast" "$ETUDE_BIN" train font_gan --fast 1
expect "option --seed needs a value" "$ETUDE_BIN" train font_gan --seed
expect "the models are: font_gan" "$ETUDE_BIN" train font_gam
expect "the presets are: cpu, full, quick, smoke" "$ETUDE_BIN" train font_gan --preset fast
# Before the hours of those that have it.
expect "unknown preset cpu of drum_vae" "$ETUDE_BIN" reproduce all --preset cpu --out "$work/all"
[[ ! -e "$work/all" ]] || { echo "FAIL: reproduce all began"; failures=$((failures + 1)); }
expect "unknown key epoch" "${train[@]}" --set epoch=3
expect "epochs must be a whole number" "${train[@]}" --set epochs=three
expect "epochs = 0 is not in [1, inf]" "${train[@]}" --set epochs=0
expect "data must be one of typefaces|ee641" "${train[@]}" --set data=mnist
expect "expected key=value" "${train[@]}" --set epochs
expect "--seed must be a whole number" "${train[@]}" --seed 1.5
expect "the devices are auto, cpu, cuda, simt" "$ETUDE_BIN" train font_gan --device tpu
if "$ETUDE_BIN" info | grep -q 'simt:'; then
  expect "build with cmake --preset cuda" "$ETUDE_BIN" train font_gan --device cuda
fi
expect "say which model file with --checkpoint" "$ETUDE_BIN" sample font_gan
expect "none.safetensors: no such file" "$ETUDE_BIN" sample font_gan --checkpoint "$work/none.safetensors"
expect "unknown variant wgan" "$ETUDE_BIN" reproduce font_gan --set variants=wgan --out "$work/r"
expect "not a run folder" "$ETUDE_BIN" train font_gan --resume "$work"
expect "summary.json: cannot be opened" "$ETUDE_BIN" report font_gan "$work"
unset ETUDE_DATA_MIRROR
expect "ee641" "${train[@]}" --set data=ee641 --out "$work/e"
expect "reproduce switches by its lists: name r1_r2 among" "$ETUDE_BIN" reproduce font_gan --set r1_r2=true --out "$work/r"
expect "is named twice" "$ETUDE_BIN" reproduce font_gan --set variants=vanilla,vanilla --out "$work/r"
expect "unknown variant" "$ETUDE_BIN" reproduce font_gan --set variants=vanilla,, --out "$work/r"
expect "is not a list of whole numbers" "${train[@]}" --set image_epochs=1,x --out "$work/i"
expect "--out does not apply" "$ETUDE_BIN" report font_gan "$work" --out "$work/r"

# Fonts that are not there.
ETUDE_FONT_DIR="$work/nofonts" expect "tools/setup" "${train[@]}" --out "$work/f"

# A good run, then its checkpoint truncated, replaced, or of another kind.
"${train[@]}" --out "$work/run" >/dev/null 2>"$work/err" || { cat "$work/err"; exit 1; }
expect "holds a run already" "${train[@]}" --out "$work/run"
expect "do not apply" "$ETUDE_BIN" train font_gan --resume "$work/run" --set epochs=9
expect "--preset does not apply" "$ETUDE_BIN" train font_gan --resume "$work/run" --preset full
head -c 1000 "$work/run/best.safetensors" >"$work/short.safetensors"
expect "short.safetensors" "$ETUDE_BIN" sample font_gan --checkpoint "$work/short.safetensors"
cp "$0" "$work/foreign.safetensors"
expect "not a safetensors file" "$ETUDE_BIN" eval font_gan --checkpoint "$work/foreign.safetensors"
expect "names no model" "$ETUDE_BIN" sample font_gan --checkpoint "$work"/data/classifier-*.safetensors
cp "$work/short.safetensors" "$work/run/last.safetensors"
expect "last.safetensors" "$ETUDE_BIN" train font_gan --resume "$work/run" --data "$work/data" --device cpu

# Options of sample that only some models take.
"$ETUDE_BIN" train drum_vae --preset smoke --set epochs=1 --device cpu --out "$work/drums" >/dev/null 2>"$work/err" || {
  cat "$work/err"; exit 1; }
drums=("$ETUDE_BIN" sample drum_vae --device cpu --checkpoint "$work/drums/best.safetensors" --out "$work/music")
expect "style must be one of all|any|rock|jazz|hiphop|electronic|latin" "${drums[@]}" --style polka
expect "name the first style with --style" "${drums[@]}" --blend rock
expect "complexity = 0 is not in" "${drums[@]}" --complexity 0
expect "--style does not apply" "$ETUDE_BIN" sample font_gan --checkpoint "$work/run/best.safetensors" --style jazz
expect "a checkpoint of model font_gan, not of drum_vae" "$ETUDE_BIN" sample drum_vae --checkpoint "$work/run/best.safetensors"
expect "etude data get groove" "$ETUDE_BIN" train drum_vae --set data=groove --data "$work/data" --out "$work/g"

# Folders that cannot be written: a file in the way, no permission (root is above permissions), no space.
# All commands make their folder alike; sample gets there without data and judge.
sample=("$ETUDE_BIN" sample font_gan --device cpu --checkpoint "$work/run/best.safetensors")
touch "$work/file"
expect "$work/file" "${sample[@]}" --out "$work/file/run"
expect "Not a directory" "${sample[@]}" --out "$work/file"
expect "/proc/run" "${sample[@]}" --out /proc/run
if [[ $(id -u) -ne 0 ]]; then
  mkdir "$work/locked" && chmod 500 "$work/locked"
  expect "cannot be written to" "${sample[@]}" --out "$work/locked"
fi
mkdir "$work/small"
if mount -t tmpfs -o size=400k none "$work/small" 2>/dev/null; then
  expect "$work/small" "${train[@]}" --out "$work/small/run"
  grep -qiE "space|disk" "$work/err" || { echo "FAIL: disk full is not named: $(cat "$work/err")"; failures=$((failures + 1)); }
  umount "$work/small"
else
  echo "skipped: disk full (this user may not mount a tmpfs)"
fi
if ((failures)); then echo "$failures failures"; exit 1; fi
echo "all wrong inputs answered by one line and exit code 2"
