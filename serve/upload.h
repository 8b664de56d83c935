/* The body of a request as it arrives: a multipart form with a file field `video`, or the video itself. The video goes to the spool; nothing of it stays in memory. */
#ifndef DESY_SERVE_UPLOAD_H
#define DESY_SERVE_UPLOAD_H

#include "base/hash.h"
#include "serve/spool.h"

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define DESY_UPLOAD_FIELDS 8
#define DESY_UPLOAD_FIELD 8192 /* bytes of a field that is not the video */

struct desy_upload {
    const struct desy_spool *spool;
    uint64_t limit;                     /* bytes of the body */
    struct MHD_PostProcessor *form;     /* NULL: the body is the video */
    int descriptor;                     /* -1: none */
    char *path, *name;                  /* of the spooled video; what its sender calls it, or NULL */
    _Atomic uint64_t received;          /* of the body; the watchdog looks on */
    uint64_t video_bytes;
    bool open, has_video, in_video;     /* in_video: the part that arrives is the video */
    bool hashed;                        /* sha256 is wanted */
    desy_sha256 *hash;
    char sha256[DESY_SHA256_HEX];       /* of the video, once it is complete */
    int status;                         /* what is wrong with it, as an HTTP status; 0: nothing yet */
    char detail[300];
    struct desy_upload_field {
        char key[24];
        char *value;
        size_t length;
    } fields[DESY_UPLOAD_FIELDS];
    size_t n_fields;
};

/* Of a connection whose headers are read. False: `status` and `detail` say why it can't be taken (415). Close it in any case. */
bool desy_upload_open(struct desy_upload *upload, struct MHD_Connection *connection, const struct desy_spool *spool, uint64_t limit, bool hashed);
/* The next bytes. What is wrong is kept for the end; the rest is then read and thrown away. */
void desy_upload_feed(struct desy_upload *upload, const char *data, size_t size);
/* The body is complete: is there one whole video in it? False: `status`, `detail`. */
bool desy_upload_finish(struct desy_upload *upload);
/* Removes the file, unless `path` was taken (NULL). Safe on a zeroed one. */
void desy_upload_close(struct desy_upload *upload);

#endif
