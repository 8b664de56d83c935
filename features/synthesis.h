/* Synthetic clips: "camera-like" and "generated-like" pictures for the quickstart and the tests. A demonstration, not science:
 * what tells the classes apart was put there by hand. */
#ifndef DESY_FEATURES_SYNTHESIS_H
#define DESY_FEATURES_SYNTHESIS_H

#include <stdbool.h>
#include <stdint.h>

#define DESY_SYNTHESIS_BROKEN_KINDS 3
#define DESY_SYNTHETIC "synthetic-" /* how their sources begin, so that no report of them passes for one of real videos */

struct desy_synthesis {
    int label;           /* 0 camera-like, 1 generated-like */
    const char *source;  /* one of three a class: DESY_SYNTHETIC and more */
    int kind;            /* which of the three */
    char name[32], group[32]; /* "0007.mp4"; clips of a group show the same scene */
    uint64_t seed, scene;
    int index;
    int format;          /* into the table of containers and codecs */
    int width, height, fps, frames;
    bool sound;
};

/* What clip `index` of a set is. Clips 2k and 2k + 1, one of each class, share container, codec, size, frame rate, length
 * and sound, so that format gives nothing away. Pure function. */
void desy_synthesis_plan(struct desy_synthesis *clip, uint64_t seed, int index);

/* Renders and encodes it to `path`. The same bytes each time. DESY_EENV: see features/video_writer.h. */
int desy_synthesis_write(const struct desy_synthesis *clip, const char *path);

/* A file that can't be decoded: `kind` modulo 3: text named as a video, the first half of `whole` (an mp4, whose index is at
 * its end), an empty file. */
int desy_synthesis_write_broken(const char *path, int kind, const char *whole);

#endif
