#include "train/head_fit.h"

#include "base/error.h"
#include "train/reading_store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENTS 80
#define PENALTY .3

/* Coordinates of this rank's items: (z - centre) basis / spread, for a weight that is not 0; x (count, k). */
static int project(const struct desy_fit *fit, const struct desy_head *head, const double *centre, const double *basis, double spread, int k, double *x)
{
    double *z = malloc((size_t)head->inputs * sizeof *z);
    if (!z) return desy_error_memory("a projection");
    for (size_t i = 0; i < fit->count; i++) {
        if (!(fit->weights[fit->first + i] > 0)) continue;
        desy_standardise(z, fit->vectors + i * fit->stride + head->offset, head->inputs, head->median, head->scale);
        for (int a = 0; a < k; a++) {
            double sum = 0;
            for (int d = 0; d < head->inputs; d++) sum += (z[d] - centre[d]) * basis[(size_t)a * (size_t)head->inputs + (size_t)d];
            x[i * (size_t)k + (size_t)a] = sum / spread;
        }
    }
    free(z);
    return DESY_OK;
}

/* theta . ((z - centre) basis / spread) + intercept = direction . z + bias. */
static void fold(struct desy_head *head, const double *centre, const double *basis, double spread, int k, const double *theta)
{
    memset(head->direction, 0, (size_t)head->inputs * sizeof *head->direction);
    for (int a = 0; a < k; a++)
        for (int d = 0; d < head->inputs; d++) head->direction[d] += theta[a] / spread * basis[(size_t)a * (size_t)head->inputs + (size_t)d];
    head->bias = theta[k];
    for (int d = 0; d < head->inputs; d++) head->bias -= head->direction[d] * centre[d];
}

int desy_head_fit_small(const struct desy_fit *fit, const struct desy_channel *channel, const struct desy_layout *layout, struct desy_head *head)
{
    double *centre = NULL, *basis = NULL, *x = NULL, spread, theta[DESY_LOGISTIC_MOST + 1];
    int k = 0, rc = desy_head_open(head, channel, layout);
    if (rc == DESY_OK) {
        centre = malloc((size_t)head->inputs * sizeof *centre);
        basis = calloc(COMPONENTS * (size_t)head->inputs, sizeof *basis);
        x = calloc(fit->count * COMPONENTS + 1, sizeof *x);
        if (!centre || !basis || !x) rc = desy_error_memory("a fit");
    }
    DESY_TRY(desy_agree(fit->world, rc));
    DESY_TRY(desy_fit_standardise(fit, head->offset, head->inputs, head->median, head->scale));
    DESY_TRY(desy_fit_principal(fit, head->offset, head->inputs, head->median, head->scale, COMPONENTS, &k, centre, basis, &spread));
    DESY_TRY(desy_agree(fit->world, project(fit, head, centre, basis, spread, k, x)));
    DESY_TRY(desy_fit_logistic(fit, x, k, PENALTY, theta));
    fold(head, centre, basis, spread, k, theta);
    rc = desy_head_standardise(fit, head);
out:
    free(centre);
    free(basis);
    free(x);
    return rc;
}

int desy_head_standardise(const struct desy_fit *fit, struct desy_head *head)
{
    double *logits = malloc((fit->count + 1) * sizeof *logits);
    int rc = logits ? DESY_OK : desy_error_memory("logits");
    head->mean = 0;
    head->deviation = 1;
    if (rc == DESY_OK) rc = desy_head_chosen_logits(head, fit, logits);
    DESY_TRY(desy_agree(fit->world, rc));
    double mean, deviation;
    DESY_TRY(desy_fit_moments(fit, logits, &mean, &deviation));
    head->mean = mean;
    head->deviation = deviation > 1e-12 ? deviation : 1;
out:
    free(logits);
    return rc;
}

int desy_head_standardise_inputs(const struct desy_fit *fit, struct desy_head *head)
{
    if (!head->standardised) return DESY_OK;
    const int first = head->channel->reads == DESY_READS_FRAMES ? head->layout.encoder : head->standardised, rest = head->standardised - first; /* columns that lie together */
    int rc = desy_fit_standardise(fit, desy_head_column(head, 0), first, head->median, head->scale);
    if (rc == DESY_OK && rest) rc = desy_fit_standardise(fit, desy_head_column(head, first), rest, head->median + first, head->scale + first);
    return rc;
}

int desy_head_fit_logits(const struct desy_head *head, const struct desy_fit *fit, size_t first, size_t n, double *logits)
{
    struct desy_reader reader;
    int32_t length;
    if (desy_channel_is_pooled(head->channel))
        return desy_head_logits(head, fit->vectors + first * fit->stride, fit->stride, fit->stored ? (const char *const *)fit->stored->texts + fit->first + first : NULL, n, logits);
    if (!desy_reading_possible(head->channel, fit->stored)) return desy_error(DESY_EDATA, "the store has not what the channel %s reads: %s", head->channel->name, desy_reading_advice(head->channel));
    void *input = malloc(desy_reading_bytes(head));
    int rc = input ? desy_reader_open(&reader, head, fit->stored) : desy_error_memory("clips");
    if (rc == DESY_OK) {
        for (size_t i = 0; rc == DESY_OK && i < n; i++) {
            const size_t row = fit->first + first + i;
            logits[i] = NAN;
            if (!desy_reading_has(head->channel, fit->stored, row)) continue;
            rc = desy_reader_row(&reader, row, input, &length);
            if (rc == DESY_OK) rc = desy_head_network_logit(head, input, length, &logits[i]);
        }
        desy_reader_close(&reader);
    }
    free(input);
    return rc;
}

int desy_head_chosen_logits(const struct desy_head *head, const struct desy_fit *fit, double *logits)
{
    const double *weights = fit->weights + fit->first;
    int rc = DESY_OK;
    for (size_t i = 0, end; rc == DESY_OK && i < fit->count; i = end) { /* runs of rows */
        for (end = i; end < fit->count && weights[end] > 0; end++) {}
        if (end > i) rc = desy_head_fit_logits(head, fit, i, end - i, logits + i);
        while (end < fit->count && !(weights[end] > 0)) end++;
    }
    return rc;
}
