# What the jobs of this folder share (sourced by them). Environment variables, all but the first two optional:
#   DESY_DATASET, DESY_OUTPUT   the data set; the directory for everything the job writes (on a file system all nodes see)
#   DESY_PROGRAM                the program [build/release/desy of this tree, else desy in PATH]
#   DESY_LAUNCHER               starts one rank a task ["mpirun"; "srun --mpi=pmix" where Slurm was built for it]
#   DESY_{RUN,EXTRACT,TRAIN,EVAL}_OPTIONS   more options for that command, split at spaces
: "${DESY_DATASET:?the data set to work on}" "${DESY_OUTPUT:?the directory to write to}"
if [[ -z ${DESY_PROGRAM:-} ]]; then
  DESY_PROGRAM=$desy_folder/../build/release/desy
  [[ -x $DESY_PROGRAM ]] || DESY_PROGRAM=desy
fi

# desy_job COMMAND ARGUMENTS...: `desy COMMAND ...` on all tasks of the job; returns its exit code. SIGUSR2, which Slurm sends
# before the time is up, goes on to the ranks: they finish what they have begun and exit with 5, and the job is queued again.
desy_job() {
  local child status signalled=1
  ${DESY_LAUNCHER:-mpirun} "$DESY_PROGRAM" "$@" &
  child=$!
  trap 'signalled=1; kill -USR2 "$child"' USR2
  while ((signalled)); do # a signal interrupts wait
    signalled=0 status=0
    wait "$child" || status=$?
  done
  if ((status == 5)); then
    echo "desy $1: interrupted; queued again, to go on from here" >&2
    scontrol requeue "$SLURM_JOB_ID"
  elif ((status == 4)); then
    echo "desy $1: finished, but some videos could not be read: $DESY_OUTPUT/store/quarantine.jsonl" >&2
  fi
  return "$status"
}
