#include "train/reading_store.h"

#include "base/error.h"

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
    if (reader->lock) pthread_mutex_lock(reader->lock);
    const int rc = read_row(reader, row, input);
    if (reader->lock) pthread_mutex_unlock(reader->lock);
    if (rc == DESY_OK)
        desy_reader_prepare(reader, input, stored->frames, reader->head->channel->reads == DESY_READS_AUDIO ? stored->audio_samples[row] : stored->n_frames[row], length);
    return rc;
}
