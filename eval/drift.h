/* Have scores and features moved away from those of the training? Over all clips, by source and by time; many tests at once, corrected for their number; nothing is said of
 * few clips. Nothing here is collective. docs/monitoring.md says what the figures mean. */
#ifndef DESY_EVAL_DRIFT_H
#define DESY_EVAL_DRIFT_H

#include "eval/drift_reference.h"
#include "eval/drift_scores.h"
#include "eval/mmd.h"

#define DESY_DRIFT_SOURCES 20  /* the largest; of the others nothing is said */
#define DESY_DRIFT_WINDOWS 100 /* at most */
#define DESY_DRIFT_WATCH_P .05 /* adjusted p values below which what has moved is taken for more than chance */
#define DESY_DRIFT_DRIFT_P .01

/* too little data: fewer than DESY_DRIFT_LEAST clips here or in the reference. watch: PSI >= .1 and adjusted p of KS < .05; drift: PSI >= .25 and adjusted p < .01. Of the features
 * together, by MMD, which has no such bands: watch from adjusted p < .01 on. Ascending. */
enum desy_drift_status { DESY_DRIFT_TOO_LITTLE, DESY_DRIFT_STABLE, DESY_DRIFT_STATUS_WATCH, DESY_DRIFT_STATUS_DRIFT };
extern const char *const desy_drift_status_names[]; /* "too little data", "stable", "watch", "drift" */

struct desy_drift_comparison {
    struct desy_drift_figures figures;
    double adjusted;             /* of figures.ks_p; NaN: not among the tests */
    enum desy_drift_status status;
};

/* Some of the clips. */
struct desy_drift_slice {
    char *name;                  /* of the source, or when; "all" */
    double begin, end;           /* of a window by time; NaN: of none */
    size_t n;
    struct desy_drift_comparison scores[DESY_DRIFT_SCORES];
    struct desy_mmd mmd;         /* of their features; p NaN: none, or too few */
    double mmd_adjusted;
    enum desy_drift_status features, status; /* features: by MMD; status: the worst of all of them */
};

struct desy_drift {
    struct desy_drift_slice *slices; /* (1 + n_sources + n_windows): all, by source, by time */
    size_t n_sources, n_windows, sources_left_out;
    bool by_time;                    /* windows are of equal length; else of equal numbers of clips, in the order of the rows */
    struct desy_drift_comparison *features; /* (columns): each over all clips; NULL: no features */
    size_t columns, tests;
};

/* windows: 0 none. `rows` with as many columns as the reference, or none. Random numbers are a function of seed. Caller closes, also after an error. DESY_EDATA: the reference has values that are
 * no numbers; DESY_EENV: memory. */
int desy_drift_assess(const struct desy_drift_rows *rows, const struct desy_drift_reference *reference, size_t windows, uint64_t seed, struct desy_drift *drift);
void desy_drift_close(struct desy_drift *drift);

static inline const struct desy_drift_slice *desy_drift_all(const struct desy_drift *drift) { return &drift->slices[0]; }
static inline const struct desy_drift_slice *desy_drift_source(const struct desy_drift *drift, size_t i) { return &drift->slices[1 + i]; }
static inline const struct desy_drift_slice *desy_drift_window(const struct desy_drift *drift, size_t i) { return &drift->slices[1 + drift->n_sources + i]; }

#endif
