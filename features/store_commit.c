/* Making segments durable, in the background: an fsync takes as long as a video, and several at a time cost the disk little more than one. */
#include "features/store_segment.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The disk begins to write what the file holds, without being waited for: the hash is made meanwhile. */
static void begin_writing(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    close(fd);
}

/* True if the file ends in the middle of a line, which a killed run leaves. */
static bool torn(int fd)
{
    char last = '\n';
    off_t end = lseek(fd, 0, SEEK_END);
    return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

static pthread_mutex_t manifest_lock = PTHREAD_MUTEX_INITIALIZER; /* one thread at a time looks for its end */

/* Now, or where another host's clock was ahead just after what it wrote. */
static uint64_t later_than(uint64_t us)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    return now_us > us ? now_us : us + 1;
}

static void print_line(FILE *stream, uint64_t block, const char *config_sha256, const struct desy_block_record *record)
{
    char file[DESY_SEGMENT_PATH];
    desy_segment_path(file, block);
    fprintf(stream, "{\"block\":%" PRIu64 ",\"file\":\"%s\",\"sha256\":\"%s\",\"bytes\":%" PRId64 ",\"config_sha256\":\"%s\",\"dataset_sha256\":\"%s\","
            "\"inputs_sha256\":\"%s\",\"items\":%" PRIu32 ",\"ok\":%" PRIu32 ",\"failed\":%" PRIu32 ",\"videos\":%" PRIu32 ",\"rows\":%" PRIu32 ",\"made_us\":%" PRIu64 "}\n",
            block, file, record->sha256, record->bytes, config_sha256, record->dataset_sha256, record->inputs_sha256, record->items, record->ok, record->failed,
            record->videos, record->rows, record->made_us);
}

/* Lines, by one write: a killed run leaves a torn last line at worst, which readers skip. text begins with a newline, for after such a line. */
static int add_to_manifest(const char *directory, int rank, const char *text)
{
    char *path = desy_format("%s/manifest-%05d.jsonl", directory, rank);
    if (!path) return desy_error_memory("the manifest");
    errno = 0;
    pthread_mutex_lock(&manifest_lock);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd >= 0 && !torn(fd)) text++;
    const bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    pthread_mutex_unlock(&manifest_lock);
    int rc = written && fsync(fd) == 0 ? DESY_OK : desy_error(DESY_EENV, "%s: cannot be written: %s", path, strerror(errno ? errno : ENOSPC));
    if (fd >= 0) close(fd);
    free(path);
    return rc;
}

int desy_store_affirm(const char *directory, int rank, const struct desy_block_record *records, const uint64_t *blocks, size_t count,
                      const char *config_sha256, const char *dataset_sha256)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream) return desy_error_memory("the manifest");
    fputc('\n', stream);
    for (size_t i = 0; i < count; i++) {
        struct desy_block_record record = records[blocks[i]];
        snprintf(record.dataset_sha256, sizeof record.dataset_sha256, "%s", dataset_sha256);
        record.made_us = later_than(record.made_us);
        print_line(stream, blocks[i], config_sha256, &record);
    }
    int rc = fclose(stream) == 0 ? add_to_manifest(directory, rank, text) : desy_error_memory("the manifest");
    free(text);
    return rc;
}

static int list_segment(const desy_segment *segment, int rank, const char *sha256, const char *inputs_sha256)
{
    int64_t mtime;
    char *text = NULL;
    size_t size;
    struct desy_block_record record = {.made_us = later_than(segment->after_us), .items = (uint32_t)segment->items, .ok = (uint32_t)segment->ok,
                                       .failed = (uint32_t)(segment->items - segment->ok), .videos = (uint32_t)segment->count, .rows = (uint32_t)segment->rows};
    desy_file_stamp(segment->temporary, &record.bytes, &mtime);
    snprintf(record.sha256, sizeof record.sha256, "%s", sha256);
    snprintf(record.inputs_sha256, sizeof record.inputs_sha256, "%s", inputs_sha256);
    snprintf(record.dataset_sha256, sizeof record.dataset_sha256, "%s", segment->dataset_sha256);
    FILE *stream = open_memstream(&text, &size);
    if (!stream) return desy_error_memory("the manifest");
    fputc('\n', stream);
    print_line(stream, segment->block, segment->config_sha256, &record);
    int rc = fclose(stream) == 0 ? add_to_manifest(segment->directory, rank, text) : desy_error_memory("the manifest");
    free(text);
    return rc;
}

