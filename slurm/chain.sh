#!/usr/bin/env bash
# chain.sh [SBATCH-OPTIONS...]: extraction, training and evaluation as three jobs, each after the one before it succeeded.
# Variables in slurm/job.sh. The options go to all three; DESY_SBATCH_{EXTRACT,TRAIN,EVAL} to one, after them. E.g.
#   DESY_DATASET=dataset.json DESY_OUTPUT=run DESY_SBATCH_EXTRACT="-N 16" slurm/chain.sh -N 2 --ntasks-per-node=8
# Prints the three job ids.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
: "${DESY_DATASET:?the data set to work on}" "${DESY_OUTPUT:?the directory to write to}"
after=()
for stage in extract train eval; do
  options=DESY_SBATCH_${stage^^}
  # shellcheck disable=SC2086
  job=$(sbatch --parsable --kill-on-invalid-dep=yes "${after[@]}" "$@" ${!options:-} "$folder/$stage.sbatch")
  job=${job%%;*}
  echo "$stage $job"
  after=("--dependency=afterok:$job")
done
