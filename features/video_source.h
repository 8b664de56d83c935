/* One video stream of one file: its packets, and its decoder. Inside of video*.c; nobody else's. */
#ifndef DESY_FEATURES_VIDEO_SOURCE_H
#define DESY_FEATURES_VIDEO_SOURCE_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdint.h>

struct desy_video_source {
    AVFormatContext *format;
    AVStream *stream;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    bool cut;      /* the container ended in an error */
    bool draining; /* no packet is left */
    bool damaged;  /* a frame since the last good key frame was damaged: what follows it refers to it */
    int64_t damaged_at; /* presentation time of that packet */
    int64_t errors;
    int64_t next;  /* the number of the packet that comes next; -1: not known */
};

/* Opens a zeroed source, with the video stream that the ffmpeg command line would choose. Errors are the video's: DESY_EDATA
 * and a message without the path; *has_video is false when the file is sound but has no video stream. */
int desy_video_source_open(struct desy_video_source *source, bool *has_video, const char *path);
/* The same of bytes in memory, borrowed until it is closed. */
int desy_video_source_open_memory(struct desy_video_source *source, bool *has_video, const uint8_t *bytes, int64_t size);
void desy_video_source_close(struct desy_video_source *source); /* safe on a zeroed one */

/* Until it is told otherwise: packets with times and sizes, where they can be had without their contents. */
void desy_video_source_skim(struct desy_video_source *source, bool skim);
/* Goes to packet number `target`, which is shown at `pts`, or to any before it; a container without an index is read on, or again from its
 * start. False: it can't. The decoder stays as it is. */
bool desy_video_source_seek(struct desy_video_source *source, int64_t pts, int64_t target);
/* The next packet of the stream, in source->packet until the next call; false at the end. */
bool desy_video_source_packet(struct desy_video_source *source);

/* Gives the decoder source->packet; or, if `end`, nothing more: then the frames come that it holds back. */
void desy_video_source_send(struct desy_video_source *source, bool end);
/* A frame that the decoder has ready, in source->frame until the next call; false: none. source->damaged says whether it is. */
bool desy_video_source_receive(struct desy_video_source *source);

/* All that together: the next frame of the stream; false at the end. */
bool desy_video_source_frame(struct desy_video_source *source);

#endif
