#!/usr/bin/env bash
# The analysis of the small paper recipe at equal time: bash run.sh OUT SWEEP TEXT…, where SWEEP is the name of one beside this file. It
# makes the datasets and trains every trial on one core; begun again, it goes on. JOBS=N trains N trials beside each other, PLAN=1 only says how long
# all of it takes, CRAM is the command. Nothing else should run meanwhile: budgets are in seconds, and a processor that is shared does less in each.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage() { sed -n 's/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
[ $# -ge 3 ] || usage
out=$1 sweep=$here/$2.json
shift 2
[ -f "$sweep" ] || usage
read -ra cram <<<"${CRAM:-node $(cd "$here/../.." && pwd)/dist/src/cli/main.js}"
mkdir -p "$out"
# One document in fifty is kept from all training: what is trained on varies, and the held-out text does not.
if [ ! -f "$out/train.jsonl" ]; then
  for text in "$@"; do
    case $text in *.gz) gzip -dc "$text" ;; *) cat "$text" ;; esac
  done | awk -v train="$out/train.jsonl.part" -v held="$out/held-out.jsonl" 'NR % 50 == 1 { print > held; next } { print > train }'
  mv "$out/train.jsonl.part" "$out/train.jsonl"
fi
cd "$out"
prepare() {
  local name=$1
  shift
  [ -f "data/$name/manifest.json" ] || "${cram[@]}" prepare "$@" --out "data/$name" --sequence-length 128
}
prepare raw train.jsonl --vocabulary 4096
tokenizer=(--tokenizer data/raw/tokenizer.json)
prepare held-out held-out.jsonl "${tokenizer[@]}" --hold-out 0.5
name=$(basename "$sweep" .json)
case $name in
  tokenizers)
    prepare bpe train.jsonl --vocabulary 4096 --tokenizer-kind bpe
    prepare unigram train.jsonl --vocabulary 4096 --tokenizer-kind unigram
    for size in 8192 16384 32768; do prepare "$size" train.jsonl --vocabulary "$size"; done
    ;;
  objectives | token-dropping) ;;
  *)
    prepare deduplicated train.jsonl "${tokenizer[@]}" --near-duplicates 0.8 --repeated 100
    prepare compressible train.jsonl "${tokenizer[@]}" --compressibility "${COMPRESSIBILITY:-0.3}"
    prepare classified train.jsonl "${tokenizer[@]}" --classify
    prepare unseparated train.jsonl "${tokenizer[@]}" --no-separator
    ;;
esac
"${cram[@]}" sweep "$sweep" --out "$name" --plan
[ -z "${PLAN:-}" ] || exit 0
"${cram[@]}" sweep "$sweep" --out "$name" --threads 1 --jobs "${JOBS:-1}"
"${cram[@]}" report "$name" --out "$name.html" --data "$name-numbers"
