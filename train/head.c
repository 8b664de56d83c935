#include "train/head.h"

#include "base/error.h"
#include "features/clip.h"
#include "train/reading.h"
#include "train/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENTS 80
#define PENALTY .3

int desy_head_open(struct desy_head *head, const struct desy_channel *channel, const struct desy_layout *layout)
{
    memset(head, 0, sizeof *head);
    head->channel = channel;
    head->layout = *layout;
    head->deviation = 1;
    head->frames = 1;
    if (!desy_channel_inputs(channel, layout, &head->offset, &head->inputs)) return desy_error(DESY_EUSAGE, "this extractor has no numbers for the channel %s", channel->name);
    if (channel->reads == DESY_READS_CROPS) head->frames = DESY_CROPS;
    if (channel->reads == DESY_READS_AUDIO) head->frames = DESY_AUDIO_SAMPLES;
    head->standardised = channel->reads == DESY_READS_CROPS || channel->reads == DESY_READS_AUDIO ? 0 : head->inputs - (channel->reads == DESY_READS_TEXT ? DESY_TEXT_BUCKETS : 0);
    const size_t n = (size_t)head->standardised + 1;
    head->median = calloc(n, sizeof *head->median);
    head->scale = calloc(n, sizeof *head->scale);
    head->direction = channel->form == DESY_FORM_SMALL ? calloc(n, sizeof *head->direction) : NULL;
    if (!head->median || !head->scale || (channel->form == DESY_FORM_SMALL && !head->direction)) return desy_error_memory("a channel");
    return DESY_OK;
}

void desy_head_close(struct desy_head *head)
{
    free(head->median);
    free(head->scale);
    free(head->direction);
    desy_network_close(&head->network);
    memset(head, 0, sizeof *head);
}

bool desy_head_is_int8(const struct desy_head *head)
{
    const struct desy_network_tensor *tensors;
    const int8_t *levels;
    const float *scales;
    size_t n;
    if (!head->network || desy_network_tensors(head->network, &tensors, &n) != DESY_OK) return false;
    for (size_t i = 0; i < n; i++)
        if (desy_network_levels(head->network, i, &levels, &scales)) return true;
    return false;
}

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

void desy_head_row(const struct desy_head *head, const float *vector, const char *text, float *row, double *room)
{
    desy_standardise(room, vector + head->offset, head->standardised, head->median, head->scale);
    for (int d = 0; d < head->standardised; d++) row[d] = (float)room[d];
    if (head->channel->reads == DESY_READS_TEXT) desy_text_buckets(row + head->standardised, text);
}

int desy_head_column(const struct desy_head *head, int d)
{
    if (head->channel->reads != DESY_READS_FRAMES) return head->offset + d;
    return d < head->layout.encoder ? d : desy_pool_offset(&head->layout, DESY_POOL_BLOCKS) + d - head->layout.encoder;
}

int desy_head_standardise_inputs(const struct desy_fit *fit, struct desy_head *head)
{
    if (!head->standardised) return DESY_OK;
    const int first = head->channel->reads == DESY_READS_FRAMES ? head->layout.encoder : head->standardised, rest = head->standardised - first; /* columns that lie together */
    int rc = desy_fit_standardise(fit, desy_head_column(head, 0), first, head->median, head->scale);
    if (rc == DESY_OK && rest) rc = desy_fit_standardise(fit, desy_head_column(head, first), rest, head->median + first, head->scale + first);
    return rc;
}

/* texts (n), NULL: none. */
static int network_logits(const struct desy_head *head, const float *vectors, size_t stride, const char *const *texts, size_t n, double *logits, double *z)
{
    enum { SOME = 64 };
    float outputs[SOME], *rows = malloc(SOME * (size_t)head->inputs * sizeof *rows);
    int rc = rows ? DESY_OK : desy_error_memory("inputs of a network");
    for (size_t done = 0; rc == DESY_OK && done < n;) {
        int some = n - done < SOME ? (int)(n - done) : SOME;
        for (int i = 0; i < some; i++) desy_head_row(head, vectors + (done + (size_t)i) * stride, texts ? texts[done + (size_t)i] : NULL, rows + (size_t)i * (size_t)head->inputs, z);
        rc = desy_network_forward(head->network, rows, NULL, some, outputs);
        for (int i = 0; rc == DESY_OK && i < some; i++, done++)
            logits[done] = head->channel->reads == DESY_READS_TEXT && !(texts && desy_text_is_there(texts[done])) ? NAN : ((double)outputs[i] - head->mean) / head->deviation;
    }
    free(rows);
    return rc;
}

