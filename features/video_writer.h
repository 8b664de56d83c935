/* Writes one video file with libavformat and libavcodec: what `desy synth` makes its clips with. */
#ifndef DESY_FEATURES_VIDEO_WRITER_H
#define DESY_FEATURES_VIDEO_WRITER_H

#include <stddef.h>
#include <stdint.h>

#define DESY_AUDIO_RATE 48000 /* samples a second, mono */

struct desy_video_writer_options {
    const char *path;
    const char *muxer;         /* libavformat's name: "mp4", "avi", "webm", "gif", "matroska" */
    const char *video_encoder; /* libavcodec's name: "libx264", ... */
    const char *video_options; /* "key=value:key=value" of that encoder; "" for none */
    const char *audio_encoder; /* NULL: no sound */
    int width, height;         /* even */
    int fps;
};

typedef struct desy_video_writer desy_video_writer;

/* Opens a temporary file beside `path`. Equal frames give equal bytes: one thread, no time stamps of today, no random ids.
 * DESY_EENV: an encoder that this FFmpeg lacks (named), a file that can't be written, memory. */
int desy_video_writer_open(desy_video_writer **writer, const struct desy_video_writer_options *options);
/* One frame of yuv420p: planes[0] (height, width), planes[1] and planes[2] (height / 2, width / 2), without padding. */
int desy_video_writer_frame(desy_video_writer *writer, const uint8_t *const planes[3]);
/* Samples in [-1, 1]; whole codec frames are encoded as they fill, a last partial one is dropped. Nothing without sound. */
int desy_video_writer_sound(desy_video_writer *writer, const float *samples, size_t n);
/* Flushes, closes, and gives the file its name. Frees the writer whatever happens. */
int desy_video_writer_commit(desy_video_writer **writer);
void desy_video_writer_abort(desy_video_writer **writer); /* NULL-safe; removes the temporary */

#endif
