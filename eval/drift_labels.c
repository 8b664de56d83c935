#include "eval/drift_labels.h"

#include "base/error.h"
#include "eval/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_id(const void *left, const void *right)
{
    const struct desy_feedback_entry *const *a = left, *const *b = right;
    const int order = strcmp((*a)->id, (*b)->id);
    return order ? order : (*a > *b) - (*a < *b);
}

/* A record that can be used; the others are counted. */
static bool is_usable(const struct desy_feedback_entry *e, const char *model, struct desy_drift_labels *labels)
{
    labels->pending += e->state == DESY_FEEDBACK_PENDING;
    labels->rejected += e->state == DESY_FEEDBACK_REJECTED;
    if (e->state != DESY_FEEDBACK_ACCEPTED) return false;
    labels->accepted++;
    const bool other = *e->model && strcmp(e->model, model) != 0;
    labels->other_models += other;
    labels->unscored += !other && isnan(e->confidence);
    return !other && !isnan(e->confidence);
}

/* Each video once, with what it was last told; none whose labels differ. entries[n] sorted. */
static int take_videos(const struct desy_feedback_entry **entries, size_t n, struct desy_drift_labels *labels, struct desy_scores *scores)
{
    int rc = DESY_OK;
    for (size_t first = 0, next; rc == DESY_OK && first < n; first = next) {
        bool differ = false;
        for (next = first + 1; next < n && strcmp(entries[next]->id, entries[first]->id) == 0; next++) differ |= entries[next]->label != entries[first]->label;
        const struct desy_feedback_entry *last = entries[next - 1];
        if (differ) labels->conflicting += next - first;
        else {
            labels->from_web += strcmp(last->source, "web") == 0;
            labels->used++;
            labels->right += (last->confidence >= labels->threshold) == (last->label == 1);
            rc = desy_scores_append(scores, &(struct desy_score_row){.id = last->id, .label = last->label, .score = last->confidence, .level = {NAN, NAN, NAN}});
        }
    }
    return rc;
}

static int measure(struct desy_drift_labels *labels, const struct desy_scores *scores, uint64_t seed)
{
    const struct desy_report_options options = {.threshold = labels->threshold, .threshold_from = "option", .seed = seed};
    struct desy_metrics metrics = {0};
    desy_ranking ranking = {0};
    desy_world *alone = NULL;
    int rc = DESY_OK;
    DESY_TRY(desy_world_open_alone(&alone));
    DESY_TRY(desy_metrics_compute(alone, scores, &options, &metrics, &ranking));
    labels->n_pos = metrics.n_pos, labels->n_neg = metrics.n_neg, labels->both = metrics.both;
    if (metrics.both) labels->auc = metrics.roc_auc, memcpy(labels->auc_ci, metrics.roc_auc_ci, sizeof labels->auc_ci);
    labels->brier = metrics.calibration.brier.score;
    labels->ece = metrics.calibration.equal_width.ece;
    labels->ece_expected_95 = metrics.calibration.equal_width.expected_95;
out:
    desy_metrics_close(&metrics);
    desy_ranking_close(&ranking);
    desy_world_close(&alone);
    return rc;
}

static void judge(struct desy_drift_labels *labels)
{
    const double lost = labels->trained_auc - labels->auc_ci[1];
    labels->ranking = labels->calibration = labels->status = DESY_DRIFT_TOO_LITTLE;
    if (labels->used < DESY_LABELS_LEAST || labels->n_pos < DESY_LABELS_LEAST_CLASS || labels->n_neg < DESY_LABELS_LEAST_CLASS) return;
    labels->ranking = labels->calibration = DESY_DRIFT_STABLE;
    if (lost > 0) labels->ranking = lost >= DESY_LABELS_AUC_LOST && labels->from_web == 0 ? DESY_DRIFT_STATUS_DRIFT : DESY_DRIFT_STATUS_WATCH;
    if (labels->ece >= DESY_LABELS_ECE && labels->ece > labels->ece_expected_95) labels->calibration = DESY_DRIFT_STATUS_WATCH;
    labels->status = labels->ranking > labels->calibration ? labels->ranking : labels->calibration;
}

int desy_drift_labels_measure(const struct desy_feedback *feedback, const char *model, double threshold, double trained_auc, uint64_t seed, struct desy_drift_labels *labels)
{
    const struct desy_feedback_entry **entries = malloc((feedback->n + 1) * sizeof *entries);
    struct desy_scores scores = {0};
    size_t n = 0;
    int rc = entries ? DESY_OK : desy_error_memory("feedback");
    *labels = (struct desy_drift_labels){.threshold = threshold, .trained_auc = trained_auc};
    if (rc != DESY_OK) goto out;
    for (size_t i = 0; i < feedback->n; i++)
        if (is_usable(&feedback->entries[i], model, labels)) entries[n++] = &feedback->entries[i];
    qsort(entries, n, sizeof *entries, by_id);
    DESY_TRY(take_videos(entries, n, labels, &scores));
    if (labels->used > 0) DESY_TRY(measure(labels, &scores, seed));
    judge(labels);
out:
    desy_scores_close(&scores);
    free(entries);
    return rc;
}
