#include "stages/commands.h"

extern const struct poptOption desy_synth_options[];

const struct desy_stage desy_stages[] = {
    {"check", "DATASET [-o DIR]", "what is wrong with a data set: missing, unreadable, duplicate videos, counts", "desy check dataset.json -o out", desy_check_options, desy_check_command, false},
    {"synth", "-o DIR [--videos N]", "a small labelled data set of generated clips: a demonstration, not science", "desy synth -o demo --videos 24", desy_synth_options, desy_synth_command, false},
    {"doctor", "", "is everything here that a run needs?", "mpirun -n 2 desy doctor", NULL, desy_doctor_command, false},
    {0},
};
