#include "train/reference.h"

#include "base/error.h"
#include "train/evidence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN 1.25 /* of the largest distance of a training or validation clip */
#define SHARE .75   /* of right verdicts, below which a clip is undecided */

/* This rank's clips: numbers (count, width), a column for each channel, then logits and values of each
 * group, then a distance for each channel. */
struct columns {
    size_t width, count;
    double *numbers;
};

static int measure(const struct desy_fitting *f, const struct desy_evidence *evidence, const double *logits, struct columns *columns)
{
    const struct desy_ensemble *ensemble = &f->ensemble;
    const size_t channels = (size_t)ensemble->n, groups = (size_t)evidence->n;
    columns->width = 2 * channels + 2 * groups;
    columns->count = f->set->count;
    columns->numbers = calloc(columns->count * columns->width + 1, sizeof *columns->numbers);
    int rc = columns->numbers ? DESY_OK : desy_error_memory("typical clips");
    logits += f->set->first * channels;
    for (size_t i = 0; rc == DESY_OK && i < columns->count; i++) {
        const float *vector = f->fit.vectors + i * f->fit.stride;
        double *row = columns->numbers + i * columns->width;
        for (size_t c = 0; c < channels; c++) {
            row[c] = logits[i * channels + c];
            if (desy_fitting_has(f, ensemble->heads[c].channel, f->set->first + i)) row[columns->width - channels + c] = desy_evidence_distance(&ensemble->heads[c], vector);
        }
        desy_evidence_add(evidence, ensemble, vector, row + channels, row + channels + groups);
    }
    return desy_agree(f->set->world, rc);
}

/* Which channel is column k of? */
static size_t channel_of(const struct desy_fitting *f, const struct desy_evidence *evidence, size_t k)
{
    const size_t channels = (size_t)f->ensemble.n, groups = (size_t)evidence->n;
    return k < channels ? k : k < channels + 2 * groups ? (size_t)evidence->groups[(k - channels) % groups].channel : k - channels - 2 * groups;
}

/* Means of the columns of channel c, means (width), over the training clips of one label that have what it reads. Collective. */
static int class_means(const struct desy_fitting *f, const struct desy_evidence *evidence, const struct columns *columns, int label, size_t c, double *means)
{
    const size_t total = f->set->total;
    size_t chosen = 0;
    double *weights = calloc(total + 1, sizeof *weights), *column = malloc((columns->count + 1) * sizeof *column), deviation;
    int rc = desy_agree(f->set->world, weights && column ? DESY_OK : desy_error_memory("typical clips"));
    if (rc != DESY_OK) goto out;
    for (size_t i = 0; i < total; i++) {
        if (!(f->weights[i] > 0) || f->set->augmented[i] || f->set->labels[i] != label || !desy_fitting_has(f, f->ensemble.heads[c].channel, i)) continue;
        weights[i] = 1;
        chosen++;
    }
    const struct desy_fit fit = desy_training_fit(f->set, weights, chosen);
    for (size_t k = 0; k < columns->width; k++) {
        if (channel_of(f, evidence, k) != c) continue;
        for (size_t i = 0; i < columns->count; i++) column[i] = columns->numbers[i * columns->width + k];
        DESY_TRY(desy_fit_moments(&fit, column, &means[k], &deviation));
    }
out:
    free(weights);
    free(column);
    return rc;
}

static cJSON *describe_class(const struct desy_fitting *f, const struct desy_evidence *evidence, const double *means)
{
    cJSON *json = cJSON_CreateObject(), *channels = cJSON_AddObjectToObject(json, "channels"), *groups = cJSON_AddArrayToObject(json, "groups");
    const double *logits = means + f->ensemble.n, *values = logits + evidence->n;
    for (int c = 0; c < f->ensemble.n; c++) cJSON_AddNumberToObject(channels, f->ensemble.heads[c].channel->name, means[c]);
    for (int g = 0; g < evidence->n; g++) {
        const struct desy_evidence_group *group = &evidence->groups[g];
        cJSON *of_group = cJSON_CreateObject();
        cJSON_AddStringToObject(of_group, "channel", f->ensemble.heads[group->channel].channel->name);
        cJSON_AddStringToObject(of_group, "block", group->block);
        cJSON_AddStringToObject(of_group, "part", group->part);
        cJSON_AddNumberToObject(of_group, "logit", logits[g]);
        cJSON_AddNumberToObject(of_group, "value", values[g]);
        cJSON_AddItemToArray(groups, of_group);
    }
    return json;
}

/* The largest distance of a clip that was trained on or validated with, for each channel. Collective. */
static void largest_distances(const struct desy_fitting *f, const struct columns *columns, double largest[DESY_MAX_CHANNELS])
{
    const size_t channels = (size_t)f->ensemble.n;
    memset(largest, 0, channels * sizeof *largest);
    for (size_t i = 0; i < columns->count; i++) {
        const size_t row = f->set->first + i;
        const double *distances = columns->numbers + (i + 1) * columns->width - channels;
        if ((!(f->weights[row] > 0) && !(f->validation_weights[row] > 0)) || f->set->augmented[row]) continue;
        for (size_t c = 0; c < channels; c++) largest[c] = fmax(largest[c], distances[c]);
    }
    desy_max_f64(f->set->world, largest, channels);
}

