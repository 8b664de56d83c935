#include "train/fusion.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FUSION_PENALTY .03
#define PLATT_PENALTY 1.0

/* theta of `sums` over this rank's rows, from values (total, k). */
static int fit_rows(const struct desy_fit *fit, const double *values, int k, double C, double *theta)
{
    return desy_fit_logistic(fit, values + fit->first * (size_t)k, k, C, theta);
}

/* Logits of these k levels, out (total, k). */
static void level_logits(double *out, const struct desy_fit *fit, const struct desy_ensemble *ensemble, const double *logits, const int *levels, int k)
{
    for (size_t i = 0; i < fit->total; i++)
        for (int a = 0; a < k; a++) desy_ensemble_level(ensemble, (enum desy_level)levels[a], logits + i * (size_t)ensemble->n, &out[i * (size_t)k + (size_t)a]);
}

/* Platt's slope and intercept of one level, by the items that have it. room (total) holds its logits. */
static int calibrate_level(const struct desy_fit *fit, struct desy_ensemble *ensemble, const double *logits, int level, double *room)
{
    struct desy_fit of_level = *fit;
    double value, platt[2], *weights = malloc((fit->total + 1) * sizeof *weights);
    int rc = desy_agree(fit->world, weights ? DESY_OK : desy_error_memory("the fusion"));
    DESY_TRY(rc);
    of_level.weights = weights;
    of_level.chosen = 0;
    level_logits(room, fit, ensemble, logits, &level, 1);
    for (size_t i = 0; i < fit->total; i++) {
        weights[i] = desy_ensemble_level(ensemble, (enum desy_level)level, logits + i * (size_t)ensemble->n, &value) ? fit->weights[i] : 0;
        of_level.chosen += weights[i] > 0;
    }
    DESY_TRY(fit_rows(&of_level, room, 1, PLATT_PENALTY, platt));
    ensemble->slope[level] = platt[0];
    ensemble->intercept[level] = platt[1];
out:
    free(weights);
    return rc;
}

int desy_fusion_fit(const struct desy_fit *fit, const double *logits, struct desy_ensemble *ensemble)
{
    int present[DESY_LEVELS], k = 0;
    double theta[DESY_LEVELS + 1], platt[2];
    double *levels = malloc((fit->total + 1) * DESY_LEVELS * sizeof *levels), *one = malloc((fit->total + 1) * sizeof *one);
    int rc = desy_agree(fit->world, levels && one ? DESY_OK : desy_error_memory("the fusion"));
    if (rc != DESY_OK) goto out;
    for (int level = 0; level < DESY_LEVELS; level++) {
        ensemble->weight[level] = ensemble->slope[level] = ensemble->intercept[level] = 0;
        int channels = 0;
        for (int c = 0; c < ensemble->n; c++) channels += (int)ensemble->heads[c].channel->level == level;
        if (channels) present[k++] = level;
    }
    level_logits(levels, fit, ensemble, logits, present, k);
    DESY_TRY(fit_rows(fit, levels, k, FUSION_PENALTY, theta));
    for (size_t i = 0; i < fit->total; i++) {
        one[i] = 0;
        for (int a = 0; a < k; a++) one[i] += theta[a] * levels[i * (size_t)k + (size_t)a];
    }
    DESY_TRY(fit_rows(fit, one, 1, PLATT_PENALTY, platt));
    ensemble->bias = platt[1];
    for (int a = 0; a < k; a++) ensemble->weight[present[a]] = platt[0] * theta[a];
    for (int a = 0; a < k; a++) DESY_TRY(calibrate_level(fit, ensemble, logits, present[a], one));
out:
    free(levels);
    free(one);
    return rc;
}

struct ranked {
    double logit;
    int label;
};

static int by_logit(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->logit > y->logit) - (x->logit < y->logit);
}

