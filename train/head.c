#include "train/head.h"

#include "base/error.h"
#include "features/clip.h"
#include "train/reading.h"
#include "train/standardise.h"
#include "train/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

int desy_head_logits(const struct desy_head *head, const float *vectors, size_t stride, const char *const *texts, size_t n, double *logits)
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

int desy_head_network_logit(const struct desy_head *head, const void *input, int32_t length, double *logit)
{
    float output = 0;
    const int rc = desy_network_forward(head->network, input, &length, 1, &output);
    *logit = ((double)output - head->mean) / head->deviation;
    return rc;
}

int desy_head_clip_logit(const struct desy_head *head, const struct desy_clip_numbers *clip, double *logit)
{
    struct desy_reader reader;
    int32_t length;
    if (desy_channel_is_pooled(head->channel)) return desy_head_logits(head, clip->vector, 0, &clip->text, 1, logit);
    if (head->channel->reads == DESY_READS_AUDIO && clip->audio && clip->audio_samples == 0) return *logit = NAN, DESY_OK;
    void *input = malloc(desy_reading_bytes(head));
    int rc = input ? desy_reader_open(&reader, head, NULL) : desy_error_memory("a clip");
    if (rc == DESY_OK) {
        rc = desy_reader_clip(&reader, clip, input, &length);
        if (rc == DESY_OK) rc = desy_head_network_logit(head, input, length, logit);
        desy_reader_close(&reader);
    }
    free(input);
    return rc;
}
