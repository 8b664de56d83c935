#include "train/probes.h"

#include "base/error.h"
#include "train/stall.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PENALTY .3
#define MOST_COLUMNS 32

static float logarithm(double x) { return (float)log(x > 1e-3 ? x : 1e-3); }

void desy_probe_facts(float facts[DESY_PROBE_FACTS], const struct desy_store_row *row)
{
    const float values[DESY_PROBE_FACTS] = {
        logarithm(row->width), logarithm(row->height), logarithm(row->fps), logarithm(row->duration), logarithm((double)row->bit_rate), logarithm((double)row->size),
        strcmp(row->codec, "h264") == 0, strcmp(row->codec, "gif") == 0, strstr(row->container, "mp4") != NULL, (float)row->reordering,
    };
    memcpy(facts, values, sizeof values);
}

int desy_probes_read(struct desy_probes *probes, desy_store *store, const struct desy_training_set *set, const struct desy_items *items)
{
    const size_t width = (size_t)desy_pool_width(&set->layout);
    *probes = (struct desy_probes){.facts = malloc((set->total + 1) * DESY_PROBE_FACTS * sizeof(float)), .moves = malloc(set->total + 1), .n_frames = malloc((set->total + 1) * sizeof(int32_t))};
    int rc = probes->facts && probes->moves && probes->n_frames ? DESY_OK : desy_error_memory("the probes of a protocol");
    for (size_t c = 0; rc == DESY_OK && c < items->first[items->count]; c++) {
        struct desy_store_row row = {0};
        if (items->clips[c].row < 0) continue;
        const size_t r = (size_t)items->clips[c].row;
        rc = desy_store_read_rows(store, c, 1, &row);
        if (rc == DESY_OK) desy_probe_facts(probes->facts + r * DESY_PROBE_FACTS, &row);
        desy_store_row_free(&row);
        probes->n_frames[r] = items->clips[c].n_frames;
        probes->moves[r] = desy_pool_moves(&set->layout, set->vectors + r * width);
    }
    return rc;
}

void desy_probes_close(struct desy_probes *probes)
{
    free(probes->facts);
    free(probes->moves);
    free(probes->n_frames);
    *probes = (struct desy_probes){0};
}

struct desy_probe desy_probe_metadata(const struct desy_probes *probes)
{
    return (struct desy_probe){.numbers = probes->facts, .stride = DESY_PROBE_FACTS, .count = DESY_PROBE_FACTS};
}

struct desy_probe desy_probe_temporal(const struct desy_probes *probes, const struct desy_training_set *set, const struct desy_temporal_channel *channel)
{
    const bool lacks = !desy_layout_has_warp(&set->layout) && strcmp(channel->needs, "warp") == 0;
    return (struct desy_probe){.numbers = set->vectors + desy_pool_offset(&set->layout, DESY_POOL_TEMPORAL) + channel->first, .stride = (size_t)desy_pool_width(&set->layout),
        .count = lacks ? 0 : channel->count, .present = probes->moves};
}

/* ---- fitted ones ---- */

static bool is_present(const struct desy_probe *probe, size_t row)
{
    return !probe->present || probe->present[row];
}

/* Standardised columns and the logit beside them; x (total, k). Columns that lack are at their median. */
static void fill_columns(double *x, const struct desy_training_set *set, const struct desy_probe *probe, const double *median, const double *scale)
{
    const size_t k = (size_t)(probe->count + (probe->beside != NULL));
    for (size_t i = 0; i < set->total; i++) {
        double *row = x + i * k;
        memset(row, 0, k * sizeof *row);
        if (is_present(probe, i)) desy_standardise(row, probe->numbers + i * probe->stride, probe->count, median, scale);
        if (probe->beside) row[probe->count] = probe->beside[i];
    }
}

