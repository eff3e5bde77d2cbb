# Of the tests of the program's command line, which source it: a folder $work of their own, and what
# they check. ETUDE_BIN: the program.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
fail() { echo "FAIL: $*"; sed 's/^/  /' "$work/err"; failures=$((failures + 1)); }

# run STATUS TEXT COMMAND...: the exit code, and a text on standard error; with 2, in one line of ours.
run() {
  local expected=$1 text=$2 status=0
  shift 2
  "$@" >"$work/out" 2>"$work/err" || status=$?
  [[ $status -eq $expected ]] || fail "exit $status, not $expected: $*"
  [[ -z $text ]] || grep -qF -- "$text" "$work/err" || fail "not '$text': $*"
  [[ $status -ne 2 || $(grep -c '^etude: ' "$work/err") -eq 1 ]] || fail "not one line: $*"
}

# scale FIRST TIMES FILE.mid: an octave up in a row; velocity, then key down, wait, key up.
scale() {
  local first=$1 ids=192 i step
  for ((i = 0; i < $2; ++i)); do
    for step in 0 2 4 5 7 9 11 12; do ids+=" $((first + step)) 224 $((first + step + 88))"; done
  done
  printf 'etude-ids performance carry_residual=false\n%s\n' "$ids" >"$work/scale.ids"
  "$ETUDE_BIN" detokenize "$work/scale.ids" --out "$3" >/dev/null || fail "no scale in $3"
}

# Ends the test, saying what it has seen.
finish() {
  if ((failures)); then echo "$failures failures"; exit 1; fi
  echo "$*"
}
