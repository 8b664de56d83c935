/* Labels that speak against what the heads make of a video when they have not seen it. */
#include "base/error.h"
#include "eval/label_suspects.h"
#include "stages/check.h"
#include "train/ensemble.h"
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct place {
    uint64_t id;
    size_t item;
};

static int by_id(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static struct place *places_of(const struct desy_check_report *report)
{
    struct place *places = malloc((report->n + 1) * sizeof *places);
    for (size_t i = 0; places && i < report->n; i++) {
        struct desy_item item;
        desy_dataset_item(report->dataset, i, &item);
        places[i] = (struct place){item.id, i};
    }
    if (places) qsort(places, report->n, sizeof *places, by_id);
    return places;
}

static void list_suspects(struct desy_check_report *report, const struct desy_label_suspect *suspects, size_t n, const size_t *at, const uint8_t *labels, const double *probabilities)
{
    char words[160];
    for (size_t k = 0; k < n; k++) {
        const size_t i = suspects[k].item;
        cJSON *entry = desy_check_list(report, "label_suspect", (int64_t)at[i], k);
        if (!entry) break;
        desy_check_add(report, entry, "label", cJSON_CreateNumber(labels[i]));
        desy_check_add(report, entry, "probability", cJSON_CreateNumber(probabilities[i]));
        desy_check_add(report, entry, "margin", cJSON_CreateNumber(suspects[k].margin));
    }
    desy_check_count(report, "n_label_suspect", n);
    snprintf(words, sizeof words, "%zu label%s doubtful: models that have not seen the video%s say the other", n, n == 1 ? " is" : "s are", n == 1 ? "" : "s");
    desy_check_problem(report, DESY_CHECK_LABEL, "label_suspect", n, words, "Look at them, worst first: some are labelled wrongly, others are the hard ones that a detector needs most.");
}

int desy_check_labels(struct desy_check_report *report, const struct desy_out_of_fold *f, const char *store)
{
    struct place *places = places_of(report);
    size_t *at = malloc((f->n + 1) * sizeof *at), n = 0, count = 0;
    uint8_t *labels = malloc(f->n + 1);
    double *probabilities = malloc((f->n + 1) * sizeof *probabilities), thresholds[2];
    struct desy_label_suspect *suspects = NULL;
    int rc = places && at && labels && probabilities ? DESY_OK : desy_error_memory("doubtful labels");
    for (size_t i = 0; rc == DESY_OK && i < f->n; i++) {
        const struct place wanted = {f->ids[i], 0}, *found = bsearch(&wanted, places, report->n, sizeof *places, by_id);
        struct desy_item item;
        if (!found || !isfinite(f->logits[i])) continue;
        desy_dataset_item(report->dataset, found->item, &item);
        if (item.label != f->labels[i]) DESY_TRY(desy_error(DESY_EDATA, "%s: its label of %s is another one than the data set's: extract again", store, item.video_path));
        at[n] = found->item, labels[n] = f->labels[i], probabilities[n++] = desy_sigmoid(f->logits[i]);
    }
    if (rc == DESY_OK && n == 0) rc = desy_error(DESY_EDATA, "%s: none of its videos is in the data set: --store wants the store that was extracted from it", store);
    if (rc == DESY_OK) rc = desy_label_suspects(&suspects, &count, thresholds, labels, probabilities, n);
    if (rc != DESY_OK) goto out;
    if (n < report->labels[1] + report->labels[2]) desy_check_note(report, "Labels of %zu of the %zu labelled videos were looked at: the others are not in the store, or could not be read.", n, report->labels[1] + report->labels[2]);
    list_suspects(report, suspects, count, at, labels, probabilities);
out:
    free(places);
    free(at);
    free(labels);
    free(probabilities);
    free(suspects);
    return rc;
}
