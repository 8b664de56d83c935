/* Crops through a codec and back, in place; its own threads none. Internal to features/, and for tests. */
#ifndef DESY_FEATURES_CROP_CODEC_H
#define DESY_FEATURES_CROP_CODEC_H

#include <stdint.h>

/* crops (count, 224, 224, 3), each as a JPEG with 4:2:0 of libavcodec's quantiser scale 1 (fine) to 31. DESY_EENV: this FFmpeg has no mjpeg; memory. */
int desy_crops_jpeg(uint8_t *crops, int count, int quantiser);
/* As pictures of H.264 with a constant rate factor, each a key frame: they are some frames apart, so that nothing is to be predicted. DESY_EENV: no libx264. */
int desy_crops_h264(uint8_t *crops, int count, int factor);

#endif
