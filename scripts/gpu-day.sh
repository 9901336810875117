#!/usr/bin/env bash
# Measures this project on an NVIDIA GPU, one stage a call, each within ten minutes: where scripts/gpu-pack.sh packed it, or in a built
# checkout.
#   scripts/gpu-day.sh check|speed|train|profile|sizes      logs and results.json under $OUT (default: gpu-results)
set -u
stage=${1:-}
case $stage in check | speed | train | profile | sizes) ;; *) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;; esac
here=$PWD
export OUT="${OUT:-$here/gpu-results}" CRAM_REQUIRE=cuda
mkdir -p "$OUT"
if [ -f .gpu/app.tgz ]; then
  place=${TMPDIR:-/tmp}/cram-gpu
  mkdir -p "$place"
  [ -x "$place/node" ] || { gunzip -c .gpu/node.gz > "$place/node" && chmod +x "$place/node"; } || exit 1
  tar -C "$place" -xzf .gpu/app.tgz && cd "$place/app" || exit 1
  export PATH=$place:$PATH CRAM_CACHE=$place/cache
fi
step() { # seconds, name, command: its log, how it ended on the screen and in results.json
  local limit=$1 name=$2 start=$SECONDS code
  shift 2
  timeout "$limit" "$@" > "$OUT/$name.log" 2>&1
  code=$?
  printf '{"stage":"%s","step":"%s","exit":%d,"seconds":%d}\n' "$stage" "$name" "$code" $((SECONDS - start)) >> "$OUT/results.json"
  echo "== $name: exit $code after $((SECONDS - start)) s"
  tail -n "${SHOWN:-15}" "$OUT/$name.log"
}
device=dist/test/cuda/cuda-device.test.js
cram="node dist/src/cli/main.js"
case $stage in
  check)
    step 30 machine sh -c "nvidia-smi; python3 -c 'import torch; print(torch.__version__, torch.cuda.get_device_name())'; $cram doctor --no-measure"
    SHOWN=40 step 240 device node --test --test-reporter=spec $device
    export CRAM_CUDA_LINEINFO=1
    step 150 memcheck compute-sanitizer --tool memcheck --error-exitcode 9 node --test-name-pattern='attention and its gradient, length 128|tiny training' $device
    step 150 racecheck compute-sanitizer --tool racecheck --error-exitcode 9 node --test-name-pattern='attention and its gradient, length 128' $device ;;
  speed) SHOWN=120 step 580 speed node dist/bench/cuda.js --micro-batches 64,512 --kernels 512 --python python3 ;;
  sizes) SHOWN=8 step 580 sizes node dist/bench/cuda.js --micro-batches 128,256,1024 --kernels none ;;
  profile)
    export CRAM_CUDA_LINEINFO=1
    step 400 ncu ncu --clock-control none --kernel-name 'regex:^(attention|row|column|scatter)' --launch-count 60 --section SpeedOfLight --section Occupancy --section MemoryWorkloadAnalysis --section SchedulerStats --section WarpStateStats -f -o "$OUT/kernels" $cram inspect --recipe crammed-bert --set train.microBatchSequences=128 --backend cuda --time
    SHOWN=150 step 100 summary ncu --import "$OUT/kernels.ncu-rep" --page details --print-summary per-kernel ;;
  train)
    [ -d data ] || { echo "gpu-day: train needs a dataset: scripts/gpu-pack.sh DATASET" >&2; exit 2; }
    run=$OUT/run
    step 200 interrupted timeout -s INT 150 $cram pretrain --data data --recipe crammed-bert --backend cuda --micro-batch 256 --budget 4m --out "$run"
    [ -d "$run" ] || exit 1
    step 300 resumed $cram pretrain --resume "$run" ;;
esac
