/* A picture for people: of a clip, as a JPEG file. */
#ifndef DESY_FEATURES_THUMBNAIL_H
#define DESY_FEATURES_THUMBNAIL_H

#include <stdint.h>

/* rgb (224, 224, 3) to a JPEG of libavcodec's quantiser scale 4, written atomically. DESY_EENV: this FFmpeg has no mjpeg; memory; the disk. Not collective. */
int desy_thumbnail_write(const uint8_t *rgb, const char *path);

#endif
