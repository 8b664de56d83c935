#include "train/reading.h"

#include "base/cpu.h"
#include "base/error.h"
#include "train/stored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

void desy_reader_prepare(const struct desy_reader *reader, void *input, int frames, int there, int32_t *length)
{
    const enum desy_reads reads = reader->head->channel->reads;
    *length = reads == DESY_READS_CROPS ? crops_there(frames, there) : there;
    if (reads == DESY_READS_FRAMES) standardise_frames(reader, input);
}

static int missing(const struct desy_reader *reader, const char *what)
{
    return desy_error(DESY_EUSAGE, "the channel %s reads %s, and the clip comes without", reader->head->channel->name, what);
}

int desy_reader_clip(const struct desy_reader *reader, const struct desy_clip_numbers *clip, void *input, int32_t *length)
{
    const enum desy_reads reads = reader->head->channel->reads;
    if (reads == DESY_READS_CROPS && !clip->crops) return missing(reader, "crops");
    if (reads == DESY_READS_AUDIO && (!clip->audio || clip->audio_samples < 1)) return missing(reader, "sound");
    memcpy(input, reads == DESY_READS_CROPS ? (const void *)clip->crops : reads == DESY_READS_AUDIO ? (const void *)clip->audio : clip->features, desy_reading_bytes(reader->head));
    desy_reader_prepare(reader, input, clip->frames, reads == DESY_READS_AUDIO ? clip->audio_samples : clip->n_frames, length);
    return DESY_OK;
}
