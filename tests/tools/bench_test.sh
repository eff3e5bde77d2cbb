#!/usr/bin/env bash
# etude bench: the smallest case of every family on both devices, the JSON, PyTorch's and oneDNN's
# side, the READMEs' tables made from it, and errors. Times are not looked at. ETUDE_BIN: the program.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v python3 >/dev/null || { echo "bench_test: no python3, skipped"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
fail() { echo "FAIL: $*"; failures=$((failures + 1)); }

# bench ARGUMENTS...: must end well.
bench() {
  "$ETUDE_BIN" bench "$@" >"$work/out" 2>"$work/err" || fail "etude bench $*: exit $?: $(tail -n 1 "$work/err")"
}
# expect TEXT ARGUMENTS...: exit code 2 and one line of error that holds TEXT.
expect() {
  local text=$1 status=0
  shift
  "$ETUDE_BIN" bench "$@" >"$work/out" 2>"$work/err" || status=$?
  if [[ $status -ne 2 || $(grep -c '^etude: ' "$work/err") -ne 1 ]] || ! grep -qF -- "$text" "$work/err"; then
    fail "(exit $status) etude bench $*: expected one line with: $text; got: $(cat "$work/err")"
  fi
}
# check PYTHON FILE: the expression, which sees the file's JSON as d, its first case as c; evaluated at
# the end, all by one interpreter.
check() { printf '%s\0%s\0' "$1" "$2" >>"$work/checks"; }

small=(--case 16384 --case "64x64x14x14 to" --case "uniform 800000" --case 32x24x256 --case "conv 64x1x"
       --case "weight_grad 64x64x14x14 w 64x1x" --case 64x256x9 --case 64x26 --case "norm 770000")
families="conv conv_transpose copy elementwise matmul norm optimizer random reduce softmax"

# The CPU: a file per family, with all that the tables need.
bench all --device cpu "${small[@]}" --json "$work/cpu"
for family in $families; do
  file=$work/cpu/kernel_${family}_cpu.json
  check "d['bench'] == 'kernels' and d['family'] == '$family' and d['device'] == 'cpu'" "$file"
  check "all(d[k] for k in ('machine', 'date', 'commit', 'command', 'threads'))" "$file"
  check "d['caches'] == 'warm' and d['roofline']['gbs'] > 0 and d['roofline']['gflops']['f32'] > 0" "$file"
  check "c['dtype'] == 'f32' and c['bytes'] > 0 and c['results'][0]['runner'] == 'cpu'" "$file"
  check "all(r['runs'] >= 3 and r['ms_q1'] <= r['ms_median'] <= r['ms_q3'] and r['of_roofline'] > 0
             and r['gbs'] > 0 for c in d['cases'] for r in c['results'])" "$file"
done
check "'--json' not in d['command']" "$work/cpu/kernel_softmax_cpu.json"
check "[c['name'] for c in d['cases']][-1] == 'forward + backward cross_entropy 64x26 f32'" "$work/cpu/kernel_softmax_cpu.json"
# No sum of parts of which one is missing.
check "not any(c['operation'] == 'forward + backward' for c in d['cases'])" "$work/cpu/kernel_conv_cpu.json"
bench softmax --device cpu --case "softmax 64x26" --cold --json "$work/cold.json"
check "d['caches'] == 'cold'" "$work/cold.json"

# Every rung, on the SIMT runtime: no measurement.
if "$ETUDE_BIN" info | grep -q 'simt:'; then
  bench all --device simt "${small[@]}" --json "$work/simt"
  for family in $families; do
    check "d['measurement'] is False and all('refused' not in r and r['runs'] <= 3 and 'of_roofline' not in r
               for c in d['cases'] for r in c['results'])" "$work/simt/kernel_${family}_simt.json"
  done
  check "{r['runner'] for c in d['cases'] for r in c['results']} >= {'naive', 'register_tile'}" \
    "$work/simt/kernel_matmul_simt.json"
  bench matmul --device simt --rung naive --case 32x24x256 --json "$work/naive.json"
  check "[r['runner'] for r in c['results']] == ['naive']" "$work/naive.json"
  expect "a time on simt means nothing" matmul --device simt --against torch
  expect "build with cmake --preset cuda" matmul --device cpu --against cublas
  expect "build with cmake --preset cuda" matmul --device cpu --against cudnn
fi

