#!/usr/bin/env bash
# bench/queue.sh: the task queue. How many empty tasks real ranks (2 and 4) are handed a second, and how close 1,024 simulated ranks come to the
# shortest possible time. Exits non-zero below the bars (bench/queue.c).
set -u -o pipefail
program=${DESY_BENCH:-$(dirname "$0")/../build/release/bench}/bench_queue
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
status=0
echo "| what | measured; simulated: time over the shortest possible | bar | | fixed shares: round robin, longest first by estimate (worst) | longest piece, share of the shortest time |"
echo "| --- | --- | --- | --- | --- | --- |"
for ranks in 2 4; do mpirun --oversubscribe --bind-to none -n "$ranks" "$program" rate || status=1; done
"$program" || status=1
exit "$status"
