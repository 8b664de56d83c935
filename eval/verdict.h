/* From the controls to one of three verdicts, by the rule of docs/evaluation.md. */
#ifndef DESY_EVAL_VERDICT_H
#define DESY_EVAL_VERDICT_H

#include "eval/cells.h"
#include "eval/permutation.h"

#include <cjson/cJSON.h>

#define DESY_ALPHA .05            /* of every test */
#define DESY_RVR_EXCESS .1        /* a folded mean so far above its permutations' is no longer what cameras that differ explain */
#define DESY_SMALLEST_FOUND .65   /* a probe that would have missed an area of this, or more, shows nothing by its silence */
#define DESY_COPIED_SHARE .1      /* of the evaluated clips; with fewer copies, what the AUC loses without them: */
#define DESY_COPIED_LOSS .01

enum desy_verdict { DESY_NO_SHORTCUT_FOUND, DESY_SHORTCUT_SUSPECTED, DESY_TOO_LITTLE_DATA };
const char *desy_verdict_name(enum desy_verdict verdict); /* "no shortcut found", "shortcut suspected", "too little data" */

/* What the controls found; each part has a flag that says whether it could be measured. */
struct desy_findings {
    bool has_store;                /* scores of a file alone have no metadata and no training part */
    bool has_labels;               /* both classes are there, and: */
    struct desy_permutation labels;
    bool has_probe;                /* on metadata */
    struct desy_auc probe;
    double probe_p, probe_smallest; /* NaN: so few clips would not show a perfect one */
    bool has_real;                 /* real against real */
    size_t n_real_sources;
    double real_mean, real_null, real_band[2], real_p;
    bool has_copies;               /* looked for in the training part */
    int64_t copied, compared;      /* of so many clips so many are there, too */
    bool has_without;              /* AUC without them */
    double auc, auc_without;
    struct desy_seen {             /* clips of sources that are in the training part, and of others, each against all of the other class */
        bool known;
        struct desy_auc seen, unseen;
    } generators, real_sources;
};

/* What speaks for a shortcut: the score may go by something else than the pictures, or by what the training part has of the evaluated clips. */
enum desy_suspicion { DESY_BY_METADATA = 1, DESY_BY_COLLECTION = 2, DESY_BY_COPIES = 4, DESY_BY_SOURCE = 8 };
const char *desy_suspicion_name(enum desy_suspicion suspicion); /* "metadata", "real sources", "copies", "seen sources" */

/* suspected: bits of enum desy_suspicion. reasons: an array, to which a sentence of every control is added. False: memory. Not collective. */
bool desy_verdict_reach(const struct desy_findings *findings, enum desy_verdict *verdict, unsigned *suspected, cJSON *reasons);

#endif
