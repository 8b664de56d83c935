/* Writes one video with libavformat and libavcodec, to a file or into memory: what `desy synth` makes its clips with, and augmented views. */
#ifndef DESY_FEATURES_VIDEO_WRITER_H
#define DESY_FEATURES_VIDEO_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DESY_SOUND_RATE 48000 /* samples a second, mono */

struct desy_video_writer_options {
    const char *path;          /* NULL: into memory, and nothing is written anywhere */
    const char *muxer;         /* libavformat's name: "mp4", "avi", "webm", "gif", "matroska" */
    const char *video_encoder; /* libavcodec's name: "libx264", ... */
    const char *video_options; /* "key=value:key=value" of that encoder; "" for none */
    const char *audio_encoder; /* NULL: no sound */
    int width, height;         /* even */
    int fps;                   /* whole frames a second */
    int ticks;                 /* a second: what the times of frames are counted in; 0: fps, frame after frame */
    int gop;                   /* frames from one key frame to the next, at most; 0: 2 seconds */
    int matrix;                /* of YUV, by its number of ITU-T H.273; 0: untagged */
    bool full_range;           /* of its luma; tagged where matrix is */
};

/* Bytes in memory; free(data). */
struct desy_video_bytes {
    uint8_t *data;
    size_t size;
};

typedef struct desy_video_writer desy_video_writer;

/* Opens a temporary file beside `path`. Equal frames give equal bytes: one thread, no time stamps of today, no random ids.
 * DESY_EENV: an encoder that this FFmpeg lacks (named), a file that can't be written, memory. */
int desy_video_writer_open(desy_video_writer **writer, const struct desy_video_writer_options *options);
/* One frame of yuv420p: planes[0] (height, width), planes[1] and planes[2] (height / 2, width / 2), without padding. */
int desy_video_writer_frame(desy_video_writer *writer, const uint8_t *const planes[3]);
/* The same with padded rows, shown from `tick` on, which is later than that of the frame before. */
int desy_video_writer_frame_at(desy_video_writer *writer, const uint8_t *const planes[3], const int strides[3], int64_t tick);
/* Samples in [-1, 1]; whole codec frames are encoded as they fill, a last partial one is dropped. Nothing without sound. */
int desy_video_writer_sound(desy_video_writer *writer, const float *samples, size_t n);
/* Flushes, closes, and gives the file its name. Frees the writer whatever happens. */
int desy_video_writer_commit(desy_video_writer **writer);
/* The same of one in memory: gives the bytes. */
int desy_video_writer_take(desy_video_writer **writer, struct desy_video_bytes *bytes);
void desy_video_writer_abort(desy_video_writer **writer); /* NULL-safe; removes the temporary */

#endif
