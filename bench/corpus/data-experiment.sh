#!/usr/bin/env bash
# What choosing text is worth, as the paper's table of data asks it: raw, filtered, sorted as well, deduplicated as well, three seeds each,
# all validated on the same clean text: bash data-experiment.sh OUT CLEAN RAW…. It makes the datasets, trains the twelve runs of
# bench/analysis/data-experiment.json, and leaves OUT/data-experiment/table.md with intervals; begun again, it goes on. BUDGET is that of a
# run, unless it is the file's: in steps, which no other work changes, or in seconds, for which nothing else should run. COMPRESSIBILITY is
# the filter's (of fewer tokens more: at 4096 about what 0.25 is at 32768), JOBS=N trains N beside each other, PLAN=1 only says how long all
# of it takes, CRAM is the command.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 3 ] || { sed -n 's/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
out=$1
shift
texts=()
for text in "$@"; do texts+=("$(realpath "$text")"); done
raw=("${texts[@]:1}")
read -ra cram <<<"${CRAM:-node $(cd "$here/../.." && pwd)/dist/src/cli/main.js}"
mkdir -p "$out"
cd "$out"
prepare() {
  local name=$1
  shift
  [ -f "data/$name/manifest.json" ] || "${cram[@]}" prepare "$@" --out "data/$name" --sequence-length 128
}
prepare raw "${raw[@]}" --vocabulary 4096
# One tokenizer, learned of the raw text, so that losses compare.
tokenizer=(--tokenizer data/raw/tokenizer.json)
filter=(--compressibility "${COMPRESSIBILITY:-0.3}")
prepare filtered "${raw[@]}" "${tokenizer[@]}" "${filter[@]}"
prepare deduplicated "${raw[@]}" "${tokenizer[@]}" "${filter[@]}" --near-duplicates 0.8 --repeated 100
prepare clean "${texts[0]}" "${tokenizer[@]}" --hold-out 0.5
# Written once: a sweep that was begun goes on as it was asked for.
[ -f sweep.json ] || sed "${BUDGET:+s/\"budget\": \"[^\"]*\"/\"budget\": \"$BUDGET\"/}" "$here/../analysis/data-experiment.json" >sweep.json
"${cram[@]}" sweep sweep.json --out data-experiment --plan
[ -z "${PLAN:-}" ] || exit 0
"${cram[@]}" sweep sweep.json --out data-experiment --threads 1 --jobs "${JOBS:-1}"
cat data-experiment/table.md