int desy_probe_fit(const struct desy_training_set *set, const double *weights, const struct desy_probe *probe, double *scores)
{
    const int k = probe->count + (probe->beside != NULL);
    double median[MOST_COLUMNS], scale[MOST_COLUMNS], theta[MOST_COLUMNS + 2];
    double *masked = malloc((set->total + 1) * sizeof *masked), *x = malloc((set->total + 1) * ((size_t)k + 1) * sizeof *x);
    size_t of_label[2] = {0};
    int rc = desy_agree(set->world, masked && x ? DESY_OK : desy_error_memory("a probe"));
    DESY_TRY(rc);
    if (probe->count > MOST_COLUMNS) DESY_TRY(desy_error(DESY_EUSAGE, "a probe of %d numbers, where %d is the most", probe->count, MOST_COLUMNS));
    for (size_t i = 0; i < set->total; i++) {
        masked[i] = is_present(probe, i) ? weights[i] : 0;
        of_label[set->labels[i]] += masked[i] > 0;
        scores[i] = NAN;
    }
    if (probe->count == 0 || !of_label[0] || !of_label[1]) goto out;
    struct desy_fit fit = desy_training_fit(set, masked, of_label[0] + of_label[1]);
    fit.vectors = probe->numbers;
    fit.stride = probe->stride;
    DESY_TRY(desy_fit_standardise(&fit, 0, probe->count, median, scale));
    fill_columns(x, set, probe, median, scale);
    DESY_TRY(desy_fit_logistic(&fit, x, k, PENALTY, theta));
    for (size_t i = 0; i < set->total; i++) {
        if (!probe->beside && !is_present(probe, i)) continue;
        scores[i] = theta[k];
        for (int d = 0; d < k; d++) scores[i] += theta[d] * x[i * (size_t)k + (size_t)d];
    }
out:
    free(masked);
    free(x);
    return rc;
}

/* ---- STALL ---- */

struct reading {
    desy_store *store;
    const struct desy_probes *probes;
    size_t *rows; /* of the clips that are fitted to */
    size_t n, stride;
    float *features; /* (T, D) */
};

static int read_row(struct reading *reading, size_t row, struct desy_stall_clip *clip)
{
    *clip = (struct desy_stall_clip){reading->features, reading->stride, reading->probes->n_frames[row]};
    return desy_store_read_features(reading->store, row, 1, reading->features);
}

static int read_fitted(void *context, size_t i, struct desy_stall_clip *clip)
{
    struct reading *reading = context;
    return read_row(reading, reading->rows[i], clip);
}

static int score_rows(const struct desy_stall *stall, struct reading *reading, size_t total, double *scores)
{
    int rc = DESY_OK;
    for (size_t r = 0; rc == DESY_OK && r < total; r++) {
        double likelihood[DESY_STALL_PARTS];
        struct desy_stall_clip clip;
        bool present;
        DESY_TRY(read_row(reading, r, &clip));
        DESY_TRY(desy_stall_likelihood(stall, likelihood, &present, &clip));
        if (present) scores[r] = -(likelihood[DESY_STALL_FRAMES] + likelihood[DESY_STALL_STEPS]);
    }
out:
    return rc;
}

int desy_probe_stall(const struct desy_probes *probes, desy_store *store, const struct desy_training_set *set, double *scores)
{
    struct desy_stall stall = {0};
    desy_world *alone = NULL;
    size_t moving = 0;
    struct reading reading = {.store = store, .probes = probes, .stride = (size_t)desy_store_dims(store), .rows = malloc((set->total + 1) * sizeof *reading.rows),
        .features = malloc((size_t)desy_store_frames(store) * (size_t)desy_store_dims(store) * sizeof *reading.features)};
    int rc = reading.rows && reading.features ? desy_world_open_alone(&alone) : desy_error_memory("STALL");
    DESY_TRY(rc);
    for (size_t r = 0; r < set->total; r++) {
        scores[r] = NAN;
        if (set->items[r].part != DESY_SPLIT_TRAIN || set->items[r].label != 0 || set->augmented[r]) continue;
        reading.rows[reading.n++] = r;
        moving += probes->moves[r];
    }
    if (moving < 2) goto out;
    DESY_TRY(desy_stall_fit(&stall, alone, set->layout.encoder, reading.n, read_fitted, &reading));
    rc = score_rows(&stall, &reading, set->total, scores);
out:
    desy_stall_close(&stall);
    desy_world_close(&alone);
    free(reading.rows);
    free(reading.features);
    return rc;
}
