/* The report directory: metrics.json, scores.csv, roc.csv, pr.csv, det.csv, thresholds.csv, breakdown.csv, thumbnails/, report.html (docs/evaluation.md). */
#ifndef DESY_EVAL_REPORT_H
#define DESY_EVAL_REPORT_H

#include "eval/scores.h"
#include "mpi/world.h"

#include <cjson/cJSON.h>

struct desy_rival;
struct desy_altered_scores;
struct desy_known;

struct desy_report_options {
    const char *directory;
    double threshold;
    const char *threshold_from; /* "default", "option", "validation" */
    const struct desy_scores *validation; /* of the validation part, which thresholds and recalibration come from; NULL: there is none, or it is evaluated itself */
    const char *note;           /* one more to show among the notes; NULL: none */
    uint64_t seed;              /* of draws, folds and resamples */
    const char *subject;        /* what was evaluated, for the title: "scores.csv", "hybrid-1 on the test split" */
    const char *level;          /* "all", "low", "mid", "high"; "" where unknown */
    const char *split;          /* "test", "val", "all"; "" where unknown */
    size_t resamples;           /* of the bootstrap; 0: none */
    const struct desy_rival *rival; /* other scores of the same clips, to compare with (eval/versus.h); NULL: none */
    const cJSON *out_of_fold;   /* of the model's training, with `roc_auc` and `over`, in words; shown first. NULL: none. Rank 0's counts */
    const cJSON *model;         /* model.json, of which the page shows the learning curves and the diagnosis. NULL: none. Rank 0's counts */
    const cJSON *provenance;    /* an object. Rank 0's counts */
    const struct desy_altered_scores *altered; /* (n_altered): of the same clips, altered (eval/robustness.h); NULL: none */
    size_t n_altered;
    bool controls;              /* also the controls (eval/controls.h) */
    int thumbnails;             /* of the hardest clips of either kind */
    const cJSON *lodo;          /* lodo.json of the protocol, which the controls quote; NULL: none. Rank 0's counts */
    const struct desy_known *known; /* what a store knows of the clips (eval/known.h); NULL: there is none */
};

/* Collective; agreed. Every file appears complete or not at all. *summary (rank 0; NULL elsewhere; caller deletes): what
 * metrics.json holds. DESY_EDATA: no clip has a score; DESY_EENV: memory, the disk. */
int desy_report_write(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, cJSON **summary);

#endif
