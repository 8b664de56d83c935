/* What the libraries behind features/ are and can do: for provenance and `desy doctor`. */
#ifndef DESY_FEATURES_LIBRARIES_H
#define DESY_FEATURES_LIBRARIES_H

#include <stdbool.h>

const char *desy_ffmpeg_version(void); /* "libavcodec 59.37.100, libavformat 59.27.100"; static */
const char *desy_hdf5_version(void);   /* "1.10.8"; static */
bool desy_ffmpeg_has_decoder(const char *codec); /* "h264", "vp9", ... */
bool desy_ffmpeg_has_encoder(const char *encoder); /* "libx264", ... */

#endif
