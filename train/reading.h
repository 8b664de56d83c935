/* Inside train/: from a clip to the input of a channel's network. This and train/reading_store.h alone know which array a channel reads, and what its network
 * takes of it. */
#ifndef DESY_TRAIN_READING_H
#define DESY_TRAIN_READING_H

#include "train/head.h"

#include <pthread.h>

struct desy_stored;

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
/* The input of one clip, and how many of its `frames` are there: of frames and crops those that do not only repeat the last one, of audio samples. DESY_EUSAGE: it comes without the array. */
int desy_reader_clip(const struct desy_reader *reader, const struct desy_clip_numbers *clip, void *input, int32_t *length);
/* The end of both this and desy_reader_row: input, of a clip of `frames` frames, as a decoder or the store gives it, becomes what the network takes. there: the frames, of audio the
 * samples, that are there. */
void desy_reader_prepare(const struct desy_reader *reader, void *input, int frames, int there, int32_t *length);

#endif
