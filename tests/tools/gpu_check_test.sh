#!/usr/bin/env bash
# tools/gpu_check on a made-up machine: stand-ins for the card, the build, the tests and the tools.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{tools/bench/results,bin,kernels/{core,matmul,copy}}
cp "$root/tools/gpu_check" "$tree/tools"
touch "$tree"/kernels/{core,matmul,copy}/bench.h "$tree/kernels/matmul/matmul_cublas.h"
echo 'auto& tile = shared<Smem>();' >"$tree/kernels/matmul/tile.cuh"
echo '#include "kernels/matmul/tile.cuh"' >"$tree/kernels/matmul/matmul.cu"
echo 'y[i] = x[i];' >"$tree/kernels/copy/copy.cu"
for tool in bash sleep cat mkdir cp chmod touch; do ln -s "$(command -v "$tool")" "$tree/bin/$tool"; done
python=$(python3 -c 'import sys; print(sys.executable)')
failed=0

stub() { printf '#!%s/bin/bash\n%s\n' "$tree" "$2" >"$tree/$1" && chmod +x "$tree/$1"; }
# run OPTIONS...: sets output and status.
run() { output=$(PATH=$tree/bin ETUDE_COMMIT=abc123 "$python" "$tree/tools/gpu_check" --out "$tree/out" "$@" 2>&1) && status=0 || status=$?; }
check() { # WHAT STATUS [PATTERN...]: the last run's exit code and what is in its output
  local what=$1 wanted=$2
  shift 2
  [ "$status" = "$wanted" ] || { printf '%s: exit code %s, expected %s:\n%s\n' "$what" "$status" "$wanted" "$output"; failed=1; }
  for pattern; do
    grep -qE -- "$pattern" <<<"$output" || { printf '%s: no line like "%s" in:\n%s\n' "$what" "$pattern" "$output"; failed=1; }
  done
}
# summary EXPRESSION: a Python condition on s, the summary, and page, the report.
summary() {
  "$python" - "$tree/out" "$1" <<'END' || { echo "not so in the summary: $1"; failed=1; }
import json, pathlib, sys
out = pathlib.Path(sys.argv[1])
s, page = json.loads((out / "summary.json").read_text()), (out / "README.md").read_text()
stages = {stage["name"]: stage for stage in s["stages"]}
failures = {f["stage"] + " " + f["name"]: f["output"] for f in s["failures"]}
sys.exit(not eval(sys.argv[2]))
END
}

# What is missing is named in one line.
run
check 'no card' 2 '^gpu_check: nvidia-smi finds no card'
stub bin/nvidia-smi 'case "$*" in *memory.free*) echo 140000 ;; *driver*) echo "NVIDIA H200, 580.1, 143771 MiB, 9.0" ;; *) echo NVIDIA H200 ;; esac'
for tool in nvcc cmake ninja; do
  [ -x "/usr/local/cuda/bin/$tool" ] || { run; check "no $tool" 2 "^gpu_check: no $tool: install "; [ "$(wc -l <<<"$output")" = 1 ] || failed=1; }
  stub "bin/$tool" 'echo "release 13.0, V13.0.88"'
done

