#include "train/lodo.h"

#include "base/error.h"
#include "train/fitting.h"
#include "train/fusion.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void desy_lodo_kind_name(char name[24], int kind)
{
    static const char *const first[DESY_LODO_CHANNELS] = {"fused", "low", "mid", "high", "metadata", "stall"};
    if (kind < DESY_LODO_CHANNELS) snprintf(name, 24, "%s", first[kind]);
    else if (kind < DESY_LODO_BESIDE) snprintf(name, 24, "%s", desy_temporal_channels[kind - DESY_LODO_CHANNELS].name);
    else snprintf(name, 24, "fused+%s", desy_temporal_channels[kind - DESY_LODO_BESIDE].name);
}

static int fit_probe(const struct desy_fitting *f, const double *weights, const struct desy_probe *probe, int kind, double *room, double *scores)
{
    const int rc = desy_probe_fit(f->set, weights, probe, room);
    for (size_t i = 0; rc == DESY_OK && i < f->set->total; i++) scores[i * DESY_LODO_KINDS + (size_t)kind] = room[i];
    return rc;
}

/* The logit that stands beside a channel: of what was fitted to out of fold, else there would be nothing to add. */
static void fused_beside(const struct desy_fitting *f, const double *scores, double *beside)
{
    for (size_t i = 0; i < f->set->total; i++) beside[i] = f->weights[i] > 0 ? f->logits[i] : scores[i * DESY_LODO_KINDS + DESY_LODO_FUSED];
}

static int fit_probes(const struct desy_fitting *f, const struct desy_probes *probes, double *scores)
{
    const size_t total = f->set->total;
    double *weights = malloc((total + 1) * sizeof *weights), *beside = malloc((total + 1) * sizeof *beside), *room = malloc((total + 1) * sizeof *room);
    int rc = desy_agree(f->set->world, weights && beside && room ? DESY_OK : desy_error_memory("a probe"));
    DESY_TRY(rc);
    for (size_t i = 0; i < total; i++) weights[i] = f->set->augmented[i] ? 0 : f->weights[i]; /* views have other metadata than their videos */
    struct desy_probe probe = desy_probe_metadata(probes);
    DESY_TRY(fit_probe(f, weights, &probe, DESY_LODO_METADATA, room, scores));
    fused_beside(f, scores, beside);
    for (int c = 0; c < DESY_TEMPORAL_CHANNELS; c++) {
        probe = desy_probe_temporal(probes, f->set, &desy_temporal_channels[c]);
        DESY_TRY(fit_probe(f, f->weights, &probe, DESY_LODO_CHANNELS + c, room, scores));
        probe.beside = beside;
        DESY_TRY(fit_probe(f, f->weights, &probe, DESY_LODO_BESIDE + c, room, scores));
    }
out:
    free(weights);
    free(beside);
    free(room);
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

int desy_lodo_fit(struct desy_training_set *set, const struct desy_probes *probes, const double *stall, const struct desy_train_options *options, double *scores,
                  double *threshold)
{
    struct desy_fitting f = {0};
    int rc;
    DESY_TRY(fit_all(&f, set, options));
    DESY_TRY(desy_agree(set->world, desy_choose_threshold(&f.measured, f.logits, options->most_false_alarms, threshold)));
    DESY_TRY(score_rows(&f, scores));
    for (size_t i = 0; i < set->total; i++) scores[i * DESY_LODO_KINDS + DESY_LODO_STALL] = stall[i];
    rc = fit_probes(&f, probes, scores);
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