/* Items with a weight by ascending logit; new, caller frees. counts[label]. */
static int rank_items(const struct desy_fit *fit, const double *logits, struct ranked **ranked, size_t *n, size_t counts[2])
{
    *n = counts[0] = counts[1] = 0;
    *ranked = malloc((fit->total + 1) * sizeof **ranked);
    if (!*ranked) return desy_error_memory("ranks");
    for (size_t i = 0; i < fit->total; i++) {
        if (!(fit->weights[i] > 0)) continue;
        counts[fit->labels[i]]++;
        (*ranked)[(*n)++] = (struct ranked){logits[i], fit->labels[i]};
    }
    qsort(*ranked, *n, sizeof **ranked, by_logit);
    return DESY_OK;
}

int desy_choose_threshold(const struct desy_fit *fit, const double *logits, double most_false_alarms, double *threshold)
{
    struct ranked *items;
    size_t n, counts[2];
    double most = -1;
    int rc = rank_items(fit, logits, &items, &n, counts);
    if (rc != DESY_OK) return rc;
    *threshold = .5;
    size_t below[2] = {0};
    for (size_t i = 0; counts[0] && counts[1] && i <= n; i++) {
        double before = i > 0 ? desy_sigmoid(items[i - 1].logit) : 0, after = i < n ? desy_sigmoid(items[i].logit) : 1;
        /* Between two neighbours any cut does the same: .5 if it lies there, else the middle. */
        if (after > before) {
            double cut = before < .5 && .5 <= after ? .5 : (before + after) / 2;
            double right = (double)below[0] / (double)counts[0] + (double)(counts[1] - below[1]) / (double)counts[1];
            const bool allowed = (double)(counts[0] - below[0]) <= most_false_alarms * (double)counts[0];
            if (allowed && (right > most + 1e-12 || (right > most - 1e-12 && fabs(cut - .5) < fabs(*threshold - .5)))) {
                most = right > most ? right : most;
                *threshold = cut;
            }
        }
        if (i < n) below[items[i].label]++;
    }
    free(items);
    return DESY_OK;
}

int desy_fit_auc(const struct desy_fit *fit, const double *logits, double *auc)
{
    struct ranked *items;
    size_t n, counts[2];
    int rc = rank_items(fit, logits, &items, &n, counts);
    if (rc != DESY_OK) return rc;
    double won = 0, reals_below = 0;
    for (size_t from = 0, to; from < n; from = to) {
        double tied[2] = {0};
        for (to = from; to < n && items[to].logit == items[from].logit; to++) tied[items[to].label]++;
        won += tied[1] * (reals_below + tied[0] / 2);
        reals_below += tied[0];
    }
    *auc = counts[0] && counts[1] ? won / ((double)counts[0] * (double)counts[1]) : NAN;
    free(items);
    return DESY_OK;
}

static double item_loss(const struct desy_fit *fit, const double *logits, size_t i)
{
    return desy_log_loss(logits[i], fit->labels[i]);
}

void desy_fit_log_loss(const struct desy_fit *fit, const double *logits, double *loss, double *accuracy)
{
    double sum = 0, weights = 0, right = 0, n = 0;
    for (size_t i = 0; i < fit->total; i++) {
        if (!(fit->weights[i] > 0)) continue;
        sum += fit->weights[i] * item_loss(fit, logits, i);
        weights += fit->weights[i];
        right += (logits[i] >= 0) == (fit->labels[i] == 1);
        n++;
    }
    *loss = weights > 0 ? sum / weights : NAN;
    *accuracy = n > 0 ? right / n : NAN;
}

void desy_fit_loss_difference(const struct desy_fit *fit, const double *one, const double *other, double *mean, double *error)
{
    double sum = 0, weights = 0, square = 0;
    for (size_t i = 0; i < fit->total; i++) {
        if (!(fit->weights[i] > 0)) continue;
        sum += fit->weights[i] * (item_loss(fit, one, i) - item_loss(fit, other, i));
        weights += fit->weights[i];
    }
    *mean = sum / weights;
    for (size_t i = 0; i < fit->total; i++) {
        if (!(fit->weights[i] > 0)) continue;
        const double from_mean = fit->weights[i] * (item_loss(fit, one, i) - item_loss(fit, other, i) - *mean);
        square += from_mean * from_mean;
    }
    *error = sqrt(square) / weights;
}
