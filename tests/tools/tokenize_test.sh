#!/usr/bin/env bash
# `etude tokenize` and `etude detokenize`: a round trip, and every wrong input answered by one line
# that names file and place. ETUDE_BIN: the program.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"
same() { cmp -s "$1" "$2" || { diff "$1" "$2" | head >"$work/err"; fail "$1 and $2 differ"; }; }
tokenize=("$ETUDE_BIN" tokenize)
detokenize=("$ETUDE_BIN" detokenize)
cd "$work" || exit 1

# From ids to a file and back: velocity 66, middle C and the G above, 333 ms, both off.
printf 'etude-ids performance carry_residual=false\n192 39 192 46 230 127 134\n' >song.ids
run 0 "" "${detokenize[@]}" song.ids --out song.mid
[[ $(cat out) == song.mid ]] || fail "detokenize does not print its file"
[[ $(head -c 4 song.mid) == MThd ]] || fail "song.mid is no MIDI file"
run 0 "" "${tokenize[@]}" song.mid
same out song.ids
run 0 "" "${tokenize[@]}" song.mid --tokenizer performance --set carry_residual=true --out again.ids
[[ $(cat out) == again.ids ]] || fail "tokenize does not print its file"
[[ $(head -n 1 again.ids) == "etude-ids performance carry_residual=true" ]] || fail "options are not written"
run 0 "" "${detokenize[@]}" again.ids --out again.mid
same again.mid song.mid
printf 'etude-ids performance\n' >empty.ids
run 0 "" "${detokenize[@]}" empty.ids --out empty.mid
run 0 "empty.mid: holds no note that performance has an id for" "${tokenize[@]}" empty.mid
[[ $(wc -l <out) -eq 1 ]] || fail "ids of no notes"

# In bars and beats, with settings, and with MidiTok's JSON.
remi=(--tokenizer remi --set use_tempos=true --set 'pitch_range=[40,90]')
run 0 "" "${tokenize[@]}" song.mid "${remi[@]}" --out remi.ids
[[ $(head -n 1 remi.ids) == "etude-ids remi pitch_range=[40,90] use_tempos=true" ]] || fail "settings are not written"
run 0 "" "${detokenize[@]}" remi.ids --out remi.mid
run 0 "" "${tokenize[@]}" remi.mid "${remi[@]}"
same out remi.ids
echo '{"config": {"pitch_range": [40, 90], "use_tempos": true}, "tokenization": "REMI"}' >remi.json
run 0 "" "${tokenize[@]}" song.mid --tokenizer remi --set config=remi.json
same out remi.ids
run 2 "remi.json: miditok: the file is of another tokenizer" "${tokenize[@]}" song.mid --tokenizer midilike --set config=remi.json
run 2 "there is no setting chords" "${tokenize[@]}" song.mid --tokenizer remi --set chords=true

run 2 "FILE.mid is missing" "${tokenize[@]}"
run 2 "unexpected more" "${tokenize[@]}" song.mid more
run 2 "--seed does not apply" "${tokenize[@]}" song.mid --seed 1
run 2 "the tokenizers are: performance" "${tokenize[@]}" song.mid --tokenizer remy
run 2 "carry_residual must be true or false" "${tokenize[@]}" song.mid --set carry_residual=2
run 2 "unknown key carry" "${tokenize[@]}" song.mid --set carry=true
run 2 "none.mid" "${tokenize[@]}" none.mid
head -c 40 song.mid >short.mid
run 2 "short.mid" "${tokenize[@]}" short.mid
run 2 "song.ids" "${tokenize[@]}" song.ids
# Two notes 2^28 - 1 ticks of a quarter note apart at 120 beats per minute.
printf 'MThd\0\0\0\6\0\0\0\1\0\1MTrk\0\0\0\20\0\220\74\100\377\377\377\177\200\74\100\0\377\57\0\0' >long.mid
run 2 "long.mid: performance: the piece lasts" "${tokenize[@]}" long.mid
run 2 "none/song.ids" "${tokenize[@]}" song.mid --out none/song.ids

run 2 "FILE.ids is missing" "${detokenize[@]}" --out a.mid
run 2 "say which MIDI file to write with --out" "${detokenize[@]}" song.ids
run 2 "--tokenizer does not apply" "${detokenize[@]}" song.ids --out a.mid --tokenizer performance
run 2 "none.ids" "${detokenize[@]}" none.ids --out a.mid
run 2 'song.mid:1: must be "etude-ids TOKENIZER' "${detokenize[@]}" song.mid --out a.mid
printf 'etude-ids performance\n1 2\n3 240\n' >bad.ids
run 2 "bad.ids:3: 240 is no id; those of performance are whole numbers from 0 to 239" \
  "${detokenize[@]}" bad.ids --out a.mid
run 2 "none/a.mid" "${detokenize[@]}" song.ids --out none/a.mid
[[ ! -e a.mid ]] || fail "a.mid was written in spite of errors"
finish "ids and MIDI files turned into each other; wrong input answered by one line"
