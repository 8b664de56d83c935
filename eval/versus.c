#include "eval/versus.h"

#include "base/error.h"
#include "base/file.h"
#include "eval/figures.h"
#include "eval/interval.h"
#include "eval/match.h"
#include "eval/uncertainty.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The rows that both have a score of: those of ours, whose columns it borrows but for the scores; the others have none. */
struct paired {
    struct desy_scores scores;
    double *other;
    int64_t n, pos, right[2], alone[2]; /* called right by ours, by the rival; by one of them alone */
};

static int open_paired(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, struct paired *paired)
{
    const struct desy_rival *rival = options->rival;
    int64_t counts[6] = {0};
    int rc = DESY_OK;
    *paired = (struct paired){.scores = *scores, .other = malloc((scores->n + 1) * sizeof(double))};
    paired->scores.score = malloc((scores->n + 1) * sizeof(double));
    DESY_TRY(desy_agree(world, paired->scores.score && paired->other ? DESY_OK : desy_error_memory("scores to compare")));
    DESY_TRY(desy_match(world, scores, rival->ours, rival->scores, rival->name, paired->other));
    for (size_t i = 0; i < scores->n; i++) {
        const double score = paired->scores.score[i] = isnan(paired->other[i]) ? NAN : scores->score[i];
        if (isnan(score)) continue;
        const bool is_ai = scores->label[i], ours = (score >= options->threshold) == is_ai, theirs = (paired->other[i] >= rival->threshold) == is_ai;
        counts[0]++, counts[1] += is_ai, counts[2] += ours, counts[3] += theirs, counts[4] += ours && !theirs, counts[5] += theirs && !ours;
    }
    desy_sum_i64(world, counts, 6);
    paired->n = counts[0], paired->pos = counts[1];
    for (int k = 0; k < 2; k++) paired->right[k] = counts[2 + k], paired->alone[k] = counts[4 + k];
    if (paired->pos == 0 || paired->pos == paired->n)
        rc = desy_error(DESY_EDATA, "%lld clips have a score in %s and in %s, %lld of them AI-generated: to compare rankings there must be both classes", (long long)paired->n, rival->ours, rival->name, (long long)paired->pos);
out:
    return rc;
}

static void close_paired(struct paired *paired)
{
    free(paired->scores.score); /* the other columns are not its own */
    free(paired->other);
}

/* A sentence of one difference; new. */
static char *in_words(const char *what, const struct desy_rival *rival, double difference, const double interval[2], double p, int64_t clips)
{
    char value[32];
    snprintf(value, sizeof value, p < .001 ? "p < .001" : "p = %.2g", p);
    if (difference == 0 && interval[0] == interval[1]) return desy_format("%s: %s and %s do not differ at all over %lld clips", what, rival->ours, rival->name, (long long)clips);
    if (p >= .05)
        return desy_format("%s: no difference that %lld clips can show (%s less %s: %.4f, 95 %% interval %.4f to %.4f, %s)", what, (long long)clips, rival->name, rival->ours, difference, interval[0], interval[1],
                           value);
    const bool better = difference > 0;
    return desy_format("%s: %s is better than %s by %.4f (95 %% interval %.4f to %.4f), %s", what, better ? rival->name : rival->ours, better ? rival->ours : rival->name, fabs(difference),
                       better ? interval[0] : -interval[1], better ? interval[1] : -interval[0], value);
}

static bool add_words(cJSON *words, char *text)
{
    const bool ok = text && cJSON_AddItemToArray(words, cJSON_CreateString(text));
    free(text);
    return ok;
}

static int put_auc(cJSON *versus, cJSON *words, const struct desy_rival *rival, const struct desy_scheme *scheme, const char *unit, int64_t clips)
{
    cJSON *object = cJSON_AddObjectToObject(versus, "roc_auc");
    const double ours = desy_placements_auc(&scheme->placements[0]), theirs = desy_placements_auc(&scheme->placements[1]), difference = theirs - ours;
    const double error = sqrt(fmax(0, desy_placements_variance(&scheme->placements[0], &scheme->placements[1])));
    const double interval[2] = {difference - DESY_NORMAL_QUANTILE * error, difference + DESY_NORMAL_QUANTILE * error}, p = error > 0 ? erfc(fabs(difference) / error * M_SQRT1_2) : 1;
    if (!object || !desy_figure(object, "ours", ours) || !desy_figure(object, "rival", theirs) || !desy_figure(object, "difference", difference)) return desy_error_memory("the comparison");
    if (error == 0 && difference != 0) /* too few clips of a class */
        return add_words(words, desy_format("AUC: %.4f and %.4f; so few clips show nothing", ours, theirs)) ? DESY_OK : desy_error_memory("the comparison");
    return desy_figure_interval(object, "difference_ci", interval) && desy_figure(object, "p", p) && cJSON_AddStringToObject(object, "unit", unit)
                   && add_words(words, in_words("AUC", rival, difference, interval, p, clips))
               ? DESY_OK
               : desy_error_memory("the comparison");
}

/* DeLong's interval of the difference. */
static int compare_auc(desy_world *world, const struct paired *paired, const struct desy_report_options *options, const struct desy_scored_twice *twice, bool grouped, cJSON *versus, cJSON *words)
{
    struct desy_scheme scheme;
    char unit[96] = "clip (DeLong, 95 %, independence assumed)";
    int rc = desy_scheme_open(world, &paired->scores, options->threshold, twice, grouped ? DESY_UNIT_GROUPS : DESY_UNIT_CLIPS, 0, 0, &scheme);
    if (rc != DESY_OK) return rc;
    if (grouped) snprintf(unit, sizeof unit, "%zu groups (DeLong, clustered by Obuchowski, 95 %%)", scheme.units.n);
    if (versus) rc = put_auc(versus, words, options->rival, &scheme, unit, paired->n);
    desy_scheme_close(&scheme);
    return desy_agree(world, rc);
}

