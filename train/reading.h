/* Inside train/: from a clip, or its row of the store, to the input of a channel's network. The one place that knows which array a channel reads, what
 * its network takes of it, and which clips have it. */
#ifndef DESY_TRAIN_READING_H
#define DESY_TRAIN_READING_H

#include "train/head.h"

#include <pthread.h>

/* Does the store have the array that the channel reads? */
bool desy_reading_possible(const struct desy_channel *channel, const struct desy_stored *stored);
/* What to do about one that has not: "extract it with --crops". */
const char *desy_reading_advice(const struct desy_channel *channel);
/* Has row `row` what the channel reads of the store? A clip without sound, or without a text, has none; what the pooled vector lacks is not looked at. */
bool desy_reading_has(const struct desy_channel *channel, const struct desy_stored *stored, size_t row);

/* Of one clip's input, (head->frames, head->inputs) elements: float32 of pooled vectors, texts and frames, uint8 of crops, int16 of audio. */
size_t desy_reading_bytes(const struct desy_head *head);

/* For one thread, or for several with a lock. Of pooled vectors there is nothing to read: desy_head_row. */
struct desy_reader {
    pthread_mutex_t *lock;   /* held while the store is read; the caller's to set where several threads read. NULL: there is one */
    const struct desy_head *head;
    const struct desy_stored *stored;
    float *median, *inverse; /* (inputs), of frames: z = (x - median) inverse within [-3, 3] */
};

/* stored NULL: for clips alone. DESY_EDATA: the store's frames are others than the head's. */
int desy_reader_open(struct desy_reader *reader, const struct desy_head *head, const struct desy_stored *stored);
void desy_reader_close(struct desy_reader *reader);
/* The input of a row of the store, and how many of its `frames` are there: of frames and crops those that do not only repeat the last one, of audio samples. */
int desy_reader_row(const struct desy_reader *reader, size_t row, void *input, int32_t *length);
/* The same of one clip. DESY_EUSAGE: it comes without the array. */
int desy_reader_clip(const struct desy_reader *reader, const struct desy_clip_numbers *clip, void *input, int32_t *length);

#endif
