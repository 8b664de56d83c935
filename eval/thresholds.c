#include "eval/thresholds.h"

#include "base/error.h"
#include "eval/interval.h"

#include <math.h>
#include <stdlib.h>

static const struct {
    const char *name;
    int permille; /* of the real clips may be called AI; 0: the rule names no rate */
} rules[DESY_RULES] = {{"f1", 0}, {"accuracy", 0}, {"balanced_accuracy", 0}, {"youden", 0}, {"eer", 0}, {"fpr_0.05", 50}, {"fpr_0.01", 10}, {"fpr_0.001", 1}};

const char *desy_rule_name(enum desy_threshold_rule rule) { return rules[rule].name; }
int64_t desy_rule_real_clips(enum desy_threshold_rule rule) { return rules[rule].permille ? 3000 / rules[rule].permille : 1; }

/* Better is larger: above / below, below > 0. */
struct candidate {
    double threshold;
    int64_t above, below;
};

static bool is_better(const struct candidate *one, const struct candidate *other)
{
    return (__int128)one->above * other->below > (__int128)other->above * one->below;
}

/* What a rule makes of a threshold with tp and fp at or above it. False: it does not allow it. */
static bool rate(enum desy_threshold_rule rule, const desy_ranking *ranking, double threshold, int64_t tp, int64_t fp, struct candidate *candidate)
{
    const int64_t pos = ranking->pos, neg = ranking->neg;
    *candidate = (struct candidate){threshold, tp, 1};
    if (rules[rule].permille) return fp * 1000 <= neg * rules[rule].permille;
    if (rule == DESY_RULE_F1) candidate->below = tp + fp + pos; /* half of F1 */
    else if (rule == DESY_RULE_ACCURACY) candidate->above = tp - fp;
    else if (rule == DESY_RULE_EER) candidate->above = -llabs(fp * pos - (pos - tp) * neg);
    else candidate->above = tp * neg - fp * pos; /* pos neg J */
    return true;
}

/* The best of this rank's thresholds. */
static void choose(const desy_ranking *ranking, struct candidate best[DESY_RULES])
{
    struct desy_groups groups;
    struct candidate candidate;
    for (int rule = 0; rule < DESY_RULES; rule++) rate(rule, ranking, INFINITY, 0, 0, &best[rule]);
    desy_groups_open(&groups, ranking, false);
    while (desy_groups_next(&groups))
        for (size_t i = 0; i < groups.n; i++) {
            const struct desy_group *group = &groups.group[i];
            for (int rule = 0; rule < DESY_RULES; rule++)
                if (rate(rule, ranking, group->score, group->tp, group->fp, &candidate) && is_better(&candidate, &best[rule])) best[rule] = candidate;
        }
}

/* thresholds[rule]; NaN: not measurable. */
static int choose_all(desy_world *world, const desy_ranking *ranking, double thresholds[DESY_RULES])
{
    struct candidate mine[DESY_RULES], *all = NULL;
    size_t total = 0;
    choose(ranking, mine);
    const int rc = desy_gatherall(world, mine, DESY_RULES, sizeof *mine, (void **)&all, &total);
    if (rc != DESY_OK) return rc;
    for (size_t rule = 0; rule < DESY_RULES; rule++) {
        const struct candidate *best = &all[rule];
        for (size_t i = rule; i < total; i += DESY_RULES) /* ranks hold scores in descending order */
            if (is_better(&all[i], best)) best = &all[i];
        thresholds[rule] = ranking->neg < desy_rule_real_clips((enum desy_threshold_rule)rule) ? NAN : best->threshold;
    }
    free(all);
    return DESY_OK;
}

static bool has_both(const desy_ranking *ranking) { return ranking && ranking->pos > 0 && ranking->neg > 0; }

static int apply(desy_world *world, const desy_ranking *chooser, const desy_ranking *evaluated, struct desy_operating_point points[DESY_RULES])
{
    double chosen[DESY_RULES];
    int rc = choose_all(world, chooser, chosen);
    if (rc != DESY_OK) return rc;
    for (int rule = 0; rule < DESY_RULES; rule++) points[rule] = (struct desy_operating_point){.threshold = chosen[rule]};
    return desy_operating_points_count(world, evaluated, points, DESY_RULES);
}

int desy_thresholds_compute(desy_world *world, const desy_ranking *validation, const desy_ranking *evaluated, struct desy_thresholds *thresholds)
{
    int rc = DESY_OK;
    *thresholds = (struct desy_thresholds){.chosen = has_both(validation), .oracle = has_both(evaluated), .validation_neg = validation ? validation->neg : 0};
    if (thresholds->chosen) DESY_TRY(apply(world, validation, evaluated, thresholds->of_validation));
    if (thresholds->oracle) DESY_TRY(apply(world, evaluated, evaluated, thresholds->of_evaluated));
out:
    return rc;
}

/* One rule on the evaluated part. `neg`: real clips that chose. */
static bool add_rule(cJSON *list, enum desy_threshold_rule rule, const struct desy_operating_point *point, const char *from, int64_t neg)
{
    const int64_t needed = desy_rule_real_clips(rule), here = point->fp + point->tn, fewest = neg < here || isnan(point->threshold) ? neg : here;
    cJSON *entry = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, entry) || !cJSON_AddStringToObject(entry, "rule", rules[rule].name) || !cJSON_AddStringToObject(entry, "from", from)) return false;
    if (rules[rule].permille
        && (!cJSON_AddBoolToObject(entry, "measurable", fewest >= needed)
            || (fewest < needed && (!cJSON_AddNumberToObject(entry, "real_clips", (double)fewest) || !cJSON_AddNumberToObject(entry, "real_clips_needed", (double)needed)))))
        return false;
    if (isnan(point->threshold)) return true;
    return (isinf(point->threshold) ? cJSON_AddBoolToObject(entry, "calls_none", true) : cJSON_AddNumberToObject(entry, "threshold", point->threshold))
           && desy_operating_point_json(entry, point);
}

static bool add_rules(cJSON *json, const struct desy_operating_point points[DESY_RULES], const char *from, int64_t neg)
{
    cJSON *list = cJSON_AddArrayToObject(json, from);
    for (int rule = 0; list && rule < DESY_RULES; rule++)
        if (!add_rule(list, rule, &points[rule], from, neg)) return false;
    return list != NULL;
}

bool desy_thresholds_json(cJSON *json, const struct desy_thresholds *thresholds)
{
    if (!thresholds->chosen && !thresholds->oracle) return true;
    cJSON *object = cJSON_AddObjectToObject(json, "thresholds");
    const int64_t neg = thresholds->of_evaluated[0].fp + thresholds->of_evaluated[0].tn;
    if (!object || (thresholds->chosen && !add_rules(object, thresholds->of_validation, "validation", thresholds->validation_neg))) return false;
    return !thresholds->oracle
           || (add_rules(object, thresholds->of_evaluated, "oracle", neg)
               && cJSON_AddStringToObject(object, "oracle_note", "Chosen on the very clips that they are measured on: these figures flatter, and nobody will see them in use."));
}

void desy_thresholds_sweep(double own, struct desy_operating_point sweep[DESY_SWEEP], size_t *n)
{
    double wanted[DESY_SWEEP] = {.3, .35, .4, .45, .5, .55, .6, .65, .7, .4238, own};
    qsort(wanted, DESY_SWEEP, sizeof *wanted, desy_ascending);
    *n = 0;
    for (int i = 0; i < DESY_SWEEP; i++)
        if (i == 0 || wanted[i] != wanted[i - 1]) sweep[(*n)++] = (struct desy_operating_point){.threshold = wanted[i]};
}
