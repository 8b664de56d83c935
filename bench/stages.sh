#!/usr/bin/env bash
# bench/stages.sh DATASET.json [RANKS...]: how long each stage of `desy run` takes, by number of ranks (1 2 unless said), each in a
# fresh directory; and whether stores and models are the same. Exits non-zero if they are not.
set -eu -o pipefail
program=${DESY_PROGRAM:-$(dirname "$0")/../build/release/desy}
dataset=$1
shift
[ $# -gt 0 ] || set -- 1 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

stage() { # RANKS COMMAND ARGUMENT...
  local n=$1 started=$EPOCHREALTIME
  shift
  mpirun --oversubscribe --bind-to none -n "$n" "$program" "$@" --quiet >"$folder/out" 2>&1 || { cat "$folder/out" >&2; exit 1; }
  awk -v name="$1" -v n="$n" -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "| %s | %d | %.1f |\n", name, n, b - a }'
}

echo "| stage | ranks | seconds |"
echo "| --- | --- | --- |"
for n; do
  out=$folder/$n
  stage "$n" check "$dataset" -o "$out"
  stage "$n" extract "$dataset" -o "$out/store"
  stage "$n" train "$out/store" --save-dir "$out/models"
  stage "$n" eval "$out/store" --model "$out/models" -o "$out/report"
  "$program" info "$out/store" --json | grep content_sha256 >"$folder/store.$n"
  sha256sum <"$out/models/v0001/weights.safetensors" >"$folder/model.$n"
done
for n; do
  cmp "$folder/store.$1" "$folder/store.$n"
  cmp "$folder/model.$1" "$folder/model.$n"
done
echo
echo "Stores and models are the same at $* ranks."
