#include "features/batches.h"

#include "base/error.h"
#include "features/encoder.h"

#include <stdlib.h>
#include <string.h>

struct place {
    struct desy_clip *clip; /* crops and rgb that are not wanted are never touched, and take no memory */
    uint64_t tag;
};

/* In the encoder's slot of the same number. */
struct batch {
    struct place *places;
    int count;
    bool started;
};

struct desy_batches {
    struct desy_batches_options how;
    desy_encoder *encoder;
    int room; /* places of a batch */
    float *features; /* (T, D) */
    struct batch batches[DESY_BACKBONE_SLOTS];
    int filling; /* which of them */
    uint64_t count;
};

int desy_batches_open(desy_batches **out, const struct desy_batches_options *options)
{
    int rc = DESY_OK;
    desy_batches *batches = *out = calloc(1, sizeof *batches);
    if (!batches) return desy_error_memory("batches of clips");
    batches->how = *options;
    batches->encoder = options->extractor->encoder(options->state);
    batches->room = desy_encoder_clips(batches->encoder);
    batches->features = calloc((size_t)desy_encoder_frames(batches->encoder) * (size_t)options->extractor->dims, sizeof *batches->features);
    if (!batches->features) DESY_TRY(desy_error_memory("features"));
    for (int i = 0; i < DESY_BACKBONE_SLOTS; i++) {
        struct place *places = batches->batches[i].places = calloc((size_t)batches->room, sizeof *places);
        for (int k = 0; places && k < batches->room; k++)
            if (!(places[k].clip = malloc(sizeof *places[k].clip))) DESY_TRY(desy_error_memory("a clip"));
        if (!places) DESY_TRY(desy_error_memory("batches of clips"));
    }
out:
    if (rc != DESY_OK) desy_batches_close(out);
    return rc;
}

static void copy_clip(struct desy_clip *copy, const struct desy_clip *clip, const struct desy_batches_options *how)
{
    memcpy(copy, clip, offsetof(struct desy_clip, audio));
    if (clip->status != DESY_STATUS_OK) return;
    memcpy(copy->audio, clip->audio, (size_t)clip->audio_samples * sizeof *clip->audio);
    memcpy(copy->forensic, clip->forensic, (size_t)clip->frames * sizeof *clip->forensic);
    if (how->crops) memcpy(copy->crops, clip->crops, sizeof clip->crops);
    if (how->rgb) memcpy(copy->rgb, clip->rgb, (size_t)clip->frames * sizeof *clip->rgb);
}

static int deliver(desy_batches *batches, const struct place *place, const float *rows)
{
    const struct desy_batches_options *how = &batches->how;
    bool finite = false;
    if (place->clip->status != DESY_STATUS_OK) return how->deliver(how->context, place->tag, place->clip, NULL, false);
    desy_extractor_finish(how->extractor, how->state, place->clip, rows, batches->features, &finite);
    return how->deliver(how->context, place->tag, place->clip, batches->features, finite);
}

/* Waits for a batch that was started, and gives out what is in it. */
static int finish(desy_batches *batches, int slot)
{
    struct batch *batch = &batches->batches[slot];
    const size_t stride = (size_t)desy_encoder_frames(batches->encoder) * (size_t)desy_encoder_dims(batches->encoder);
    const float *rows;
    if (!batch->started) return DESY_OK;
    int rc = desy_encoder_finish(batches->encoder, slot, &rows);
    for (int k = 0; k < batch->count && rc == DESY_OK; k++) rc = deliver(batches, &batch->places[k], rows + (size_t)k * stride);
    batch->count = 0, batch->started = false;
    return rc;
}

int desy_batches_flush(desy_batches *batches)
{
    struct batch *batch = &batches->batches[batches->filling];
    if (batch->count == 0) return DESY_OK;
    int rc = desy_encoder_start(batches->encoder, batches->filling);
    if (rc != DESY_OK) return rc;
    batch->started = true;
    batches->count++;
    batches->filling = (batches->filling + 1) % DESY_BACKBONE_SLOTS;
    return finish(batches, batches->filling); /* with two slots, the one before */
}

int desy_batches_add(desy_batches *batches, const struct desy_clip *clip, uint64_t tag)
{
    struct batch *batch = &batches->batches[batches->filling];
    if (clip->status == DESY_STATUS_OK) {
        int rc = desy_encoder_put(batches->encoder, batches->filling, batch->count, clip);
        if (rc != DESY_OK) return rc;
    }
    copy_clip(batch->places[batch->count].clip, clip, &batches->how);
    batch->places[batch->count++].tag = tag;
    return batch->count == batches->room ? desy_batches_flush(batches) : DESY_OK;
}

int desy_batches_drain(desy_batches *batches)
{
    int rc = desy_batches_flush(batches);
    for (int i = 0; i < DESY_BACKBONE_SLOTS && rc == DESY_OK; i++) rc = finish(batches, (batches->filling + i) % DESY_BACKBONE_SLOTS);
    return rc;
}

uint64_t desy_batches_count(const desy_batches *batches)
{
    return batches->count;
}

void desy_batches_clear(desy_batches *batches)
{
    const float *rows;
    for (int i = 0; i < DESY_BACKBONE_SLOTS; i++) {
        struct batch *batch = &batches->batches[i];
        (void)desy_encoder_finish(batches->encoder, i, &rows);
        batch->count = 0, batch->started = false;
    }
}

void desy_batches_close(desy_batches **out)
{
    desy_batches *batches = *out;
    if (!batches) return;
    desy_batches_clear(batches);
    for (int i = 0; i < DESY_BACKBONE_SLOTS; i++) {
        for (int k = 0; batches->batches[i].places && k < batches->room; k++) free(batches->batches[i].places[k].clip);
        free(batches->batches[i].places);
    }
    free(batches->features);
    free(batches);
    *out = NULL;
}
