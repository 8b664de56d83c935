/* Opens media files, which are hostile: files and parts of tar shards alike, by reads of that one file (no protocol of libavformat is ever
 * used, and no demuxer can open another file), of known formats alone. */
#ifndef DESY_FEATURES_CONTAINER_H
#define DESY_FEATURES_CONTAINER_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>

/* path: as in struct desy_clip_request. DESY_EDATA: its message is without the path; DESY_EENV: memory. */
int desy_container_open(AVFormatContext **format, const char *path);
/* The same of bytes in memory, borrowed until it is closed. */
int desy_container_open_memory(AVFormatContext **format, const uint8_t *bytes, int64_t size);
/* Reads, and decodes some, to find what the header does not say of its streams. DESY_EDATA. */
int desy_container_probe(AVFormatContext *format);
/* Whether it is of this family of formats, by the first of libavformat's names for it: "mov" (MP4 too), "matroska" (WebM too), "avi". */
bool desy_container_is(const AVFormatContext *format, const char *family);
/* A decoder for one thread, and closed again on an error. max_pixels: 0 for sound. DESY_EDATA, DESY_EENV: memory. */
int desy_container_decoder(AVCodecContext **decoder, const AVStream *stream, int64_t max_pixels);
/* From here on only packets of this stream are read. */
void desy_container_select(AVFormatContext *format, const AVStream *stream);
/* The next packet of the stream; else libav's error: AVERROR_EOF at the end. */
int desy_container_packet(AVFormatContext *format, const AVStream *stream, AVPacket *packet);
/* While skimming, packets come with their times and sizes, but empty of content, and the file is not read for them: for a table of the packets of
 * a long video at the cost of its index. Only of MP4 and MOV without fragments; false: it reads as ever. */
bool desy_container_skim(AVFormatContext *format, bool skim);
void desy_container_close(AVFormatContext **format); /* NULL-safe */

/* DESY_EDATA with the words of libav for one of its error numbers. */
int desy_container_refuse(const char *what, int error);

#endif
