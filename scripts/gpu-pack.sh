#!/usr/bin/env bash
# Packs Node, the built project and what it imports into .gpu/ (about 37 MB, ignored by git), for a machine that has a GPU, Python and
# NVIDIA's libraries, but neither Node nor a network. Give a prepared dataset's folder to train there as well.
#   npm run build && scripts/gpu-pack.sh [DATASET]
set -eu
cd "$(dirname "$0")/.."
[ -f dist/src/cli/main.js ] || { echo "gpu-pack: nothing is built; run: npm run build" >&2; exit 1; }
rm -rf .gpu && mkdir -p .gpu/app/bench
cp "$(readlink -f "$(command -v node)")" .gpu/node && strip -s .gpu/node && gzip -6 .gpu/node
cp -r dist package.json package-lock.json scripts .gpu/app/ && cp -r bench/peers .gpu/app/bench/
# What is imported at run time, and what the tests on the device need besides.
for module in $(npm ls --omit=dev --omit=optional --all --parseable 2>/dev/null | sed -n 's#.*/node_modules/##p' | sort -u) @koromix fast-check pure-rand; do
  [ -d "node_modules/$module" ] || continue
  mkdir -p ".gpu/app/node_modules/$(dirname "$module")" && cp -rL "node_modules/$module" ".gpu/app/node_modules/$(dirname "$module")/"
done
[ $# -eq 0 ] || cp -r "$1" .gpu/app/data
find .gpu/app \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete
tar -C .gpu -czf .gpu/app.tgz app && rm -rf .gpu/app
du -m .gpu/*
