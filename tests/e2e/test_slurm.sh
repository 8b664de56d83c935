#!/usr/bin/env bash
# The sbatch files on a real Slurm of two nodes (both this machine): the pipeline gives what one process gives, the chain of
# jobs too, and a job that is told that its time is up stops by itself and is queued again.
set -eu -o pipefail
for program in slurmctld slurmd munged; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || { echo "SKIP: $program is not installed"; exit 77; }
done
slurm=$DESY_SOURCE_DIR/slurm
work=$(mktemp -d)
finish() {
  local status=$?
  trap - EXIT
  set +e # nothing of this may keep the cluster from being stopped
  ((status)) && tail -n 30 "$work"/*.log "$work"/cluster/*.log >&2
  if ! "$slurm/local-cluster" stop "$work/cluster"; then
    echo "FAILED: the cluster does not stop" >&2
    ((status)) || status=1
  fi
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

fail() { echo "FAILED: $*" >&2; exit 1; }
value() { # FILE KEY
  "$DESY_TEST_PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"
}
until_state() { # JOB STATE: waits for squeue to say so (no state: until it has left the queue)
  local i jobs
  [[ $1 =~ ^[0-9]+$ ]] || fail "'$1' is no job"
  for ((i = 0; i < 600; i++)); do
    # All jobs: of one that is gone squeue may fail, and where it fails for another reason nothing is known of any.
    jobs=$(squeue -h -o "%A %T") || fail "squeue does not answer"
    [[ $(sed -n "s/^$1 //p" <<<"$jobs") == "$2" ]] && return
    sleep 0.5
  done
  fail "job $1 is not ${2:-done} after 300 s"
}

cd "$work"
"$slurm/local-cluster" start "$work/cluster"
eval "$("$slurm/local-cluster" env "$work/cluster")"

# A stand-in for the program: works until it gets SIGUSR2, then exits with 5; started again, it is done.
cat >stand-in <<'END'
#!/usr/bin/env bash
echo started >>"$STARTS"
[[ $(wc -l <"$STARTS") == 1 ]] || exit 0
trap 'exit 5' USR2
touch "$STARTS.ready"
while :; do sleep 0.2; done
END
chmod +x stand-in
export STARTS=$work/starts
job=$(DESY_DATASET=none DESY_OUTPUT=none DESY_PROGRAM=$work/stand-in sbatch --parsable -N 1 -n 1 --output=requeue.log "$slurm/desy.sbatch")
for ((i = 0; i < 120; i++)); do
  [[ -f $STARTS.ready ]] && break
  sleep 0.5
done
[[ -f $STARTS.ready ]] || fail "the job did not start within 60 s"
scancel --signal=USR2 --batch "$job"
until_state "$job" ""
[[ $(wc -l <"$STARTS") == 2 ]] || fail "the interrupted job was started $(wc -l <"$STARTS") times instead of twice"
grep -q "queued again" requeue.log || fail "the log does not say that the job was queued again"

"$DESY_PROGRAM" synth -o data --videos 24
export DESY_TRAIN_OPTIONS="--epochs 3 --batch-size 8" # quick
export DESY_RUN_OPTIONS=$DESY_TRAIN_OPTIONS
"$DESY_PROGRAM" run data/dataset.json -o one $DESY_RUN_OPTIONS
# What is compared is fetched by assignments: where one fails, so does the test, and nothing is not equal to nothing.
same_store() { # DIRECTORY WHAT
  local directory hash
  for directory in one "$1"; do
    "$DESY_PROGRAM" info "$directory/store" --json >"$directory-info.json"
  done
  hash=$(value one-info.json content_sha256)
  [[ $(value "$1-info.json" content_sha256) == "$hash" ]] || fail "$2"
}
same_auc() { # DIRECTORY WHAT
  local auc
  auc=$(value one/report/metrics.json roc_auc)
  [[ $(value "$1/report/metrics.json" roc_auc) == "$auc" ]] || fail "$2"
}

export DESY_DATASET=$work/data/dataset.json
DESY_OUTPUT=$work/two timeout 600 sbatch --wait -N 2 --ntasks-per-node=1 --output=pipeline.log "$slurm/desy.sbatch"
same_store two "the store of two nodes is not that of one process"
same_auc two "the AUC of two nodes is not that of one process"
cmp one/report/scores.csv two/report/scores.csv

# An array of jobs, each a part of the extraction.
DESY_OUTPUT=$work/array sbatch --wait --array=1-3 -N 1 -n 1 --output=array-%a.log "$slurm/extract-array.sbatch"
same_store array "the store of an array of jobs is not that of one process"

# The chain, on the store that is there: extraction finds nothing left to do.
DESY_OUTPUT=$work/two "$slurm/chain.sh" -N 2 --ntasks-per-node=1 >jobs
rm -r two/report
until_state "$(sed -n 's/^eval //p' jobs)" ""
cat desy-*.log >&2
grep -q "24 of 24 items were already done, 0 were extracted now" desy-extract-*.log || fail "the chain extracted what was there"
same_auc two "the AUC of the chain is not that of one process"
same_store two "the chain changed the store"
echo "Slurm: two nodes, the chain and requeueing give what one process gives"