bool desy_head_applies(const struct desy_head *head, const float *vector)
{
    return head->channel->part != DESY_POOL_TEMPORAL || desy_pool_moves(&head->layout, vector);
}

static int pooled_logits(const struct desy_head *head, const float *vectors, size_t stride, const char *const *texts, size_t n, double *logits)
{
    double *z = malloc((size_t)head->inputs * sizeof *z);
    int rc = z ? DESY_OK : desy_error_memory("logits");
    if (rc == DESY_OK && head->channel->form == DESY_FORM_FULL) rc = network_logits(head, vectors, stride, texts, n, logits, z);
    else if (rc == DESY_OK)
        for (size_t i = 0; i < n; i++) {
            double logit = head->bias;
            if (!desy_head_applies(head, vectors + i * stride)) {
                logits[i] = NAN;
                continue;
            }
            desy_standardise(z, vectors + i * stride + head->offset, head->inputs, head->median, head->scale);
            for (int d = 0; d < head->inputs; d++) logit += head->direction[d] * z[d];
            logits[i] = (logit - head->mean) / head->deviation;
        }
    free(z);
    return rc;
}

int desy_head_logits(const struct desy_head *head, const float *vectors, size_t stride, size_t n, double *logits)
{
    return pooled_logits(head, vectors, stride, NULL, n, logits);
}

/* Of what the reader gives: a row of the store or, where there is one, a clip. */
static int read_logit(const struct desy_reader *reader, const struct desy_clip_numbers *clip, size_t row, void *input, double *logit)
{
    const struct desy_head *head = reader->head;
    int32_t length;
    float output = 0;
    int rc = clip ? desy_reader_clip(reader, clip, input, &length) : desy_reader_row(reader, row, input, &length);
    if (rc == DESY_OK) rc = desy_network_forward(head->network, input, &length, 1, &output);
    *logit = ((double)output - head->mean) / head->deviation;
    return rc;
}

int desy_head_clip_logit(const struct desy_head *head, const struct desy_clip_numbers *clip, double *logit)
{
    struct desy_reader reader;
    if (desy_channel_is_pooled(head->channel)) return pooled_logits(head, clip->vector, 0, &clip->text, 1, logit);
    if (head->channel->reads == DESY_READS_AUDIO && clip->audio && clip->audio_samples == 0) return *logit = NAN, DESY_OK;
    void *input = malloc(desy_reading_bytes(head));
    int rc = input ? desy_reader_open(&reader, head, NULL) : desy_error_memory("a clip");
    if (rc == DESY_OK) {
        rc = read_logit(&reader, clip, 0, input, logit);
        desy_reader_close(&reader);
    }
    free(input);
    return rc;
}

int desy_head_fit_logits(const struct desy_head *head, const struct desy_fit *fit, size_t first, size_t n, double *logits)
{
    struct desy_reader reader;
    if (desy_channel_is_pooled(head->channel))
        return pooled_logits(head, fit->vectors + first * fit->stride, fit->stride, fit->stored ? (const char *const *)fit->stored->texts + fit->first + first : NULL, n, logits);
    if (!desy_reading_possible(head->channel, fit->stored)) return desy_error(DESY_EDATA, "the store has not what the channel %s reads: %s", head->channel->name, desy_reading_advice(head->channel));
    void *input = malloc(desy_reading_bytes(head));
    int rc = input ? desy_reader_open(&reader, head, fit->stored) : desy_error_memory("clips");
    if (rc == DESY_OK) {
        for (size_t i = 0; rc == DESY_OK && i < n; i++) {
            const size_t row = fit->first + first + i;
            if (desy_reading_has(head->channel, fit->stored, row)) rc = read_logit(&reader, NULL, row, input, &logits[i]);
            else logits[i] = NAN;
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