# All passes.
# shellcheck disable=SC2016 # the stubs expand these
{
  stub kernel_tests 'printf "[doctest] listing\n===\nmatmul\ncopy\nsimt\n===\n"'
  stub etude 'for word; do file=$word; done
echo "$*" >>"${0%/*}/benches"
[[ -z "$BROKEN_PEER" || "$2 $*" != matmul*"$BROKEN_PEER"* ]] || { echo "etude: no cublas here"; exit 2; }
[ "$2" != "$HANGING" ] || sleep 100
echo "{\"cases\": [{\"name\": \"$2 8x8 f32\", \"results\": [{\"runner\": \"naive\", \"ms_median\": 2.5, \"ms_q1\": 2.25, \"ms_q3\": 2.75, \"gbs\": 10, \"gflops\": 20, \"of_roofline\": 0.5}, {\"runner\": \"cudnn\", \"refused\": \"no algorithm\"}]}]}" >"$file"'
  stub bin/cmake '[ -z "$BROKEN_BUILD" ] || [ "$1" != --build ] || { echo "error: expected ;"; exit 1; }
here='"$tree"'
mkdir -p $here/build/gpu_check/tests
cp $here/etude $here/build/gpu_check/
cp $here/kernel_tests $here/build/gpu_check/tests/'
  stub bin/ctest 'label=kernels; [[ " $* " != *" -LE "* ]] || label=engine
echo "      Start  1: $label.copy"
echo "      Start  2: $label.matmul"
echo "1/2 Test  #1: $label.copy ......   Passed    0.10 sec"
[ -z "$HANGING_TEST" ] || sleep 100
if [ "$label" = "$BROKEN_TESTS" ]; then
  echo "2/2 Test  #2: $label.matmul ......***Failed    0.20 sec"
  echo "matmul mma_bf16: element 7 is 3, expected 4"
  echo "50% tests passed"; exit 8
fi
echo "2/2 Test  #2: $label.matmul ......   Passed    0.20 sec"'
  stub bin/compute-sanitizer 'for word; do suite=$word; done
echo "$*" >>'"$tree"'/sanitized
[ "$2 ${suite#*=}" != "$BROKEN_SUITE" ] || { echo "========= Error: Race reported"; exit 99; }'
}
run
check 'all well' 0 ' ok +configure' ' ok +build' ' ok +kernels: 2 tests' ' ok +layers: 2 tests' ' ok +sanitizers: 7 runs' ' ok +bench: 2 families'
summary 's["result"] == "ok" and s["gpu"] == "NVIDIA H200" and s["driver"] == "580.1" and s["commit"] == "abc123" and not failures'
summary 'len(stages) == 6 and all(stage["seconds"] >= 0 for stage in stages.values())'
summary '"| matmul 8x8 f32 | naive | 2.5 | [2.25, 2.75] | 10 | 20 | 50 % |" in page and "no algorithm" in page'
[[ $(grep -c racecheck "$tree/sanitized") = 1 && $(grep racecheck "$tree/sanitized") = *--test-suite=matmul ]] ||
  { echo 'racecheck: not only where memory is shared'; failed=1; }
grep -q '^bench matmul .*--against cublas' "$tree/build/gpu_check/benches" || { echo 'no peer asked for'; failed=1; }
if grep -q -- '--against cudnn' "$tree/build/gpu_check/benches"; then echo 'a peer that is not there'; failed=1; fi
files=("$tree"/out/*)
[ ${#files[@]} -le 8 ] || { echo "too many files: ${files[*]}"; failed=1; }

# The measurements are kept under the card's name.
run --keep "$tree/out"
check 'keep' 0 '^tools/bench/results/kernel_matmul_nvidia_h200.json$' '^tools/bench/results/kernel_copy_nvidia_h200.json$'
grep -q '"ms_median": 2.5' "$tree/tools/bench/results/kernel_matmul_nvidia_h200.json" || failed=1

# One failure of each kind: the other stages run, and the report names it with its output.
BROKEN_TESTS=kernels BROKEN_SUITE='racecheck matmul' BROKEN_PEER=cublas run
check 'failures' 1 ' failed +kernels: 2 tests, failed: kernels.matmul' ' ok +layers' ' failed +sanitizers: 7 runs .*, failed: racecheck matmul' ' failed +bench: 2 families, failed: matmul'
summary 's["result"] == "failed" and "element 7 is 3, expected 4" in failures["kernels kernels.matmul"]'
summary '"Race reported" in failures["sanitizers racecheck matmul"] and "no cublas here" in failures["bench matmul --against cublas"]'
summary '"## failed: kernels, kernels.matmul" in page and "element 7 is 3" in page and "| naive | 2.5" in page'

# What hangs is ended in time.
HANGING_TEST=yes HANGING=copy run --stage-limit 1
check 'hangs' 1 ' failed +kernels: 1 tests, timed out with kernels.matmul unfinished' ' ok +sanitizers' ' failed +bench: .*failed: copy \(timed out\)'
run --limit 0.001
check 'no time' 1 ' failed +(configure|build): (timed out|not run: no time was left)'

# Nothing built: nothing tested. Some stages only.
BROKEN_BUILD=yes run
check 'broken build' 1 ' failed +build'
summary '"expected ;" in failures["build build"] and "kernels" not in stages'
run --stages kernels
check 'one stage' 0 ' ok +kernels'
summary 'list(stages) == ["kernels"]'
run --stages tests
check 'unknown stage' 2 'unknown stage tests; they are configure, build'
if [ ! -x /usr/local/cuda/bin/compute-sanitizer ] && [ ! -x /usr/local/cuda/compute-sanitizer/compute-sanitizer ]; then
  rm "$tree/bin/compute-sanitizer"
  run
  check 'no compute-sanitizer' 0 ' skipped +sanitizers: no compute-sanitizer: install'
fi
exit $failed
