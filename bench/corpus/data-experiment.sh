#!/bin/bash
# The datasets of data-experiment.json, in data/ of the folder where it is run: raw text, filtered, filtered and deduplicated, and clean
# text that all are validated on. One tokenizer, learned of the raw text, so that losses compare.
#
#   data-experiment.sh CLEAN RAW...      then, where nothing else runs:
#   cram sweep data-experiment.json --out sweeps/data      (twelve runs of four minutes)
set -euo pipefail
clean=$1
shift
# At the 8192 tokens of the recipe what 0.25 is at 32768.
filter=(--compressibility 0.28)
cram prepare "$@" --out data/raw --recipe crammed-bert-small
cram prepare "$@" --out data/filtered --tokenizer data/raw "${filter[@]}"
cram prepare "$@" --out data/deduplicated --tokenizer data/raw "${filter[@]}" --near-duplicates 0.8 --repeated 100
cram prepare "$clean" --out data/clean --tokenizer data/raw --hold-out 0.5