/* Rank 0. The interval is that of Bonett & Price (J. Educ. Behav. Stat. 2012) for paired proportions. */
static bool compare_accuracy(const struct paired *paired, const struct desy_rival *rival, cJSON *versus, cJSON *words)
{
    cJSON *object = cJSON_AddObjectToObject(versus, "accuracy");
    const double n = (double)paired->n, ours = (double)paired->right[0] / n, theirs = (double)paired->right[1] / n;
    const double alone = ((double)paired->alone[0] + 1) / (n + 2), rival_alone = ((double)paired->alone[1] + 1) / (n + 2), middle = rival_alone - alone;
    const double reach = DESY_NORMAL_QUANTILE * sqrt((alone + rival_alone - middle * middle) / (n + 2)), interval[2] = {fmax(-1, middle - reach), fmin(1, middle + reach)};
    const double p = desy_mcnemar(paired->alone[0], paired->alone[0] + paired->alone[1]);
    return object && desy_figure(object, "ours", ours) && desy_figure(object, "rival", theirs) && desy_figure(object, "difference", theirs - ours) && desy_figure(object, "ours_alone_right", (double)paired->alone[0])
           && desy_figure(object, "rival_alone_right", (double)paired->alone[1]) && desy_figure_interval(object, "difference_ci", interval) && desy_figure(object, "p", p)
           && add_words(words, in_words("Accuracy at the thresholds", rival, theirs - ours, interval, p, paired->n));
}

static int put_headline(cJSON *versus, cJSON *words, const struct desy_rival *rival, const struct desy_scheme *scheme)
{
    cJSON *object = cJSON_AddObjectToObject(versus, "headline_ci");
    struct desy_scheme_interval auc, accuracy;
    int rc = desy_scheme_interval(scheme, desy_resampled_auc, &auc);
    if (rc == DESY_OK) rc = desy_scheme_interval(scheme, desy_resampled_accuracy, &accuracy);
    if (rc != DESY_OK) return rc;
    bool ok = object && desy_uncertainty_describe(object, &scheme->units);
    if (auc.varies) {
        const char *unit = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "unit"));
        ok = ok && desy_figure_interval(object, "roc_auc", auc.bca) && desy_figure_interval(object, "roc_auc_percentile", auc.percentile)
             && add_words(words, desy_format("AUC, %s drawn again: %s less %s lies between %.4f and %.4f", unit, rival->name, rival->ours, auc.bca[0], auc.bca[1]));
    }
    if (accuracy.varies) ok = ok && desy_figure_interval(object, "accuracy", accuracy.bca) && desy_figure_interval(object, "accuracy_percentile", accuracy.percentile);
    return ok ? DESY_OK : desy_error_memory("the comparison");
}

static int compare_headline(desy_world *world, const struct paired *paired, const struct desy_report_options *options, const struct desy_scored_twice *twice, enum desy_unit kind, cJSON *versus, cJSON *words)
{
    struct desy_scheme scheme;
    int rc = desy_scheme_open(world, &paired->scores, options->threshold, twice, kind, options->seed, options->resamples, &scheme);
    if (rc != DESY_OK) return rc;
    if (versus) rc = put_headline(versus, words, options->rival, &scheme);
    desy_scheme_close(&scheme);
    return desy_agree(world, rc);
}

int desy_versus_add(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, cJSON *json)
{
    const struct desy_rival *rival = options->rival;
    struct paired paired = {0};
    struct desy_scored_twice twice = {.threshold = rival->threshold};
    enum desy_unit kind;
    bool grouped, ok = true;
    cJSON *versus = json ? cJSON_AddObjectToObject(json, "versus") : NULL, *words = versus ? cJSON_AddArrayToObject(versus, "words") : NULL;
    int rc = open_paired(world, scores, options, &paired);
    if (rc == DESY_OK && json)
        ok = words && cJSON_AddStringToObject(versus, "ours", rival->ours) && cJSON_AddStringToObject(versus, "rival", rival->name) && desy_figure(versus, "n", (double)paired.n)
             && desy_figure(versus, "n_pos", (double)paired.pos) && desy_figure(versus, "n_neg", (double)(paired.n - paired.pos)) && desy_figure(versus, "threshold", options->threshold)
             && desy_figure(versus, "rival_threshold", rival->threshold);
    if (rc == DESY_OK && !ok) rc = desy_error_memory("the comparison");
    DESY_TRY(desy_agree(world, rc));
    twice.scores = paired.other;
    const bool large = paired.n > DESY_BOOTSTRAP_MOST; /* every rank would hold all of the order */
    if (!large) {
        DESY_TRY(desy_uncertainty_unit(world, &paired.scores, &kind, &grouped));
        DESY_TRY(compare_auc(world, &paired, options, &twice, grouped, versus, words));
    } else if (words && !add_words(words, desy_format("AUC: not compared, as there are more than %d clips", DESY_BOOTSTRAP_MOST))) rc = desy_error_memory("the comparison");
    if (versus && rc == DESY_OK) rc = compare_accuracy(&paired, rival, versus, words) ? DESY_OK : desy_error_memory("the comparison");
    DESY_TRY(desy_agree(world, rc));
    if (options->resamples > 0 && !large) DESY_TRY(compare_headline(world, &paired, options, &twice, kind, versus, words));
out:
    close_paired(&paired);
    return rc;
}