struct verdict {
    double distance, weight, right; /* right: weight if it is, else 0; pooled: sums */
};

static int by_distance(const void *a, const void *b)
{
    const struct verdict *x = a, *y = b;
    if (x->distance != y->distance) return (x->distance > y->distance) - (x->distance < y->distance);
    return (x->right > y->right) - (x->right < y->right);
}

int desy_undecided_band(const struct desy_fit *fit, const double *logits, double middle, double share, bool above, double *width)
{
    size_t n = 0, pools = 0;
    *width = 0;
    struct verdict *items = malloc((fit->total + 1) * sizeof *items);
    if (!items) return desy_error_memory("the undecided band");
    for (size_t i = 0; i < fit->total; i++) {
        if (!(fit->weights[i] > 0) || (logits[i] >= middle) != above) continue;
        const bool right = above == (fit->labels[i] == 1);
        items[n++] = (struct verdict){fabs(logits[i] - middle), fit->weights[i], right ? fit->weights[i] : 0};
    }
    qsort(items, n, sizeof *items, by_distance);
    for (size_t i = 0; i < n; i++) { /* a pool keeps the distance of its last item */
        struct verdict pool = items[i];
        while (pools > 0 && items[pools - 1].right * pool.weight >= pool.right * items[pools - 1].weight) {
            pools--;
            pool.weight += items[pools].weight;
            pool.right += items[pools].right;
        }
        items[pools++] = pool;
    }
    for (size_t i = 0; i < pools; i++)
        if (items[i].right < share * items[i].weight) *width = items[i].distance;
    free(items);
    return DESY_OK;
}

static int describe_reliability(const struct desy_fitting *f, const struct columns *columns, const double *fused, double threshold, cJSON *json)
{
    char over[160];
    cJSON *limits;
    double largest[DESY_MAX_CHANNELS], width[2], middle = log(threshold) - log1p(-threshold), band[2];
    int rc = DESY_OK;
    largest_distances(f, columns, largest);
    limits = cJSON_AddObjectToObject(json, "distance_limits");
    for (int c = 0; c < f->ensemble.n; c++) cJSON_AddNumberToObject(limits, f->ensemble.heads[c].channel->name, MARGIN * largest[c]);
    snprintf(over, sizeof over, "root mean square of a channel's standardised inputs: %g of the largest of a training or validation clip", MARGIN);
    cJSON_AddStringToObject(json, "distance_over", over);
    if (!isfinite(middle)) return DESY_OK;
    for (int above = 0; rc == DESY_OK && above < 2; above++) rc = desy_undecided_band(&f->measured, fused, middle, SHARE, above, &width[above]);
    rc = desy_agree(f->set->world, rc);
    if (rc != DESY_OK) return rc;
    band[0] = desy_sigmoid(middle - width[0]), band[1] = desy_sigmoid(middle + width[1]);
    snprintf(over, sizeof over, "of the %zu training items, by channels that had not seen their %s: as near to the threshold as this, fewer than %g %% were told right",
             f->measured.chosen, f->set->by_source ? "source" : "group", 100 * SHARE);
    cJSON_AddNumberToObject(json, "band_below", width[0]);
    cJSON_AddNumberToObject(json, "band_above", width[1]);
    cJSON_AddItemToObject(json, "band", cJSON_CreateDoubleArray(band, 2));
    cJSON_AddStringToObject(json, "band_over", over);
    return DESY_OK;
}

int desy_reference_describe(const struct desy_fitting *f, const double *logits, const double *fused, double threshold, cJSON **reference, cJSON **reliability)
{
    static const char *const labels[] = {"real", "ai"};
    struct desy_evidence evidence;
    struct columns columns = {0};
    double *means = NULL;
    *reference = cJSON_CreateObject();
    *reliability = cJSON_CreateObject();
    int rc = desy_evidence_open(&evidence, &f->ensemble);
    if (rc == DESY_OK && !(means = malloc((2 * (size_t)f->ensemble.n + 2 * DESY_MAX_GROUPS) * sizeof *means))) rc = desy_error_memory("typical clips");
    DESY_TRY(desy_agree(f->set->world, rc));
    DESY_TRY(measure(f, &evidence, logits, &columns));
    cJSON_AddStringToObject(*reference, "over", "means over the training clips of each class, by the final channels, which know them");
    for (int label = 0; label < 2; label++) {
        for (int c = 0; c < f->ensemble.n; c++) DESY_TRY(class_means(f, &evidence, &columns, label, (size_t)c, means));
        cJSON_AddItemToObject(*reference, labels[label], describe_class(f, &evidence, means));
    }
    rc = describe_reliability(f, &columns, fused, threshold, *reliability);
out:
    desy_evidence_close(&evidence);
    free(columns.numbers);
    free(means);
    return rc;
}