/* What the new segment replaces goes first: killed in between, the old line must not vouch for the new file, nor the new line for the old file. */
static int remove_old(const desy_segment *segment)
{
    if (unlink(segment->path) == 0) return desy_sync_directory_of(segment->path);
    return errno == ENOENT ? DESY_OK : desy_error(DESY_EENV, "%s: cannot be replaced: %s", segment->path, strerror(errno));
}

/* All that waits for the disk. Any thread. The index is removed after the rename, too: another shard may have just written one. */
static int settle(desy_segment *segment, int rank, const char *inputs_sha256)
{
    char sha256[DESY_SHA256_HEX];
    begin_writing(segment->temporary);
    int rc = desy_sha256_file(sha256, segment->temporary);
    if (rc == DESY_OK) rc = desy_store_index_remove(segment->directory);
    if (rc == DESY_OK) rc = remove_old(segment);
    if (rc == DESY_OK) rc = list_segment(segment, rank, sha256, inputs_sha256);
    if (rc == DESY_OK) rc = desy_rename_durable(segment->temporary, segment->path);
    if (rc != DESY_OK) return rc;
    free(segment->temporary); /* is there no more, so nothing is left to remove */
    segment->temporary = NULL;
    return desy_store_index_remove(segment->directory);
}

int desy_segment_commit(desy_segment **segment, int rank, const char *inputs_sha256)
{
    int rc = desy_segment_finish(*segment);
    if (rc == DESY_OK) rc = settle(*segment, rank, inputs_sha256);
    desy_segment_abort(segment);
    return rc;
}

#define UNDER_WAY 8

struct commit {
    pthread_t thread;
    desy_segment *segment;
    int rank, code;
    char inputs_sha256[DESY_SHA256_HEX], error[2048];
};

struct desy_committer {
    int rank, oldest, count; /* commits[oldest], ... in a ring */
    struct commit commits[UNDER_WAY];
};

int desy_committer_open(desy_committer **committer, int rank)
{
    *committer = calloc(1, sizeof **committer);
    if (!*committer) return desy_error_memory("segments");
    (*committer)->rank = rank;
    return DESY_OK;
}

static void *run(void *argument)
{
    struct commit *commit = argument;
    commit->code = settle(commit->segment, commit->rank, commit->inputs_sha256);
    if (commit->code != DESY_OK) snprintf(commit->error, sizeof commit->error, "%s", desy_error_message());
    return NULL;
}

static int wait_for_oldest(desy_committer *committer)
{
    struct commit *commit = &committer->commits[committer->oldest];
    pthread_join(commit->thread, NULL);
    committer->oldest = (committer->oldest + 1) % UNDER_WAY;
    committer->count--;
    desy_segment_abort(&commit->segment);
    return commit->code == DESY_OK ? DESY_OK : desy_error(commit->code, "%s", commit->error);
}

int desy_committer_add(desy_committer *committer, desy_segment **segment, const char *inputs_sha256)
{
    int rc = desy_segment_finish(*segment);
    if (rc == DESY_OK && committer->count == UNDER_WAY) rc = wait_for_oldest(committer);
    if (rc == DESY_OK) {
        struct commit *commit = &committer->commits[(committer->oldest + committer->count) % UNDER_WAY];
        *commit = (struct commit){.segment = *segment, .rank = committer->rank};
        snprintf(commit->inputs_sha256, sizeof commit->inputs_sha256, "%s", inputs_sha256);
        if (pthread_create(&commit->thread, NULL, run, commit) == 0) {
            committer->count++;
            *segment = NULL;
        } else rc = settle(*segment, committer->rank, inputs_sha256);
    }
    desy_segment_abort(segment);
    return rc;
}

int desy_committer_wait(desy_committer *committer)
{
    int rc = DESY_OK;
    while (committer->count > 0) {
        const int one = wait_for_oldest(committer);
        if (rc == DESY_OK) rc = one;
    }
    return rc;
}

void desy_committer_close(desy_committer **committer)
{
    if (!*committer) return;
    desy_committer_wait(*committer);
    free(*committer);
    *committer = NULL;
}
