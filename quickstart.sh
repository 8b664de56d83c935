#!/usr/bin/env bash
# ./quickstart.sh [--yes] [DATASET.json]: sets up what is missing, builds build/release/desy, and runs the whole pipeline with
# two ranks on DATASET.json, or on a small data set of generated clips (a demonstration, not science). --yes: never ask.
set -eu -o pipefail
setup_yes=0
if [[ ${1:-} == --yes ]]; then
  setup_yes=1
  shift
fi
if [[ ${1:-} == -* || $# -gt 1 ]]; then
  sed -n '2,3s/^# //p' "$0"
  exit 1
fi
dataset=${1:+$(realpath "$1")}
cd "$(dirname "$0")"
. cmake/setup.sh
setup_log=$PWD/quickstart.log
if [[ -n $dataset && ! -f $dataset ]]; then
  echo "There is no data set $1 (docs/data.md says how to write one)." >&2
  exit 2
fi
: >"$setup_log"
setup_all program desy
desy=build/release/desy

if [[ -z $dataset ]]; then
  dataset=quickstart-data/dataset.json output=quickstart-data/run
  setup_step "48 generated clips in quickstart-data" "$desy" synth -o quickstart-data --videos 48
else
  output=quickstart-data/run-$(basename "${dataset%.*}")
fi
mpirun=(mpirun -n 2 --oversubscribe)
((EUID)) || mpirun+=(--allow-run-as-root)
echo "${mpirun[*]} $desy run $dataset -o $output"
status=0
"${mpirun[@]}" "$desy" run "$dataset" -o "$output" || status=$?
if ((status == 4)); then
  echo "Some videos could not be read: see $output/store/quarantine.jsonl"
elif ((status)); then
  exit "$status"
fi

model=$output/best_models_pth/$(cat "$output/best_models_pth/current")
figures=$(python3 - "$output/report/metrics.json" <<'END'
import json, sys
metrics = json.load(open(sys.argv[1]))
folds = metrics.get("out_of_fold", {})
print(f"{folds['roc_auc']:.4f} out of fold, over {folds['over']}" if "roc_auc" in folds else "not computed out of fold")
print(f"        {metrics['roc_auc']:.4f} on the {metrics['n']} clips of the test part" if "roc_auc" in metrics else "        not computed on the test part, which lacks a class")
END
)
note= by=" --model $model"
# A model of generated clips knows nothing of real videos: for those there is the one that ships.
[[ $dataset == quickstart-data/* ]] && note=$'\n        (generated clips: a demonstration, not science)' by=
cat <<END

Report: $PWD/$output/report/report.html
AUC:    $figures$note

Next, with your own videos:
  $desy detect VIDEO.mp4$by
  ${mpirun[*]} $desy batch FOLDER -o scores.jsonl$by
  ./quickstart.sh DATASET.json          # train on your own: docs/data.md
END
