#include "eval/operating_point.h"

#include "base/error.h"
#include "eval/figures.h"

#include <math.h>
#include <stdlib.h>

int desy_operating_points_count(desy_world *world, const desy_ranking *ranking, struct desy_operating_point *points, size_t n)
{
    struct desy_groups groups;
    int64_t(*called)[2] = calloc(n + 1, sizeof *called);
    const int rc = desy_agree(world, called ? DESY_OK : desy_error_memory("counts at thresholds"));
    desy_groups_open(&groups, ranking, false);
    while (rc == DESY_OK && desy_groups_next(&groups))
        for (size_t g = 0; g < groups.n; g++)
            for (size_t i = 0; i < n; i++) {
                if (!(groups.group[g].score >= points[i].threshold)) continue;
                called[i][0] += groups.group[g].pos;
                called[i][1] += groups.group[g].neg;
            }
    if (rc == DESY_OK) desy_sum_i64(world, &called[0][0], 2 * n);
    for (size_t i = 0; rc == DESY_OK && i < n; i++) {
        const int64_t tp = called[i][0], fp = called[i][1];
        points[i] = (struct desy_operating_point){points[i].threshold, tp, fp, ranking->neg - fp, ranking->pos - tp};
    }
    free(called);
    return rc;
}

static double ratio(int64_t part, int64_t whole) { return whole > 0 ? (double)part / (double)whole : 0.; }

double desy_accuracy(const struct desy_operating_point *p) { return ratio(p->tp + p->tn, p->tp + p->tn + p->fp + p->fn); }
double desy_precision(const struct desy_operating_point *p) { return ratio(p->tp, p->tp + p->fp); }
double desy_recall(const struct desy_operating_point *p) { return ratio(p->tp, p->tp + p->fn); }
double desy_f1(const struct desy_operating_point *p) { return ratio(2 * p->tp, 2 * p->tp + p->fp + p->fn); }
double desy_false_positive_rate(const struct desy_operating_point *p) { return ratio(p->fp, p->fp + p->tn); }
double desy_true_negative_rate(const struct desy_operating_point *p) { return ratio(p->tn, p->fp + p->tn); }
double desy_negative_predictive_value(const struct desy_operating_point *p) { return ratio(p->tn, p->tn + p->fn); }
double desy_balanced_accuracy(const struct desy_operating_point *p) { return (desy_recall(p) + desy_true_negative_rate(p)) / 2.; }

double desy_matthews_correlation(const struct desy_operating_point *p)
{
    const double below = sqrt((double)(p->tp + p->fp) * (double)(p->tp + p->fn)) * sqrt((double)(p->tn + p->fp) * (double)(p->tn + p->fn));
    return below > 0 ? ((double)p->tp * (double)p->tn - (double)p->fp * (double)p->fn) / below : 0.;
}


bool desy_operating_point_json(cJSON *json, const struct desy_operating_point *point)
{
    const bool positives = point->tp + point->fn > 0, negatives = point->fp + point->tn > 0;
    return desy_figure(json, "accuracy", desy_accuracy(point))
           && (!positives || (desy_figure(json, "precision", desy_precision(point)) && desy_figure(json, "recall", desy_recall(point)) && desy_figure(json, "f1", desy_f1(point))
                              && desy_figure(json, "tpr", desy_recall(point))))
           && (!negatives || (desy_figure(json, "fpr", desy_false_positive_rate(point)) && desy_figure(json, "tnr", desy_true_negative_rate(point))
                              && desy_figure(json, "npv", desy_negative_predictive_value(point))))
           && (!positives || !negatives || (desy_figure(json, "balanced_accuracy", desy_balanced_accuracy(point)) && desy_figure(json, "mcc", desy_matthews_correlation(point))))
           && desy_figure(json, "tp", (double)point->tp) && desy_figure(json, "fp", (double)point->fp) && desy_figure(json, "tn", (double)point->tn) && desy_figure(json, "fn", (double)point->fn);
}
