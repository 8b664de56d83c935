/* drift.json and drift.html. Nothing here is collective. */
#ifndef DESY_EVAL_DRIFT_REPORT_H
#define DESY_EVAL_DRIFT_REPORT_H

#include "eval/drift.h"
#include "eval/drift_labels.h"

#include <cjson/cJSON.h>

struct desy_drift_report {
    const char *model, *model_sha256, *subject; /* subject: what was compared, a file or a store */
    const struct desy_drift_rows *rows;
    const struct desy_drift_reference *reference;
    const struct desy_drift *drift;
    const struct desy_drift_labels *labels; /* NULL: no feedback */
    bool same_clips;                        /* the store is the one that the model was trained on */
    uint64_t seed;
};

/* Verdicts, ascending. too little data: neither scores nor labels are enough for one. retrain: the logits of all clips have drifted, or reviewed labels say that ranking has got worse; watch: anything
 * else that is not stable. */
enum desy_drift_verdict { DESY_VERDICT_NONE, DESY_VERDICT_HEALTHY, DESY_VERDICT_WATCH, DESY_VERDICT_RETRAIN };
extern const char *const desy_drift_verdict_names[]; /* "too little data", "healthy", "watch", "retrain" */
enum desy_drift_verdict desy_drift_verdict(const struct desy_drift_report *report);

/* *json: new, caller deletes: verdict, reasons (in words), notes and every figure (docs/monitoring.md). DESY_EENV: memory. */
int desy_drift_json(cJSON **json, const struct desy_drift_report *report);

/* directory/drift.html from what desy_drift_json made: one file, no scripts, nothing from the network. DESY_EENV: the disk. */
int desy_drift_page_write(const cJSON *json, const char *directory);

#endif