# oneDNN, whose results are compared with ours.
if "$ETUDE_BIN" info | grep -q ', oneDNN'; then
  bench all --device cpu --case 32x24x256 --case "conv 64x1x" --case "weight_grad 64x64x14x14 w 64x1x" \
    --against onednn --json "$work/onednn"
  for family in matmul conv conv_transpose; do
    check "c['results'][1]['runner'] == 'onednn' and c['results'][1]['peer'] and 'x_of_peer' in c['results'][0]" \
      "$work/onednn/kernel_${family}_cpu.json"
  done
else
  expect "has no oneDNN" matmul --device cpu --against onednn
fi

# PyTorch: an interpreter that answers 1 ms for each case, and has no time for the second.
cat >"$work/python" <<'PYTHON'
#!/usr/bin/env python3
import json, sys
request = json.load(sys.stdin)
assert sys.argv[1].endswith("pytorch_kernels.py") and request["device"] == "cpu"
assert all(c["operation"] and c["operands"][0]["strides"] for c in request["cases"])
one = {"ms_median": 1, "ms_q1": 1, "ms_q3": 1, "runs": 30}
print(json.dumps({"version": "0", "results": [{"missing": "no such thing"} if i == 1 else one
                                              for i in range(len(request["cases"]))]}))
PYTHON
chmod +x "$work/python"
ETUDE_PYTHON=$work/python bench softmax --device cpu --case 64x26 --against torch --json "$work/torch.json"
check "c['results'][1]['ms_median'] == 1 and c['results'][1]['detail'].startswith('PyTorch 0')" "$work/torch.json"
check "abs(c['results'][0]['x_of_peer'] * c['results'][0]['ms_median'] - 1) < 1e-9" "$work/torch.json"
check "d['cases'][1]['results'][1]['refused'] == 'no such thing'" "$work/torch.json"
ETUDE_PYTHON=/bin/false expect "ETUDE_PYTHON" softmax --device cpu --case 64x26 --against torch

# The tables, in a tree of their own.
mkdir -p "$work/tree/tools/bench/results" "$work/tree/models/"{font_gan,drum_vae,performance_lstm,music_gpt} "$work/tree/kernels"
cp "$root/tools/bench/tables" "$work/tree/tools/bench"
cp "$root/README.md" "$work/tree"
for model in font_gan drum_vae performance_lstm music_gpt; do cp "$root/models/$model/README.md" "$work/tree/models/$model"; done
for family in matmul softmax; do
  mkdir "$work/tree/kernels/$family"
  printf 'Text.\n<!-- bench:begin -->\n<!-- bench:end -->\n' >"$work/tree/kernels/$family/README.md"
done
cp "$work/torch.json" "$work/tree/tools/bench/results/kernel_softmax_cpu.json"
"$work/tree/tools/bench/tables" >/dev/null || fail "tables"
"$work/tree/tools/bench/tables" --check >/dev/null || fail "tables --check finds what it wrote out of date"
grep -q '^| softmax 64x26 | f32 | .* | 1.00 | ' "$work/tree/kernels/softmax/README.md" || fail "no table row"
grep -q '^Not yet measured on a card.$' "$work/tree/kernels/matmul/README.md" || fail "no word of missing cards"

expect "unknown family; they are all, attention" fly
expect "FAMILY, all or step MODEL is missing"
expect "no such rung here; they are all, cpu" softmax --device cpu --rung warp
expect "a name is like softmax 64x26 f32" softmax --device cpu --case 7x7
expect "the peers are cublas, cudnn, onednn, torch" softmax --device cpu --against numpy
expect "--steps does not apply" softmax --steps 3
expect "--rung does not apply" step font_gan --rung naive
expect "--cold takes no value" softmax --cold=yes
expect "unexpected matmul" softmax matmul

python3 - "$work/checks" "$root/tools/bench/pytorch_kernels.py" <<'PYTHON' || failures=$((failures + 1))
import json, sys
texts = open(sys.argv[1]).read().split("\0")
failed = 0
for expression, file in zip(texts[::2], texts[1::2]):
    try:
        d = json.load(open(file))
        c = d["cases"][0]
        holds = eval(expression, {"d": d, "c": c})
    except Exception as error:
        holds, expression = False, f"{expression}: {error!r}"
    if not holds:
        failed += 1
        print(f"FAIL: {file}: not so: {expression}")
compile(open(sys.argv[2]).read(), sys.argv[2], "exec")
sys.exit(failed > 0)
PYTHON
if ((failures)); then echo "$failures failures"; exit 1; fi
echo "etude bench: all as expected"
