#!/usr/bin/env bash
# A sweep of twenty tiny trials three times: undisturbed, killed (-9) at ten random moments, and by two workers on one folder of which one is
# killed. The tables must be equal, and every trial must have ended once: bash interrupt.sh OUT DATASET [SEED].
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 2 ] || { sed -n 's/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
out=$1 data=$(cd "$2" && pwd)
RANDOM=${3:-1}
read -ra cram <<<"${CRAM:-node $(cd "$here/../.." && pwd)/dist/src/cli/main.js}"
mkdir -p "$out"
cd "$out"
field() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$data/manifest.json" | head -1; }
cat >sweep.json <<END
{ "recipe": "crammed-bert-small", "budget": "60steps", "seeds": [0, 1, 2, 3],
  "set": ["model.width=32", "model.layers=1", "model.heads=1", "model.feedForward=64", "model.vocabulary=$(field vocabulary)",
    "model.sequenceLength=$(field sequenceLength)", "schedule.batchSequences=16", "train.microBatchSequences=8", "train.validations=3",
    "data.validationSequences=32", "train.checkpointEverySeconds=0.05"],
  "variations": { "rotary": ["model.positions=rotary"], "twice the rate": ["optimizer.learningRate=0.002"],
    "mask 15 %": ["data.maskFraction=0.15"], "Muon": ["optimizer.name=muon"] } }
END
# Of its own, so that a kill reaches the program alone.
start() { "${cram[@]}" sweep sweep.json --data "$data" --out "$1" --threads 1 >>"$1.log" 2>&1 & }
count() { find "$1/trials" -name result.json 2>/dev/null | wc -l; }
begin=$(date +%s)
start whole; wait $!
[ -f seconds ] || echo $(($(date +%s) - begin)) >seconds
seconds=$(cat seconds)
kills=0
while [ $kills -lt 10 ] && [ "$(count killed)" -lt 20 ]; do
  start killed; pid=$!
  # Ten of them spread over the time that the undisturbed one took, and over starting, which each begins with again.
  sleep "$((1 + RANDOM % (1 + seconds / 8))).$((RANDOM % 10))"
  if kill -9 $pid 2>/dev/null; then kills=$((kills + 1)); fi
  wait $pid 2>/dev/null || true
  echo "kill $kills: $(count killed) of 20 trials were done"
done
start killed; wait $!
start shared; first=$!
start shared; second=$!
sleep $((seconds / 3)); kill -9 $first || true
wait $second
for name in killed shared; do
  cmp whole/table.md $name/table.md && echo "$name: the same table"
  # A trial that was trained twice would have ended twice.
  ends=$(find $name/trials -name events.jsonl -exec grep -h '"kind":"end"' {} + | grep -c '"reason":"budget"')
  [ "$ends" = 20 ] && echo "$name: $ends trials ended, each once"
done
resumed=$(find killed/trials -name events.jsonl -exec grep -h '"kind":"start"' {} + | grep -vc '"step":0,' || true)
echo "$kills kills, $resumed trials went on from a checkpoint"
