/* The sound around a clip: a stretch of 2 s, 16 kHz, mono. */
#ifndef DESY_FEATURES_AUDIO_H
#define DESY_FEATURES_AUDIO_H

#include "features/clip.h"

#include <libavformat/avformat.h>

/* The DESY_AUDIO_SAMPLES from `start` seconds on of the best sound stream of a file, or as many as there are before it ends, in samples and
 * *n; 0: it has no sound, or none there. A start before the sound is its start. `start` is counted from `origin`, a time on the
 * container's clock (that of its packets' timestamps, in seconds); origin NAN: from the first sample, which is the clock of a sound
 * file that goes with a video. Cut by timestamps at a sample of the source, then libswresample: as `ffmpeg -ss START -t 2 -ar 16000 -ac 1`
 * does. One thread. DESY_EDATA, and *n = 0: can't be opened, damaged within the stretch, or a gap in it (silence is never made up). */
int desy_audio_read(int16_t samples[DESY_AUDIO_SAMPLES], int *n, const char *path, double origin, double start);

/* Fills audio and audio_samples of a clip whose frames are known: from 1 s before the middle between its first and its last sampled frame on; of
 * request->audio_path, else of the video itself. `first` is the timestamp of the video's first frame, from which clip->pts are counted, on
 * the clock of its `stream`. Sound that can't be read goes into clip->reason; DESY_EENV: memory. */
int desy_audio_clip(struct desy_clip *clip, const struct desy_clip_request *request, const AVStream *stream, int64_t first);

#endif
