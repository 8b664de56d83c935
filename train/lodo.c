#include "train/lodo.h"

#include "base/error.h"
#include "features/store.h"
#include "train/fitting.h"
#include "train/fusion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_PENALTY .3

static float logarithm(double x) { return (float)log(x > 1e-3 ? x : 1e-3); }

void desy_lodo_facts(float facts[DESY_LODO_FACTS], const struct desy_store_row *row)
{
    const float values[DESY_LODO_FACTS] = {
        logarithm(row->width), logarithm(row->height), logarithm(row->fps), logarithm(row->duration), logarithm((double)row->bit_rate), logarithm((double)row->size),
        strcmp(row->codec, "h264") == 0, strcmp(row->codec, "gif") == 0, strstr(row->container, "mp4") != NULL, (float)row->reordering,
    };
    memcpy(facts, values, sizeof values);
}

/* Logistic regression on metadata, of clips as they are: views have other metadata than their videos. */
static int fit_probe(const struct desy_fitting *f, const float *facts, double *scores)
{
    const struct desy_training_set *set = f->set;
    double median[DESY_LODO_FACTS], scale[DESY_LODO_FACTS], theta[DESY_LODO_FACTS + 1];
    double *weights = malloc((set->total + 1) * sizeof *weights), *x = malloc((set->total + 1) * DESY_LODO_FACTS * sizeof *x);
    size_t chosen = 0;
    int rc = desy_agree(set->world, weights && x ? DESY_OK : desy_error_memory("a probe"));
    if (rc != DESY_OK) goto out;
    for (size_t i = 0; i < set->total; i++) {
        weights[i] = set->augmented[i] ? 0 : f->weights[i];
        chosen += weights[i] > 0;
    }
    struct desy_fit fit = desy_training_fit(set, weights, chosen);
    fit.vectors = facts + set->first * DESY_LODO_FACTS;
    fit.stride = DESY_LODO_FACTS;
    DESY_TRY(desy_fit_standardise(&fit, 0, DESY_LODO_FACTS, median, scale));
    for (size_t i = 0; i < set->total; i++) desy_standardise(x + i * DESY_LODO_FACTS, facts + i * DESY_LODO_FACTS, DESY_LODO_FACTS, median, scale);
    DESY_TRY(desy_fit_logistic(&fit, x + set->first * DESY_LODO_FACTS, DESY_LODO_FACTS, PROBE_PENALTY, theta));
    for (size_t i = 0; i < set->total; i++) {
        double *score = &scores[i * DESY_LODO_KINDS + DESY_LODO_METADATA];
        *score = theta[DESY_LODO_FACTS];
        for (int d = 0; d < DESY_LODO_FACTS; d++) *score += theta[d] * x[i * DESY_LODO_FACTS + (size_t)d];
    }
out:
    free(weights);
    free(x);
    return rc;
}

/* Calibrated logits of every row by the final channels. */
static int score_rows(const struct desy_fitting *f, double *scores)
{
    const struct desy_ensemble *ensemble = &f->ensemble;
    double *logits = NULL, value;
    const int rc = desy_fitting_logits(f, &logits);
    for (size_t i = 0; rc == DESY_OK && i < f->set->total; i++) {
        const double *of_row = logits + i * (size_t)ensemble->n;
        double *to = scores + i * DESY_LODO_KINDS;
        to[DESY_LODO_FUSED] = desy_ensemble_fuse(ensemble, of_row);
        for (int level = 0; level < DESY_LEVELS; level++)
            to[DESY_LODO_LOW + level] = desy_ensemble_level(ensemble, (enum desy_level)level, of_row, &value) ? ensemble->slope[level] * value + ensemble->intercept[level] : NAN;
    }
    free(logits);
    return rc;
}

static int fit_all(struct desy_fitting *f, struct desy_training_set *set, const struct desy_train_options *options)
{
    int rc;
    DESY_TRY(desy_agree(set->world, desy_training_set_finish(set, options->seed)));
    DESY_TRY(desy_fitting_open(f, set, options));
    DESY_TRY(desy_fitting_channels(f));
    rc = desy_fitting_fuse(f);
out:
    return rc;
}

int desy_lodo_fit(struct desy_training_set *set, const float *facts, const struct desy_train_options *options, double *scores, double *threshold)
{
    struct desy_fitting f = {0};
    int rc;
    DESY_TRY(fit_all(&f, set, options));
    DESY_TRY(desy_agree(set->world, desy_choose_threshold(&f.measured, f.logits, options->most_false_alarms, threshold)));
    DESY_TRY(score_rows(&f, scores));
    rc = fit_probe(&f, facts, scores);
out:
    desy_fitting_close(&f);
    return rc;
}

int desy_lodo_real_against_real(struct desy_training_set *set, const struct desy_train_options *options, double *auc)
{
    struct desy_fitting f = {0};
    int rc;
    DESY_TRY(fit_all(&f, set, options));
    rc = desy_agree(set->world, desy_fit_auc(&f.measured, f.logits, auc));
out:
    desy_fitting_close(&f);
    return rc;
}
