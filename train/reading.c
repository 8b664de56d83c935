#include "train/reading.h"

#include "base/cpu.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool desy_reading_possible(const struct desy_channel *channel, const struct desy_stored *stored)
{
    if (channel->reads == DESY_READS_POOLED) return true;
    if (!stored || !stored->store) return false;
    if (channel->reads == DESY_READS_TEXT) return stored->any_text;
    const struct desy_store_shape *shape = desy_store_shape(stored->store);
    return channel->reads == DESY_READS_FRAMES || (channel->reads == DESY_READS_CROPS && shape->crops) || (channel->reads == DESY_READS_AUDIO && shape->audio);
}

const char *desy_reading_advice(const struct desy_channel *channel)
{
    return channel->reads == DESY_READS_CROPS ? "extract it with --crops" : channel->reads == DESY_READS_AUDIO ? "extract it with --audio" : "extract it again";
}

bool desy_reading_has(const struct desy_channel *channel, const struct desy_stored *stored, size_t row)
{
    if (channel->reads == DESY_READS_TEXT) return stored->has_text[row];
    return channel->reads != DESY_READS_AUDIO || stored->audio_samples[row] > 0;
}

size_t desy_reading_bytes(const struct desy_head *head)
{
    static const size_t sizes[] = {[DESY_READS_POOLED] = sizeof(float), [DESY_READS_TEXT] = sizeof(float), [DESY_READS_FRAMES] = sizeof(float), [DESY_READS_CROPS] = sizeof(uint8_t), [DESY_READS_AUDIO] = sizeof(int16_t)};
    return (size_t)head->frames * (size_t)head->inputs * sizes[head->channel->reads];
}

int desy_reader_open(struct desy_reader *reader, const struct desy_head *head, const struct desy_stored *stored)
{
    *reader = (struct desy_reader){.head = head, .stored = stored};
    if (head->channel->reads != DESY_READS_FRAMES) return DESY_OK;
    if (stored && (head->frames != stored->frames || head->inputs != stored->dims))
        return desy_error(DESY_EDATA, "the channel %s reads %d frames of %d numbers, and the store has %d of %d", head->channel->name, head->frames, head->inputs, stored->frames, stored->dims);
    reader->median = malloc((size_t)head->inputs * sizeof *reader->median);
    reader->inverse = malloc((size_t)head->inputs * sizeof *reader->inverse);
    if (!reader->median || !reader->inverse) {
        desy_reader_close(reader);
        return desy_error_memory("frames");
    }
    for (int d = 0; d < head->inputs; d++) reader->median[d] = (float)head->median[d], reader->inverse[d] = (float)(1 / head->scale[d]);
    return DESY_OK;
}

void desy_reader_close(struct desy_reader *reader)
{
    free(reader->median);
    free(reader->inverse);
    reader->median = reader->inverse = NULL;
}

/* In floats and in place: there is as much of it as of reading. */
DESY_VECTOR_CLONES static void standardise(float *restrict frame, const float *restrict median, const float *restrict inverse, int n)
{
    for (int d = 0; d < n; d++) {
        const float z = (frame[d] - median[d]) * inverse[d];
        frame[d] = z > 3 ? 3 : z < -3 ? -3 : z;
    }
}

static void standardise_frames(const struct desy_reader *reader, float *frames)
{
    for (int t = 0; t < reader->head->frames; t++) standardise(frames + (size_t)t * (size_t)reader->head->inputs, reader->median, reader->inverse, reader->head->inputs);
}

/* A short clip's last crops are of one frame (features/crop.h). */
static int32_t crops_there(int frames, int n_frames)
{
    int32_t there = 1;
    while (there < DESY_CROPS && lrint((there - 1) * (frames - 1) / (DESY_CROPS - 1.)) < n_frames - 1) there++;
    return there;
}

static int missing(const struct desy_reader *reader, const char *what)
{
    return desy_error(DESY_EUSAGE, "the channel %s reads %s, and the clip comes without", reader->head->channel->name, what);
}

int desy_reader_clip(const struct desy_reader *reader, const struct desy_clip_numbers *clip, void *input, int32_t *length)
{
    switch (reader->head->channel->reads) {
    case DESY_READS_CROPS:
        if (!clip->crops) return missing(reader, "crops");
        memcpy(input, clip->crops, desy_reading_bytes(reader->head));
        *length = crops_there(clip->frames, clip->n_frames);
        return DESY_OK;
    case DESY_READS_AUDIO:
        if (!clip->audio || clip->audio_samples < 1) return missing(reader, "sound");
        memcpy(input, clip->audio, desy_reading_bytes(reader->head));
        *length = clip->audio_samples;
        return DESY_OK;
    default:
        memcpy(input, clip->features, desy_reading_bytes(reader->head));
        standardise_frames(reader, input);
        *length = clip->n_frames;
        return DESY_OK;
    }
}

static int read_row(const struct desy_reader *reader, size_t row, void *input)
{
    desy_store *store = reader->stored->store;
    switch (reader->head->channel->reads) {
    case DESY_READS_CROPS: return desy_store_read_crops(store, row, 1, input);
    case DESY_READS_AUDIO: return desy_store_read_audio(store, row, 1, input);
    default: return desy_store_read_features(store, row, 1, input);
    }
}

int desy_reader_row(const struct desy_reader *reader, size_t row, void *input, int32_t *length)
{
    const struct desy_stored *stored = reader->stored;
    const enum desy_reads reads = reader->head->channel->reads;
    *length = reads == DESY_READS_CROPS ? crops_there(stored->frames, stored->n_frames[row]) : reads == DESY_READS_AUDIO ? stored->audio_samples[row] : stored->n_frames[row];
    if (reader->lock) pthread_mutex_lock(reader->lock);
    const int rc = read_row(reader, row, input);
    if (reader->lock) pthread_mutex_unlock(reader->lock);
    if (rc == DESY_OK && reads == DESY_READS_FRAMES) standardise_frames(reader, input);
    return rc;
}
