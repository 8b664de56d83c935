#include "eval/robustness.h"

#include "base/error.h"
#include "eval/figures.h"
#include "eval/keys.h"
#include "eval/metrics.h"

#include <math.h>
#include <stdlib.h>

/* Real clips that are flagged. Collective. */
static int64_t false_alarms(desy_world *world, const struct desy_scores *scores, double threshold)
{
    int64_t count = 0;
    for (size_t i = 0; i < scores->n; i++) count += scores->label[i] == 0 && scores->score[i] >= threshold;
    desy_sum_i64(world, &count, 1);
    return count;
}

/* The lowest threshold that flags at most so many real clips: found by halving the whole range of doubles, so that no rank needs the others' scores. Collective. */
static double lowest_threshold(desy_world *world, const struct desy_scores *scores, int64_t most)
{
    uint64_t high = desy_key_of_double(-INFINITY), low = desy_key_of_double(INFINITY); /* keys ascend where scores descend: `low` flags none */
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (false_alarms(world, scores, desy_double_of_key(middle)) <= most) low = middle;
        else high = middle;
    }
    return desy_double_of_key(low);
}

/* At the threshold; ranking: of the same scores. */
static int count(desy_world *world, const desy_ranking *ranking, double threshold, struct desy_operating_point *point)
{
    *point = (struct desy_operating_point){.threshold = threshold};
    return desy_operating_points_count(world, ranking, point, 1);
}

static bool add_point(cJSON *json, const struct desy_operating_point *point)
{
    return desy_figure(json, "threshold", point->threshold) && desy_figure_rate(json, "tpr", point->tp, point->tp + point->fn)
           && desy_figure_rate(json, "fpr", point->fp, point->fp + point->tn) && desy_figure_rate(json, "accuracy", point->tp + point->tn, point->tp + point->tn + point->fp + point->fn);
}

/* Of clips that were read in both forms: those whose verdict is another. */
static void count_changes(desy_world *world, const struct desy_scores *before, const struct desy_scores *after, double threshold, int64_t changes[2])
{
    changes[0] = changes[1] = 0;
    for (size_t i = 0; i < before->n; i++) {
        if (isnan(before->score[i]) || isnan(after->score[i])) continue;
        changes[0] += (before->score[i] >= threshold) != (after->score[i] >= threshold);
        changes[1]++;
    }
    desy_sum_i64(world, changes, 2);
}

static int add_alteration(desy_world *world, const struct desy_altered_scores *altered, size_t k, double threshold, cJSON *list)
{
    const struct desy_scores *scores = &altered[k].evaluated;
    struct desy_operating_point point, again;
    int64_t changes[2], failed = 0, reals = 0;
    desy_ranking ranking = {0};
    double interval[2];
    const char *method;
    cJSON *entry = list ? cJSON_CreateObject() : NULL;
    bool ok = true;
    int rc = desy_ranking_open(world, scores->score, scores->label, scores->n, &ranking);
    if (rc == DESY_OK && ranking.pos > 0 && ranking.neg > 0) rc = desy_ranking_auc_interval(world, &ranking, interval, &method);
    if (rc == DESY_OK) rc = count(world, &ranking, threshold, &point);
    for (size_t i = 0; i < scores->n; i++) failed += isnan(scores->score[i]);
    desy_sum_i64(world, &failed, 1);
    count_changes(world, &altered[0].evaluated, scores, threshold, changes);
    for (size_t i = 0; i < altered[k].validation.n; i++) reals += altered[k].validation.label[i] == 0 && !isnan(altered[k].validation.score[i]);
    desy_sum_i64(world, &reals, 1);
    const int64_t most = false_alarms(world, &altered[0].validation, threshold);
    const bool recalibrated = k > 0 && reals > most; /* else any threshold would do */
    if (rc == DESY_OK && recalibrated) rc = count(world, &ranking, lowest_threshold(world, &altered[k].validation, most), &again);
    if (list && rc == DESY_OK) {
        ok = entry && cJSON_AddItemToArray(list, entry) && cJSON_AddStringToObject(entry, "name", altered[k].name) && cJSON_AddStringToObject(entry, "words", altered[k].words)
             && cJSON_AddNumberToObject(entry, "n", (double)(ranking.pos + ranking.neg)) && cJSON_AddNumberToObject(entry, "n_failed", (double)failed);
        if (ok && ranking.pos > 0 && ranking.neg > 0) ok = cJSON_AddNumberToObject(entry, "roc_auc", ranking.auc) && desy_figure_interval(entry, "roc_auc_ci", interval);
        if (ok) ok = add_point(entry, &point) && (k == 0 || desy_figure_rate(entry, "verdicts_changed", changes[0], changes[1]));
        if (ok && recalibrated) ok = add_point(cJSON_AddObjectToObject(entry, "recalibrated"), &again);
        if (!ok) rc = desy_error_memory("the figures of alterations");
    }
    desy_ranking_close(&ranking);
    return desy_agree(world, rc);
}

int desy_robustness_add(desy_world *world, const struct desy_altered_scores *altered, size_t n, double threshold, cJSON *json)
{
    cJSON *list = json ? cJSON_AddArrayToObject(cJSON_AddObjectToObject(json, "robustness"), "alterations") : NULL;
    int rc = desy_agree(world, !json || list ? DESY_OK : desy_error_memory("the figures of alterations"));
    for (size_t k = 0; rc == DESY_OK && k < n; k++) rc = add_alteration(world, altered, k, threshold, list);
    return rc;
}
