/* What is known of one clip, for channels to read. */
#ifndef DESY_TRAIN_CLIP_NUMBERS_H
#define DESY_TRAIN_CLIP_NUMBERS_H

#include <stdint.h>

enum desy_reads {
    DESY_READS_POOLED, /* the pooled vector (train/pool.h), or parts of it */
    DESY_READS_TEXT,   /* the same, and the text that comes with the video (train/text.h) */
    DESY_READS_FRAMES, /* all numbers of each frame */
    DESY_READS_CROPS,  /* pixels as they were decoded: features/crop.h */
    DESY_READS_AUDIO,  /* sound */
};

/* Borrowed. */
struct desy_clip_numbers {
    const float *vector;   /* pooled; the classifier makes it itself */
    const float *features; /* (T, D), of which the first n_frames rows are real: the rest never enter */
    int frames, n_frames;  /* T, 1..T; the classifier knows T itself */
    const uint8_t *crops;  /* (4, 224, 224, 3); NULL: not at hand */
    const int16_t *audio;  /* (32000), of which audio_samples are there; NULL: not at hand */
    int audio_samples;     /* 0: there is no sound */
    const char *text;      /* NULL or "": there is none */
};

#endif
