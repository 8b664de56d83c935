/* What is found in tar shards, for tests/parity/test_tar.py. Each line of stdin is a path; the answer is a line a member (name, offset, bytes,
 * why it can't be read), then "." and the damage; or, of a path after "?", the file, offset, bytes and SHA-256 of what it names. "!" begins an error. */
#include "base/error.h"
#include "base/hash.h"
#include "features/tar.h"
#include "features/video_location.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int list(const char *path)
{
    desy_tar *tar = NULL;
    int rc = desy_tar_open(&tar, path);
    if (rc != DESY_OK) return rc;
    for (size_t i = 0; i < desy_tar_count(tar); i++) {
        const struct desy_tar_member *member = desy_tar_at(tar, i);
        printf("%s\t%" PRId64 "\t%" PRId64 "\t%s\n", member->name, member->offset, member->bytes, member->unreadable ? member->unreadable : "");
    }
    printf(".\t%s\n", desy_tar_damage(tar));
    desy_tar_close(&tar);
    return DESY_OK;
}

static int locate(const char *path)
{
    struct desy_video_location location;
    char hex[DESY_SHA256_HEX];
    char *bytes = NULL;
    int rc, fd = -1;
    DESY_TRY(desy_video_locate(&location, path));
    DESY_TRY(desy_video_location_open(&fd, &location));
    bytes = malloc((size_t)location.bytes);
    if (!bytes || pread(fd, bytes, (size_t)location.bytes, location.offset) != location.bytes) DESY_TRY(desy_error(DESY_EENV, "can't be read"));
    DESY_TRY(desy_sha256_bytes(hex, bytes, (size_t)location.bytes));
    printf("%s\t%" PRId64 "\t%" PRId64 "\t%s\n", location.file, location.offset, location.bytes, hex);
out:
    if (fd >= 0) close(fd);
    free(bytes);
    return rc;
}

int main(void)
{
    char line[8192];
    while (fgets(line, sizeof line, stdin)) { /* each is answered before the next one is written */
        line[strcspn(line, "\n")] = '\0';
        if ((line[0] == '?' ? locate(line + 1) : list(line)) != DESY_OK)
            printf("!\t%s\n", desy_error_message());
        fflush(stdout);
    }
    return 0;
}
