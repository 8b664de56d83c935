/* What is found of one item: is it there, can it be read, what is it, what does it show. */
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "features/promised_bytes.h"
#include "features/video_location.h"
#include "stages/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_BYTES 262144 /* at once */

/* Content is the first 64 bits of the SHA-256 of what is there; left alone where nothing can be read. */
static int read_file(struct desy_check_item *found, const struct desy_video_location *location)
{
    int rc, fd = -1;
    char hex[DESY_SHA256_HEX];
    desy_sha256 *hash = NULL;
    char *buffer = malloc(HASH_BYTES);
    if (!buffer) return desy_error_memory("a file");
    DESY_TRY(desy_video_location_open(&fd, location));
    DESY_TRY(desy_sha256_open(&hash));
    for (int64_t done = 0; done < location->bytes;) {
        int64_t left = location->bytes - done;
        ssize_t got = pread(fd, buffer, (size_t)(left < HASH_BYTES ? left : HASH_BYTES), location->offset + done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) DESY_TRY(desy_error(DESY_EDATA, "can't be read: %s", got < 0 ? strerror(errno) : "it became shorter"));
        DESY_TRY(desy_sha256_update(hash, buffer, (size_t)got));
        done += got;
    }
    DESY_TRY(desy_sha256_finish(&hash, hex));
    hex[16] = '\0';
    found->content = strtoull(hex, NULL, 16);
    found->is_read = 1;
    found->promised = desy_promised_bytes(fd, location->offset, location->bytes);
out:
    desy_sha256_close(&hash);
    if (fd >= 0) close(fd);
    free(buffer);
    return rc;
}

static void describe(struct desy_check_item *found, const struct desy_clip *clip)
{
    found->width = clip->width, found->height = clip->height;
    found->fps = clip->fps, found->duration = clip->duration, found->bit_rate = clip->bit_rate;
    found->has_sound = clip->has_sound != 0, found->cut = clip->cut != 0, found->damaged = clip->damaged != 0;
    snprintf(found->codec, sizeof found->codec, "%.*s", (int)sizeof found->codec - 1, clip->codec);
    snprintf(found->container, sizeof found->container, "%.*s", (int)sizeof found->container - 1, clip->container);
    snprintf(found->pixel_format, sizeof found->pixel_format, "%.*s", (int)sizeof found->pixel_format - 1, clip->pixel_format);
    snprintf(found->muxer, sizeof found->muxer, "%.*s", (int)sizeof found->muxer - 1, clip->muxer);
    desy_fingerprint_clip(&found->print, clip);
}

static int add_item(struct desy_check_items *all, const struct desy_check_item *item)
{
    if (all->count == all->room) {
        size_t room = all->room ? 2 * all->room : 256;
        struct desy_check_item *larger = realloc(all->items, room * sizeof *larger);
        if (!larger) return desy_error_memory("findings");
        all->items = larger, all->room = room;
    }
    all->items[all->count++] = *item;
    return DESY_OK;
}

static int add_reason(struct desy_check_items *all, uint64_t item, const char *text)
{
    if (all->reason_count == all->reason_room) {
        size_t room = all->reason_room ? 2 * all->reason_room : 64;
        struct desy_check_reason *larger = realloc(all->reasons, room * sizeof *larger);
        if (!larger) return desy_error_memory("findings");
        all->reasons = larger, all->reason_room = room;
    }
    struct desy_check_reason *reason = &all->reasons[all->reason_count++];
    memset(reason, 0, sizeof *reason);
    reason->item = item;
    snprintf(reason->text, sizeof reason->text, "%.*s", (int)sizeof reason->text - 1, text);
    return DESY_OK;
}

static int look_at_one(struct desy_check_items *all, const struct desy_clip *clip, const char *path, uint64_t number)
{
    struct desy_video_location location;
    struct desy_check_item found;
    char reason[sizeof clip->reason + 128];
    memset(&found, 0, sizeof found); /* padding, too: it travels */
    found.item = number, found.status = clip->status, found.bytes = -1;
    if (clip->status == DESY_STATUS_OK) describe(&found, clip);
    int rc = desy_video_locate(&location, path);
    if (rc == DESY_EENV) return rc;
    snprintf(reason, sizeof reason, "%s", clip->reason);
    if (rc == DESY_OK) {
        found.bytes = location.bytes;
        if (read_file(&found, &location) == DESY_EENV) return DESY_EENV;
        if (found.promised > found.bytes)
            snprintf(reason, sizeof reason, "its container promises %" PRId64 " bytes, %" PRId64 " are there%s%s", found.promised, found.bytes, *clip->reason ? ": " : "", clip->reason);
    }
    rc = add_item(all, &found);
    return rc == DESY_OK && *reason ? add_reason(all, number, reason) : rc;
}

/* The frames that come out are what "readable" means here. */
int desy_check_look(struct desy_check_items *all, desy_helper_pool *helpers, const char *root, const struct desy_item *items, size_t count, uint64_t first)
{
    int rc = DESY_OK;
    for (size_t i = 0; rc == DESY_OK && i < count; i++) {
        struct desy_clip_request request = {.frames = DESY_FINGERPRINT_FRAMES, .sampling = DESY_SAMPLING_UNIFORM, .transform = DESY_TRANSFORM_SQUASH};
        char *path = desy_path_join(root, items[i].video_path);
        if (!path) return desy_error_memory("a path");
        desy_clip_request_paths(&request, path, "");
        free(path);
        rc = desy_helper_submit(helpers, &request);
    }
    for (size_t i = 0; rc == DESY_OK && i < count; i++) {
        const struct desy_clip *clip = NULL;
        DESY_TRY(desy_helper_take(helpers, &clip));
        char *path = desy_path_join(root, items[i].video_path);
        if (!path) return desy_error_memory("a path");
        rc = look_at_one(all, clip, path, first + i);
        free(path);
    }
out:
    return rc;
}
