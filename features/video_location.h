/* Where the bytes of a media file lie: a file of its own, or a part of a tar shard that is read in place. */
#ifndef DESY_FEATURES_VIDEO_LOCATION_H
#define DESY_FEATURES_VIDEO_LOCATION_H

#include <stdbool.h>
#include <stdint.h>

struct desy_video_location {
    char file[4096];       /* what is opened */
    char name[4096];       /* of the video itself: the path, or the member's */
    int64_t offset, bytes; /* of it in `file`, as they are told: desy_video_location_open checks them */
    int64_t mtime_ns;      /* of `file` */
};

/* `path` is, by the first of these that holds: a file that exists, whatever its name; "X.tar#OFFSET+BYTES" of a file X.tar; "X.tar/MEMBER" of
 * the longest X.tar that is a file. DESY_EDATA: there is no such file or member; the message is without the path. DESY_EENV: memory.
 * The members of the shard that was used last are remembered, so a shard's headers are read once, not once a member. Not for threads. */
int desy_video_locate(struct desy_video_location *location, const char *path);

/* *fd for reading, the caller's to close. DESY_EDATA: no regular file, empty, or a part that reaches beyond the end of the shard. */
int desy_video_location_open(int *fd, const struct desy_video_location *location);

/* Size and mtime (ns) of the file that `path` is or lies in, by stat alone, to tell whether it changed; both -1 if there is none. */
void desy_video_stamp(const char *path, int64_t *size, int64_t *mtime_ns);

#endif
