/* How long a video's file should be, by the lengths that its container writes at its outermost level: what a broken download lacks. */
#ifndef DESY_FEATURES_PROMISED_BYTES_H
#define DESY_FEATURES_PROMISED_BYTES_H

#include <stdint.h>

/* Of the part of an open file that begins at `offset` and has `bytes`: the end of the box (MP4, MOV), chunk (AVI) or element (Matroska, WebM) of the outermost level
 * that ends last, in bytes; 0: another container, or one that tells no length. More than `bytes`: it was cut. Not exact where it was not
 * cut: what stands behind a container is nobody's. Errors in reading count as an end. */
int64_t desy_promised_bytes(int fd, int64_t offset, int64_t bytes);

#endif
