#include "stages/commands.h"

extern const struct poptOption desy_synth_options[], desy_check_command_options[], desy_batch_options[], desy_detect_options[], desy_run_options[], desy_extract_command_options[], desy_train_command_options[],
    desy_eval_command_options[], desy_models_options[], desy_serve_options[], desy_export_options[], desy_quantize_options[], desy_drift_options[], desy_feedback_options[];

const struct desy_stage desy_stages[] = {
    {"run", "DATASET -o DIR", "the whole pipeline: check, extract, train, evaluate", "mpirun -n 2 desy run dataset.json -o out", desy_run_options, desy_run_command, false},
    {"check", "DATASET [-o DIR]", "what is wrong with a data set: missing, broken, duplicate and near-duplicate videos, shortcuts by format, doubtful labels", "desy check dataset.json -o out", desy_check_command_options, desy_check_command, false},
    {"extract", "DATASET -o STORE", "videos to features, in an HDF5 store", "mpirun -n 2 desy extract dataset.json -o store", desy_extract_command_options, desy_extract_command, false},
    {"train", "STORE|DATASET [--save-dir best_models_pth]", "features to a model", "mpirun -n 2 desy train store --save-dir best_models_pth", desy_train_command_options, desy_train_command, false},
    {"eval", "STORE [--model MODEL] -o REPORT | STORE --protocol lodo -o REPORT | --scores FILE -o REPORT", "a model, or anybody's scores, to a report with ROC and thresholds", "desy eval store --model best_models_pth -o report", desy_eval_command_options, desy_eval_command, false},
    {"detect", "VIDEO|DIR|LIST|- ...", "is this video AI-generated?", "desy detect clip.mp4", desy_detect_options, desy_detect_command, false},
    {"batch", "DATASET|DIR|LIST|PATTERN|- -o SCORES.jsonl", "scores of any number of videos, resumable", "mpirun -n 2 desy batch videos/ -o scores.jsonl --model out/best_models_pth", desy_batch_options, desy_batch_command, false},
    {"serve", "[--host 127.0.0.1] [--port 5000]", "answers over HTTP, and a page to drop a video on", "desy serve --port 5000", desy_serve_options, desy_serve_command, true},
    {"drift", "MODEL SCORES|STORE [-o REPORT]", "are the videos of today still those that a model was made for: scores and features against those of its training", "desy drift models/hybrid-1 scores.jsonl -o drift", desy_drift_options, desy_drift_command, false},
    {"feedback", "add DIR VIDEO --label L | list DIR | review DIR ID --accept|--reject | export DIR -o DATASET", "labels that people give to videos, reviewed before they count", "desy feedback add feedback clip.mp4 --label real --comment \"I filmed it\"", desy_feedback_options, desy_feedback_command, true},
    {"fusion-weights", "MODEL", "what each level and channel of a model contributes to its scores", "desy fusion-weights out/best_models_pth", NULL, desy_fusion_weights_command, true},
    {"models", "list | show [V] | compare A B | promote V | rollback [--save-dir best_models_pth]", "versions of a model: figures, differences, which one is in use", "desy models compare v0001 v0002 --save-dir out/best_models_pth", desy_models_options, desy_models_command, true},
    {"info", "STORE|MODEL", "what is inside a store or a model, checksums verified", "desy info store --json", NULL, desy_info_command, true},
    {"quantize", "MODEL -o MODEL2 [--store STORE]", "full forms in 8 bits, and what that costs in AUC", "desy quantize out/best_models_pth -o int8 --store out/store", desy_quantize_options, desy_quantize_command, true},
    {"export", "MODEL -o FILE.onnx", "a model as one ONNX graph, from features to scores", "desy export out/best_models_pth -o model.onnx", desy_export_options, desy_export_command, true},
    {"synth", "-o DIR [--videos N]", "a small labelled data set of generated clips: a demonstration, not science", "desy synth -o demo --videos 24", desy_synth_options, desy_synth_command, false},
    {"doctor", "", "is everything here that a run needs?", "mpirun -n 2 desy doctor", NULL, desy_doctor_command, false},
    {0},
};
